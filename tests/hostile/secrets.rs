//! Memory as it is when a command ends, and while it waits for another: no key, passphrase or share is in it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use bootseal::formats::firmware::authenticode::minimal_image;

use crate::crash::rotation::{Machine, SPECIFICATION};
use crate::support::backup::{SHARED, Whole};
use crate::support::ceremony::{PASSPHRASE, encrypted, private};
use crate::support::node::Node;
use crate::support::token::{PIN, Token};
use crate::support::{bootseal, keys as shared_keys, succeed, tool};

/// The end of a process.
pub const END: &str = "catch syscall exit_group";
/// The commit of what was signed: the key is still in use.
const COMMIT: &str = "catch syscall rename renameat renameat2";
/// The wait for another run to end.
pub const WAIT: &str = "catch syscall flock";
/// The login to a token.
const LOGIN: &str = "break C_Login";
/// Bytes of a number that are looked for: as many as nothing else has by chance.
const PIECE: usize = 24;

/// Bytes that must not be found, with a name.
pub type Secret = (String, Vec<u8>);

/// A debugger that runs a command, and writes its memory to a file when it first comes to a place that stops it.
pub fn debugger(command: &Command, stop: &str, core: &Path) -> Command {
    let mut gdb = tool("gdb");
    gdb.args(["-batch", "-nx", "-ex", "set startup-with-shell off"]);
    gdb.args(["-ex", "set breakpoint pending on", "-ex", stop, "-ex", "run"]);
    gdb.args(["-ex", &format!("gcore {}", core.display()), "-ex", "kill", "--args"]);
    gdb.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        gdb.env(name, value.unwrap());
    }
    gdb
}

/// The memory of a command when it first comes to a place that stops it in gdb.
pub fn memory(command: &Command, stop: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let core = directory.path().join("core");
    let output = debugger(command, stop, &core).stdin(Stdio::null()).output().unwrap();
    fs::read(&core).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// The names of the secrets that are in memory, as they are or with their bytes turned round, as numbers are held.
pub fn found(memory: &[u8], secrets: &[Secret]) -> Vec<String> {
    let is_there = |piece: &[u8]| memchr::memmem::find(memory, piece).is_some();
    let is_found = |(_, secret): &&Secret| {
        let length = PIECE.min(secret.len());
        // What calls leave on a stack is often overwritten in part.
        [0, (secret.len() - length) / 2, secret.len() - length]
            .into_iter()
            .map(|start| &secret[start..start + length])
            .any(|piece| is_there(piece) || is_there(&piece.iter().rev().copied().collect::<Vec<u8>>()))
    };
    secrets.iter().filter(is_found).map(|(name, _)| name.clone()).collect()
}

/// The private numbers of a key, by OpenSSL.
pub fn numbers(key: &Path) -> Vec<Secret> {
    let mut show = tool("openssl");
    show.args([
        "rsa",
        "-noout",
        "-text",
        "-passin",
        &format!("pass:{PASSPHRASE}"),
        "-in",
    ]);
    let text = succeed(show.arg(key));
    let mut numbers: Vec<Secret> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("    "), numbers.last_mut()) {
            (Some(digits), Some((_, bytes))) => bytes.extend(hex::decode(digits.replace(':', "")).unwrap()),
            _ => numbers.push((format!("{}, {}", key.display(), line.trim_end_matches(':')), Vec::new())),
        }
    }
    let private = [
        "privateExponent",
        "prime1",
        "prime2",
        "exponent1",
        "exponent2",
        "coefficient",
    ];
    numbers.retain(|(name, _)| private.iter().any(|private| name.ends_with(private)));
    assert_eq!(numbers.len(), private.len());
    numbers
}

pub fn passphrase() -> Secret {
    ("passphrase".to_owned(), PASSPHRASE.as_bytes().to_vec())
}

#[test]
fn a_key_is_in_memory_only_while_it_signs() {
    let directory = tempfile::tempdir().unwrap();
    let (passphrase_file, file) = (directory.path().join("passphrase"), directory.path().join("grub.cfg"));
    private(&passphrase_file, format!("{PASSPHRASE}\n").as_bytes());
    let keys = encrypted();
    let mut secrets = numbers(&keys.file("grub.key"));
    secrets.push(passphrase());
    let mut sign = bootseal(["sign", "grub", "--keys"]);
    sign.arg(keys.keys())
        .arg("--passphrase-file")
        .arg(&passphrase_file)
        .arg(&file);
    let at = |stop| {
        fs::write(&file, "set timeout=5\n").unwrap();
        found(&memory(&sign, stop), &secrets)
    };
    assert!(!at(COMMIT).is_empty(), "what the key signs with is not found at all");
    assert_eq!(at(WAIT), Vec::<String>::new());
    assert_eq!(at(END), Vec::<String>::new());
    assert!(directory.path().join("grub.cfg.sig").exists());
}

#[test]
fn a_plain_key_is_gone_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image.efi");
    fs::write(&image, minimal_image()).unwrap();
    let keys = encrypted();
    let mut sign = bootseal(["sign", "efi", "--keys"]);
    sign.arg(keys.keys()).arg(&image);
    let secrets = numbers(&keys.file("db.key"));
    assert_eq!(found(&memory(&sign, END), &secrets), Vec::<String>::new());
}

/// Each thread of those that sign side by side leaves nothing either.
#[test]
fn keys_that_sign_on_all_cores_are_gone_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let keys = encrypted();
    let secrets = numbers(&keys.file("db.key"));
    let mut sign = bootseal(["sign", "efi", "--keys"]);
    sign.arg(keys.keys());
    for number in 0..64 {
        let image = directory.path().join(format!("{number}.efi"));
        fs::write(&image, minimal_image()).unwrap();
        sign.arg(image);
    }
    assert_eq!(found(&memory(&sign, END), &secrets), Vec::<String>::new());
}

/// Keys that are made, and a secret that is divided; then the shares of it.
#[test]
fn nothing_of_a_ceremony_stays_in_memory() {
    let whole = Whole::planned(SHARED);
    let end = memory(&whole.run(), END);
    let mut secrets = vec![passphrase()];
    for key in [
        "node/db.key",
        "node/module.key",
        "node/grub.key",
        "offline/PK.key",
        "offline/KEK.key",
    ] {
        secrets.extend(numbers(&whole.path(key)));
    }
    let shares = [1, 2, 3].map(|number| whole.share(number));
    secrets.extend(
        shares
            .iter()
            .map(|share| (format!("share {share}"), share.as_bytes().to_vec())),
    );
    assert_eq!(found(&end, &secrets), Vec::<String>::new());
    private(
        &whole.path("shares.txt"),
        format!("{}\n{}\n", shares[0], shares[2]).as_bytes(),
    );
    let mut drill = whole.drill(&whole.path("backup/bootseal-backup.tar"));
    let end = memory(&drill, END);
    assert_eq!(found(&end, &secrets), Vec::<String>::new());
    succeed(&mut drill);
}

/// The keys of a node, of its owner and of a rotation, and those that are put back.
#[test]
fn nothing_of_a_node_s_keys_stays_in_memory() {
    let machine = Machine::new(&format!(
        "{SPECIFICATION}[backup]\ndirectory = \"backup\"\nshares = {{ needed = 2, of = 3 }}\n"
    ));
    let keys = [
        "node/db.key",
        "node/module.key",
        "node/grub.key",
        "offline/PK.key",
        "offline/KEK.key",
    ];
    let known = || -> Vec<Secret> {
        let numbers = keys.iter().flat_map(|key| numbers(&machine.file(key)));
        numbers.chain([passphrase()]).collect()
    };
    let mut secrets = known();
    let nothing = |what: &str, command: &Command, secrets: &[Secret]| {
        assert_eq!(found(&memory(command, END), secrets), Vec::<String>::new(), "{what}");
    };

    let node = Node::at(machine.file("root"));
    node.keys(&machine.file("node"), |_| true);
    node.kernel("boot/vmlinuz");
    nothing("the hook", &node.bootseal(["hook", "run", "all"]), &secrets);
    assert!(node.path("boot/vmlinuz.sig").exists());

    nothing("the rotation", &machine.rotate("db", "node"), &secrets);
    secrets.extend(known());
    let shares = [1, 2, 3].map(|number| machine.whole.share(number));
    let shares = shares.map(|share| (format!("share {share}"), share.into_bytes()));
    secrets.extend(shares.iter().cloned());
    private(
        &machine.file("shares.txt"),
        &[&shares[0].1[..], b"\n", &shares[2].1, b"\n"].concat(),
    );
    let mut restore = bootseal(["ceremony", "restore", "--only", "PK,KEK", "--shares"]);
    restore
        .arg(machine.file("shares.txt"))
        .arg("--with")
        .arg(machine.file("node"));
    restore
        .arg(machine.file("backup/bootseal-backup.tar"))
        .arg(machine.file("restored"));
    nothing("the restore", &restore, &secrets);
    assert!(machine.file("restored/PK.key").exists());

    let mut backup = bootseal(["ceremony", "backup", "--keys"]);
    backup
        .arg(machine.file("node"))
        .arg("--authority")
        .arg(machine.file("offline"));
    backup.arg(machine.file("second"));
    nothing("the backup", &backup, &secrets);
    assert!(machine.file("second/bootseal-backup.tar").exists());
}

#[test]
fn the_pin_of_a_token_is_gone_when_it_has_signed() {
    let token = Token::new(shared_keys());
    let image = token.path("image.efi");
    let secrets = [("PIN".to_owned(), PIN.as_bytes().to_vec())];
    let at = |stop| {
        fs::write(&image, minimal_image()).unwrap();
        found(&memory(&token.sign("efi", &[&image]), stop), &secrets)
    };
    assert!(
        !at(LOGIN).is_empty(),
        "the PIN that the token is given is not found at all"
    );
    assert_eq!(at(COMMIT), Vec::<String>::new());
    assert_eq!(at(END), Vec::<String>::new());
    assert!(fs::metadata(&image).unwrap().len() > minimal_image().len() as u64);
}
