//! Reports of `verify` and `sign grub` on a directory of GRUB, and the files that its configuration leads them to.

use std::fs;

use serde_json::Value;

use crate::support::node::Node;
use crate::support::programs::{UNICODE, host_file};
use crate::support::{keys, refuse, sign, succeed, text, verify};

fn machine(files: &[(&str, &str)]) -> Node {
    let node = Node::new();
    for (name, content) in files {
        node.write(name, content);
    }
    node
}

/// The exit code and all that is printed, with the root taken off every name.
fn run(node: &Node, arguments: &[&str]) -> (i32, String) {
    let mut command = node.bootseal(arguments);
    command.arg("--keys").arg(keys()).arg(node.path("boot/grub"));
    let output = command.output().unwrap();
    (output.status.code().unwrap(), node.without_root(&text(&output)))
}

const CONFIGURATION: &str = "\
set k=/vmlinuz-1
loadfont unicode
if true; then set theme=/usr/share/theme/theme.txt; fi
set locale_dir=/usr/share/locale/grub
menuentry 'Gentoo' {
  linux $k root=/dev/sda2
  initrd /ucode.img newc:x:/initrd-1
  source /more.cfg
}
menuentry 'Windows' $menuentry_id_option 'osprober-efi-1' {
  chainloader /EFI/Microsoft/Boot/bootmgfw.efi
}
menuentry 'Old' {
  linux /vmlinuz-0
}
set check_signatures=no
insmod gzio
";

#[test]
fn a_configuration_leads_to_what_is_signed_and_its_traps_are_told() {
    let node = machine(&[
        ("boot/grub/grub.cfg", CONFIGURATION),
        ("boot/grub/x86_64-efi/moddep.lst", "gzio: gcry_crc\ngcry_crc: crypto\n"),
        ("boot/grub/x86_64-efi/gzio.mod", "x"),
        ("boot/vmlinuz-1", "x"),
        ("boot/ucode.img", "x"),
        ("boot/initrd-1", "x"),
        (
            "boot/more.cfg",
            "devicetree (hd0,gpt2)/@boot/dtb\nacpi /@boot/dsdt.aml\nmultiboot2 /../../kernel\n",
        ),
        ("dtb", "x"),
        ("boot/dsdt.aml", "x"),
        ("boot/EFI/Microsoft/Boot/bootmgfw.efi", "x"),
        (
            "usr/share/theme/theme.txt",
            "desktop-image: \"a.png\"\nmenu_pixmap_style = \"m_*.png\"\n",
        ),
        ("usr/share/theme/a.png", "x"),
        ("usr/share/theme/m_nw.png", "x"),
        ("usr/share/theme/icons/gentoo.png", "x"),
        ("usr/share/theme/notes", "x"),
        ("usr/share/locale/grub/de.mo", "x"),
        ("etc/default/grub", "GRUB_SAVEDEFAULT=true\n"),
    ]);
    node.link("ucode.img", "boot/kernel");
    let (code, said) = run(&node, &["sign", "grub"]);
    assert_eq!(code, 0, "{said}");
    let signed: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("✓ ")).collect();
    assert_eq!(
        signed,
        [
            "/boot/dsdt.aml",
            "/boot/grub/grub.cfg",
            "/boot/grub/x86_64-efi/gzio.mod",
            "/boot/grub/x86_64-efi/moddep.lst",
            "/boot/initrd-1",
            "/boot/kernel",
            "/boot/more.cfg",
            "/boot/ucode.img",
            "/boot/vmlinuz-1",
            "/dtb",
            "/usr/share/locale/grub/de.mo",
            "/usr/share/theme/a.png",
            "/usr/share/theme/icons/gentoo.png",
            "/usr/share/theme/m_nw.png",
            "/usr/share/theme/theme.txt",
        ]
        .map(|name| format!("{name} (for GRUB)"))
    );
    let is_of_ledger = |warning: &&str| warning.contains(" are taken as they are found");
    let warnings = said.lines().filter_map(|line| line.strip_prefix("warning: "));
    let (first, warnings): (Vec<&str>, Vec<&str>) = warnings.partition(is_of_ledger);
    assert_eq!(first.len(), 1, "{said}");
    let begins: Vec<&str> = warnings
        .iter()
        .map(|warning| warning.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        begins,
        [
            "/boot/grub/grub.cfg:10",
            "/boot/grub/grub.cfg:16",
            "/etc/default/grub:1",
            "/boot/grub/grub.cfg:14"
        ],
        "{said}"
    );

    let (code, said) = run(&node, &["-v", "verify"]);
    assert_eq!(code, 1);
    let expected = "\
✗ /boot/grub/grub.cfg:14 (not_found): linux /vmlinuz-0: there is no such file here
- /boot/grub/grub.cfg:17: insmod crypto (insmod_not_there): neither the module nor one that it needs is in this tree, so it works only if the core image holds it
  fix: install the module, or take it out
✗ /boot/grub/grub.cfg:10: menuentry Windows ${menuentry_id_option} osprober-efi-1 (os_prober): os-prober lets whatever lies on another disk into the menu; such files are not signed along
  fix: set GRUB_DISABLE_OS_PROBER=true in /etc/default/grub, and start other systems from the firmware's menu
✗ /boot/grub/grub.cfg:16: set check_signatures=no (check_signatures): from here on GRUB may open files without looking at their signatures
  fix: take it out: the embedded configuration sets check_signatures=enforce
✗ /etc/default/grub:1: GRUB_SAVEDEFAULT=true (savedefault): GRUB writes the choice into grubenv, whose signature does not hold from then on
  fix: set GRUB_SAVEDEFAULT=false, and the default by GRUB_DEFAULT=NUMBER or ID
✗ /boot/grub (GRUB directory): files: 15, problems: 1, traps: 3, notes: 1
error: 1 of 1 files are not accepted
";
    assert_eq!(said, expected);
}

/// Such as one for another machine's image.
#[test]
fn a_tree_that_this_machine_does_not_boot_from_does_not_lead_to_its_files() {
    let node = machine(&[
        (
            "boot/grub/grub.cfg",
            "loadfont /usr/share/grub/unicode.pf2\nlinux /etc/passwd\ninitrd /initrd\n",
        ),
        ("boot/initrd", "x"),
    ]);
    let host = host_file(UNICODE);
    let said = succeed(&mut sign("grub", &[&node.path("boot/grub")]));
    assert!(
        said.contains("signed 2,") && said.contains("linux /etc/passwd: there is no such file here"),
        "{said}"
    );
    assert!(node.path("boot/initrd.sig").exists());
    assert!(!host.with_extension("pf2.sig").exists() && !std::path::Path::new("/etc/passwd.sig").exists());
}

#[test]
fn a_script_is_judged_for_traps_wherever_it_lies() {
    let node = machine(&[
        ("x.cfg", "\nload_env --skip-sig\n"),
        ("etc/default/grub", "GRUB_TIMEOUT=5\nGRUB_DISABLE_OS_PROBER=false\n"),
    ]);
    let script = node.path("x.cfg");
    succeed(&mut sign("grub", &[&script]));
    let said = refuse(&mut verify(&[&script]));
    assert!(
        said.contains("x.cfg:2: load_env --skip-sig (load_env_unchecked)"),
        "{said}"
    );
    let said = refuse(&mut verify(&[&node.path("etc/default/grub")]));
    assert!(
        said.contains("grub:2: GRUB_DISABLE_OS_PROBER=false (os_prober)"),
        "{said}"
    );
    fs::write(node.path("etc/default/grub"), "GRUB_TIMEOUT=5\n").unwrap();
    succeed(&mut verify(&[&node.path("etc/default/grub")]));
}

#[test]
fn what_is_excluded_is_not_judged_and_a_broken_script_or_link_is_named() {
    let node = machine(&[
        ("boot/grub/grub.cfg", "menuentry x {\n"),
        ("boot/grub/old/grub.cfg", "set check_signatures=no\n"),
        ("etc/bootseal/config.toml", "[sign]\nexclude = [\"/boot/grub/old\"]\n"),
    ]);
    node.link("nowhere", "boot/grub/link");
    let (code, said) = run(&node, &["--json", "verify"]);
    let report: Value = serde_json::from_str(&said).unwrap();
    let names = |key: &str, name: &str| -> Vec<String> {
        let found = report["files"][0][key].as_array().unwrap();
        found
            .iter()
            .map(|found| format!("{} {}", found[name].as_str().unwrap(), found["path"].as_str().unwrap()))
            .collect()
    };
    assert_eq!(code, 1);
    assert_eq!(
        names("problems", "problem"),
        [
            "missing /boot/grub/grub.cfg",
            "nothing_starts /boot/grub/grub.cfg",
            "not_judged /boot/grub/link"
        ],
        "{report}"
    );
    assert_eq!(names("traps", "trap"), ["malformed /boot/grub/grub.cfg"]);
    let hint = report["error"]["hints"][0].as_str().unwrap();
    assert!(hint.starts_with("bootseal sign grub /boot/grub --keys "), "{hint}");
    fs::create_dir(node.path("modules")).unwrap();
    fs::write(node.path("modules/loop.ko"), "x").unwrap();
    let said = refuse(&mut verify(&[&node.path("modules")]));
    assert!(said.contains("modules is no directory of GRUB"), "{said}");
    // Others' configurations are none, whatever lies beside them.
    fs::create_dir(node.path("etc/dpkg")).unwrap();
    fs::write(node.path("etc/dpkg/dpkg.cfg"), "no-debsig\n").unwrap();
    std::os::unix::fs::symlink("/nowhere", node.path("etc/dpkg/link")).unwrap();
    let said = refuse(&mut verify(&[&node.path("etc/dpkg")]));
    assert!(said.contains("dpkg is no directory of GRUB"), "{said}");
}
