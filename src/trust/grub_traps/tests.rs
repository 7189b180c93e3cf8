//! Each trap by an example, and what looks like one and is none.

use super::*;
use crate::formats::grub::opened_files::variables;

fn found(text: &str) -> Vec<(&'static str, usize)> {
    let script = Script::parse(text);
    let variables = variables(std::iter::once(&script));
    traps(Path::new("grub.cfg"), &script, None, &variables)
        .iter()
        .map(name_and_line)
        .collect()
}

fn name_and_line(trap: &Finding) -> (&'static str, usize) {
    (trap.kind.name(), trap.line.as_ref().unwrap().number)
}

#[test]
fn each_trap_is_found_at_its_line() {
    for (text, name) in [
        ("set check_signatures=no", "check_signatures"),
        ("check_signatures=\"$x\"", "unproven"),
        ("unset check_signatures", "check_signatures"),
        ("set superusers=''", "superusers_unset"),
        ("unset superusers", "superusers_unset"),
        ("set superusers=root", "superusers_changed"),
        ("password root secret", "plain_password"),
        ("trust /other.gpg", "trust"),
        ("distrust 0123456789abcdef", "trust"),
        ("rmmod pgp", "module_removed"),
        ("if ! rmmod gcry_sha512; then true; fi", "module_removed"),
        ("load_env --skip-sig", "load_env_unchecked"),
        ("load_env -s -f /x/grubenv", "load_env_unchecked"),
        ("load_env --skip-sig saved_entry check_signatures", "load_env_unchecked"),
        ("search --no-floppy --set=root --file /marker", "search_file"),
        ("search -f /marker", "search_file"),
        ("search.file /marker root", "search_file"),
        ("chainloader +1", "blocks"),
        ("chainloader (hd0,1)+1", "blocks"),
        ("write_dword 0 1", "memory_written"),
        ("cutmem 1 2", "memory_written"),
        ("eval $x", "unproven"),
        ("linux $kernel", "unknown_file"),
        ("linux (http,10.0.0.1)/vmlinuz", "elsewhere"),
        ("chainloader /EFI/Linux/gentoo.efi", "chainloader"),
        ("c=rmmod; $c pgp", "module_removed"),
        ("echo 'open", "malformed"),
    ] {
        let expected_line = if name == "malformed" { 4 } else { 3 };
        let found = found(&format!("\n# set check_signatures=no\n{text}\n"));
        assert_eq!(found, [(name, expected_line)], "{text}");
    }
    let entry = "menuentry 'Windows' $menuentry_id_option 'osprober-efi-1' {\n  chainloader /EFI/Microsoft/x.efi\n}\n";
    assert_eq!(found(entry), [("os_prober", 1)]);
    let unsigned = "load_env --skip-sig options\nlinux /vmlinuz root=/dev/sda2 $options\n";
    assert_eq!(found(unsigned), [("unsigned_variable", 2)]);
}

#[test]
fn ordinary_commands_are_no_traps() {
    for text in [
        "set check_signatures=enforce\nexport check_signatures",
        "load_env",
        "load_env --skip-sig saved_entry\nset default=\"0\"\nmenuentry \"$saved_entry\" { echo; }",
        "search --no-floppy --fs-uuid --set=root --hint-efi=hd0,gpt2 5a1e4d6c",
        "password_pbkdf2 root grub.pbkdf2.sha512.10000.AA.BB",
        "insmod gzio\nloadfont unicode\nlinux /vmlinuz root=/dev/sda2\ninitrd /ucode.img /initrd.img",
        "echo 'set check_signatures=no; rmmod pgp'",
        "set root='hd0,gpt2'\nset prefix=($root)/grub\nconfigfile $prefix/grub.cfg",
        "rmmod tpm",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}

#[test]
fn only_what_runs_writes_the_environment() {
    let writes = |text: &str| {
        let script = Script::parse(text);
        let variables = variables(std::iter::once(&script));
        writer(&[&script], &variables).map(|(_, command)| command.line)
    };
    let function = "function savedefault {\n  save_env saved_entry\n}\n";
    assert_eq!(writes(function), None);
    assert_eq!(
        writes(&format!("{function}menuentry x {{\n  savedefault\n}}\n")),
        Some(2)
    );
    assert_eq!(writes(&format!("{function}function g {{\n savedefault\n}}\n")), None);
    assert_eq!(
        writes(&format!(
            "{function}function g {{\n savedefault\n}}\nif true; then g; fi\n"
        )),
        Some(2)
    );
    assert_eq!(
        writes("if [ \"${next_entry}\" ]; then\n  save_env next_entry\nfi\n"),
        None
    );
    // As GRUB 2.14 has it, whose block of variables may lie elsewhere.
    assert_eq!(
        writes(
            "if [ \"${next_entry}\" ]; then\n  if [ \"${env_block}\" ]; then\n    save_env -f \"${env_block}\" next_entry\n  fi\nfi\n"
        ),
        None
    );
    assert_eq!(
        writes("save_env --file=/x/grubenv --file /x/grubenv saved_entry\n"),
        None
    );
    for other in ["save_env recordfail\n", "save_env -f \"${env_block}\" recordfail\n"] {
        assert_eq!(writes(other), Some(1), "{other}");
    }
}

#[test]
fn defaults_are_read_as_a_shell_would() {
    let text = "# GRUB_SAVEDEFAULT=true\nGRUB_DEFAULT=saved\nexport GRUB_SAVEDEFAULT=\"true\" # why\n\
                GRUB_DISABLE_OS_PROBER='false'\nGRUB_TIMEOUT=5\n";
    let file = Path::new("/etc/default/grub");
    let found: Vec<_> = default_traps(file, text).iter().map(name_and_line).collect();
    assert_eq!(found, [("saved_entry", 2), ("savedefault", 3), ("os_prober", 4)]);
    assert!(
        default_traps(
            file,
            "GRUB_DEFAULT=0\nGRUB_DISABLE_OS_PROBER=true\nGRUB_SAVEDEFAULT=false\n"
        )
        .is_empty()
    );
}

#[test]
fn a_script_that_is_not_read_to_its_end_is_told_apart_from_one_that_grub_does_not_read() {
    assert!(
        found(&"true\n".repeat(300_000))
            .iter()
            .any(|(name, _)| *name == "too_long")
    );
    assert_eq!(found("true\n}\n"), [("malformed", 2)]);
}
