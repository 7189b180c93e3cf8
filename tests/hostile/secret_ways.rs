//! The ways on which secrets come in: typed on a terminal, told by a program, and in keys of other programs. None stays in memory.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use bootseal::formats::firmware::authenticode::minimal_image;

use super::secrets::{END, Secret, WAIT, debugger, found, memory, numbers, passphrase};
use crate::support::ceremony::{PASSPHRASE, encrypted, private};
use crate::support::node::{Node, menu};
use crate::support::{bootseal, succeed, tool};

/// The passphrase that comes after [`PASSPHRASE`].
const NEXT: &str = "staple that battery anew";
/// Of the keys that are imported.
const OLD: &str = "what openssl encrypted it by";
const OLD_OF_GRUB: &str = "what gpg encrypted it by";

/// As [`memory`], of a command that is given these lines on its terminal, one after each question. They are in no argument and no
/// variable, which would be in its memory too.
fn memory_at_terminal(command: &Command, stop: &str, typed: &[&str]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let (core, script) = (directory.path().join("core"), directory.path().join("script"));
    let gdb = debugger(command, stop, &core);
    let words = std::iter::once(gdb.get_program()).chain(gdb.get_args());
    let spawn: Vec<String> = words.map(|word| format!(" {{{}}}", word.to_str().unwrap())).collect();
    let answers: Vec<String> = typed
        .iter()
        .map(|line| format!("expect -re {{[Pp]assphrase[^\\n]*: $|again: $}}\nsend -- {{{line}}}\nsend -- \\r\n"))
        .collect();
    private(
        &script,
        format!(
            "set timeout 300\nspawn -noecho{}\n{}expect eof\n",
            spawn.concat(),
            answers.concat()
        )
        .as_bytes(),
    );
    let mut expect = tool("expect");
    expect.arg(&script).env("NO_COLOR", "1").env("TERM", "dumb");
    for (name, value) in gdb.get_envs() {
        expect.env(name, value.unwrap());
    }
    let output = expect.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        typed.iter().all(|line| !said.contains(line)),
        "what is typed is shown: {said}"
    );
    fs::read(&core).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn named(name: &str, secret: &str) -> Secret {
    (name.to_owned(), secret.as_bytes().to_vec())
}

#[test]
fn a_passphrase_that_is_typed_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys");
    fs::create_dir(&keys).unwrap();
    for entry in fs::read_dir(encrypted().keys()).unwrap() {
        let path = entry.unwrap().path();
        private(&keys.join(path.file_name().unwrap()), &fs::read(&path).unwrap());
    }
    let file = directory.path().join("grub.cfg");
    fs::write(&file, "set timeout=5\n").unwrap();
    let mut secrets = numbers(&keys.join("grub.key"));
    secrets.extend([passphrase(), named("next passphrase", NEXT)]);
    let mut sign = bootseal(["sign", "grub", "--keys"]);
    sign.arg(&keys).arg(&file);
    let end = memory_at_terminal(&sign, END, &[PASSPHRASE]);
    assert_eq!(found(&end, &secrets), Vec::<String>::new());
    assert!(directory.path().join("grub.cfg.sig").exists());

    let mut change = bootseal(["keys", "passphrase", "grub", "--keys"]);
    change.arg(&keys);
    let before = fs::read(keys.join("grub.key")).unwrap();
    let end = memory_at_terminal(&change, END, &[NEXT, NEXT, PASSPHRASE]);
    assert_eq!(found(&end, &secrets), Vec::<String>::new());
    assert_ne!(
        fs::read(keys.join("grub.key")).unwrap(),
        before,
        "it was not encrypted anew"
    );
}

/// The program is started on its own machine only: this one gets the boot directory for the debugger alone.
#[test]
fn a_passphrase_that_a_program_tells_the_hook_is_gone() {
    let node = Node::new();
    node.kernel("boot/vmlinuz-6.12.1");
    node.write("boot/grub/grub.cfg", menu("6.12.1", 5));
    let told = node.path("passphrase");
    private(&told, PASSPHRASE.as_bytes());
    let config = node.path("config.toml");
    let settings = format!("[hook]\npassphrase_command = [\"/bin/cat\", \"{}\"]\n", told.display());
    private(&config, settings.as_bytes());
    let mut secrets = numbers(&encrypted().file("grub.key"));
    secrets.extend(numbers(&encrypted().file("db.key")));
    secrets.push(passphrase());
    let mut hook = bootseal(["hook", "run", "--config"]);
    hook.arg(&config).arg("--keys").arg(encrypted().keys());
    hook.args(["all", "6.12.1"]).env("STATE_DIRECTORY", node.path("state"));
    for stop in [WAIT, END] {
        let core = node.path("core");
        let gdb = debugger(&hook, stop, &core);
        let mut there = tool("unshare");
        there.args([
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$1\" /boot && shift && exec \"$@\"",
            "sh",
        ]);
        there.arg(node.path("boot")).arg(gdb.get_program()).args(gdb.get_args());
        for (name, value) in gdb.get_envs() {
            there.env(name, value.unwrap());
        }
        let output = there.stdin(Stdio::null()).output().unwrap();
        let memory = fs::read(&core).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert_eq!(found(&memory, &secrets), Vec::<String>::new(), "{stop}");
        fs::remove_file(&core).unwrap();
        let is_signed = node.path("boot/vmlinuz-6.12.1.sig").exists();
        assert_eq!(is_signed, stop == END, "{output:?}");
    }
}

/// Makes an encrypted key with its certificate.
fn make(key: &Path) {
    let openssl = |words: &[&str]| {
        let mut openssl = tool("openssl");
        openssl.args(words);
        openssl
    };
    let passphrase = format!("pass:{OLD}");
    succeed(
        openssl(&["genrsa", "-aes256", "-passout", &passphrase, "-out"])
            .arg(key)
            .arg("2048"),
    );
    let mut request = openssl(&["req", "-x509", "-new", "-days", "3650", "-subj", "/CN=own"]);
    request.args(["-passin", &passphrase, "-key"]).arg(key);
    succeed(request.arg("-out").arg(key.with_extension("crt")));
    private(key, &fs::read(key).unwrap());
}

#[test]
fn keys_that_are_imported_are_gone_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::create_dir(path("openssl")).unwrap();
    for name in ["PK", "db"] {
        make(&path(&format!("openssl/{name}.key")));
    }
    fs::create_dir(path("gnupg")).unwrap();
    fs::set_permissions(path("gnupg"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let gpg = || {
        let mut gpg = tool("gpg");
        gpg.arg("--homedir").arg(path("gnupg"));
        gpg.args(["--batch", "--yes", "--quiet", "--pinentry-mode", "loopback"]);
        gpg.args(["--passphrase", OLD_OF_GRUB]);
        gpg
    };
    succeed(gpg().args(["--quick-gen-key", "boot", "rsa3072", "sign", "never"]));
    let exported = gpg().args(["--export-secret-keys", "boot"]).output().unwrap();
    assert!(exported.status.success(), "{exported:?}");
    private(&path("boot.gpg"), &exported.stdout);
    private(&path("old"), format!("{OLD}\n").as_bytes());
    private(&path("old-of-grub"), format!("{OLD_OF_GRUB}\n").as_bytes());

    let mut import = bootseal(["ceremony", "run", "--name", "taken", "--plain", "PK,KEK,db,module,grub"]);
    import
        .arg("--import")
        .arg(path("openssl"))
        .arg("--grub-key")
        .arg(path("boot.gpg"));
    for key in ["PK", "db"] {
        import.arg("--pin-file").arg(format!("{key}={}", path("old").display()));
    }
    import
        .arg("--pin-file")
        .arg(format!("grub={}", path("old-of-grub").display()));
    import.arg("--out").arg(path("keys"));
    let end = memory(&import, END);
    // Those that were made beside them count as well; the files are plain, as asked.
    let mut secrets = vec![
        named("passphrase of openssl", OLD),
        named("passphrase of gpg", OLD_OF_GRUB),
    ];
    for name in ["PK", "KEK", "db", "module", "grub"] {
        secrets.extend(numbers(&path(&format!("keys/{name}.key"))));
    }
    assert_eq!(found(&end, &secrets), Vec::<String>::new());
    let image = path("image.efi");
    fs::write(&image, minimal_image()).unwrap();
    succeed(bootseal(["sign", "efi", "--keys"]).arg(path("keys")).arg(&image));
}
