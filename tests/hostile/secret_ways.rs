//! The ways on which secrets come in: typed on a terminal, told by a program, and in keys of other programs. None stays in memory.

use std::fs;
use std::path::Path;
use std::process::Command;

use bootseal::formats::firmware::authenticode::minimal_image;

use super::secrets::{END, Secret, WAIT, debugger, found, memory, numbers, passphrase};
use crate::support::ceremony::{PASSPHRASE, encrypted, private};
use crate::support::node::Node;
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
    let spawn: String = words.map(|word| format!(" {{{}}}", word.to_str().unwrap())).collect();
    let answers: String = typed
        .iter()
        .map(|line| format!("expect -re {{[Pp]assphrase[^\\n]*: $|again: $}}\nsend -- {{{line}}}\nsend -- \\r\n"))
        .collect();
    private(
        &script,
        format!("set timeout 300\nspawn -noecho{spawn}\n{answers}expect eof\n").as_bytes(),
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
    let end = memory_at_terminal(&change, END, &[PASSPHRASE, NEXT, NEXT]);
    assert_eq!(found(&end, &secrets), Vec::<String>::new());
    assert_ne!(
        fs::read(keys.join("grub.key")).unwrap(),
        before,
        "it was not encrypted anew"
    );
}

#[test]
fn a_passphrase_that_a_program_tells_the_hook_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let told = directory.path().join("passphrase");
    private(&told, PASSPHRASE.as_bytes());
    let node = Node::new();
    node.keys(&encrypted().keys(), |_| true);
    node.kernel("boot/vmlinuz");
    let command = format!("[hook]\npassphrase_command = [\"/bin/cat\", \"{}\"]\n", told.display());
    node.write("etc/bootseal/config.toml", command);
    let mut secrets = numbers(&encrypted().file("grub.key"));
    secrets.extend(numbers(&encrypted().file("db.key")));
    secrets.push(passphrase());
    let hook = node.bootseal(["hook", "run", "all"]);
    for stop in [WAIT, END] {
        assert_eq!(found(&memory(&hook, stop), &secrets), Vec::<String>::new(), "{stop}");
    }
    assert!(node.path("boot/vmlinuz.sig").exists());
}

/// Makes an encrypted key with its certificate.
fn make(key: &Path) {
    let mut openssl = tool("openssl");
    openssl.args([
        "req", "-x509", "-newkey", "rsa:2048", "-days", "3650", "-subj", "/CN=own",
    ]);
    openssl.args(["-passout", &format!("pass:{OLD}"), "-keyout"]).arg(key);
    succeed(openssl.arg("-out").arg(key.with_extension("crt")));
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
