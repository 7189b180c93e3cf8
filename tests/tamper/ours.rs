//! Files and directories that decide what is trusted or written, open to others: each kind of file in each kind of looseness
//! is refused with the command that mends it, which then does.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::node::Node;
use crate::support::{bootseal, keys, text, tool};

/// Somebody else.
const STRANGER: u32 = 1000;

/// A node with a key directory, a configuration, a baseline, a passphrase and a state directory.
fn node() -> Node {
    let node = Node::new();
    node.keys(keys(), |_| true);
    node.config("[hook]\npassphrase_file = \"/etc/bootseal/passphrase\"\n");
    node.write(
        "etc/bootseal/baseline.toml",
        "[[accept]]\ncheck = \"keys.offline\"\nreason = \"x\"\nuntil = \"2130-01-01\"\n",
    );
    node.write("etc/bootseal/passphrase", "correct horse battery staple\n");
    node.chmod("etc/bootseal/passphrase", 0o600);
    node.directory("var/lib/bootseal/hooks");
    node.write(
        "etc/bootseal/quirks.toml",
        "[[quirk]]\nid = \"mine\"\nmatch = { board_name = \"none\" }\nwhen = \"always\"\nlevel = \"stop\"\neffect = \
         \"e\"\nremedy = \"r\"\nsource = \"s\"\n",
    );
    node.directory("sys/class/dmi/id");
    // In Setup Mode: the attributes before the byte.
    node.write(
        "sys/firmware/efi/efivars/SetupMode-8be4df61-93ca-11d2-aa0d-00e098032b8c",
        b"\x06\0\0\0\x01",
    );
    node.kernel("image.efi");
    node
}

fn on(node: &Node, arguments: &[&str]) -> Command {
    let mut command = bootseal(["--root"]);
    command.arg(node.root()).args(arguments).env_remove("STATE_DIRECTORY");
    command.current_dir(node.root());
    command
}

/// The files that decide, each with a command that goes by it. `KEYS` stands for the key directory.
const DECIDERS: &[(&str, &[&str])] = &[
    ("etc/bootseal/config.toml", &["keys", "list"]),
    ("etc/bootseal/baseline.toml", &["audit", "--only", "keys"]),
    (
        "etc/bootseal/quirks.toml",
        &["enroll", "plan", "--keys", "etc/bootseal/keys"],
    ),
    (
        "etc/bootseal/passphrase",
        &["grub", "password", "--password-file", "etc/bootseal/passphrase"],
    ),
    ("etc/bootseal/keys/db.esl", &["verify", "image.efi"]),
    ("etc/bootseal/keys/db.pem", &["keys", "show", "db"]),
    ("etc/bootseal/keys/module.pem", &["verify", "image.efi"]),
    ("etc/bootseal/keys/grub.gpg", &["verify", "image.efi"]),
    ("etc/bootseal/keys/dbx.auth", &["verify", "image.efi"]),
    ("etc/bootseal/keys/owner.guid", &["keys", "list"]),
    ("etc/bootseal/keys/ceremony.jsonl", &["keys", "list"]),
    ("etc/bootseal/keys/db.key", &["sign", "efi", "--recheck", "image.efi"]),
    ("etc/bootseal/keys", &["sign", "efi", "--recheck", "image.efi"]),
    ("var/lib/bootseal", &["sign", "efi", "--recheck", "image.efi"]),
];

fn run(node: &Node, arguments: &[&str]) -> (Option<i32>, String) {
    let output = on(node, arguments).output().unwrap();
    (output.status.code(), text(&output))
}

/// Has the command refused because of `path`, obeys its hints, and has it run as before.
#[track_caller]
fn refused_and_mended(node: &Node, arguments: &[&str], path: &Path, before: Option<i32>, is_secret: bool) {
    let (code, said) = run(node, arguments);
    // As it was named, or absolute.
    let is_named = said.contains(path.strip_prefix(node.root()).unwrap().to_str().unwrap());
    assert!(is_named && code != before, "{arguments:?} {code:?}\n{said}");
    let is_privacy = is_secret && said.contains("holds a secret");
    assert!(code == Some(3) || is_privacy, "{arguments:?} {code:?}\n{said}");
    let hints: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("hint: "))
        .filter(|hint| hint.starts_with("chmod ") || hint.starts_with("chown "))
        .collect();
    assert!(!hints.is_empty(), "no remedy:\n{said}");
    for hint in hints {
        let mut shell = tool("bash");
        assert!(
            shell
                .args(["-ec", hint])
                .current_dir(node.root())
                .status()
                .unwrap()
                .success(),
            "{hint}"
        );
    }
    let (code, said) = run(node, arguments);
    assert_eq!(code, before, "{arguments:?}\n{said}");
}

#[test]
fn each_file_that_decides_is_refused_when_others_can_change_it() {
    let node = node();
    for (file, arguments) in DECIDERS {
        let path = node.path(file);
        let (before, said) = run(&node, arguments);
        assert!(matches!(before, Some(0 | 1)), "{arguments:?} {before:?}\n{said}");
        let mode = fs::metadata(&path).unwrap().mode() & 0o7777;
        let is_secret =
            Path::new(&file).extension().is_some_and(|ending| ending == "key") || file.ends_with("passphrase");
        for bits in [0o002, 0o020, 0o022] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode | bits)).unwrap();
            refused_and_mended(&node, arguments, &path, before, is_secret);
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        chown(&path, Some(STRANGER), None).unwrap();
        refused_and_mended(&node, arguments, &path, before, false);
        for above in path
            .ancestors()
            .skip(1)
            .take_while(|above| above.starts_with(node.root()))
        {
            let mode = fs::metadata(above).unwrap().mode() & 0o7777;
            fs::set_permissions(above, fs::Permissions::from_mode(mode | 0o002)).unwrap();
            refused_and_mended(&node, arguments, above, before, false);
            chown(above, Some(STRANGER), None).unwrap();
            refused_and_mended(&node, arguments, above, before, false);
        }
    }
}

#[test]
fn a_link_to_what_decides_is_judged_on_both_sides() {
    let node = node();
    let elsewhere = node.directory("srv/elsewhere");
    // `keys list` asks for the names of all files of the directory, and reads no owner.
    let read = DECIDERS.iter().filter(|(file, _)| !file.ends_with("owner.guid"));
    for (file, arguments) in read {
        let path = node.path(file);
        // Links in a key directory lead to its files as well.
        let target = elsewhere.join(file.replace('/', "-"));
        fs::rename(&path, &target).unwrap();
        // Relative: an absolute one starts at the other root where others control it.
        let up = "../".repeat(file.matches('/').count());
        symlink(format!("{up}srv/elsewhere/{}", file.replace('/', "-")), &path).unwrap();
        let (before, said) = run(&node, arguments);
        assert!(matches!(before, Some(0 | 1)), "{arguments:?} {before:?}\n{said}");
        lchown(&path, Some(STRANGER), None).unwrap();
        refused_and_mended(&node, arguments, &path, before, false);
        chown(&target, Some(STRANGER), None).unwrap();
        refused_and_mended(&node, arguments, &target, before, false);
        node.chmod("srv", 0o777);
        refused_and_mended(&node, arguments, &node.path("srv"), before, false);
        fs::remove_file(&path).unwrap();
        fs::rename(&target, &path).unwrap();
    }
}

#[test]
fn others_find_nothing_to_change_whatever_the_umask_says() {
    let node = Node::new();
    let keys: PathBuf = node.path("srv/keys");
    let mut ceremony = on(
        &node,
        &[
            "ceremony",
            "run",
            "-q",
            "--name",
            "t",
            "--dbx",
            "none",
            "--microsoft",
            "none",
        ],
    );
    ceremony.args(["--plain", "PK,KEK,db,module,grub", "--out"]).arg(&keys);
    let program = format!("umask 0; exec {}", shell(&ceremony));
    crate::support::succeed(tool("bash").args(["-ec", &program]));
    let sign = on(&node, &["sign", "efi", "--keys", "srv/keys", "image.efi"]);
    node.kernel("image.efi");
    let program = format!("umask 0; cd {}; exec {}", node.root().display(), shell(&sign));
    crate::support::succeed(tool("bash").args(["-ec", &program]));
    let listed = tool("find")
        .arg(node.root())
        .args(["!", "-type", "l", "-perm", "/022", "!", "-name", "image.efi"])
        .output()
        .unwrap();
    assert_eq!(text(&listed), "");
}

/// A command as a shell takes it.
fn shell(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let quoted = words.map(|word| format!("'{}'", word.to_str().unwrap()));
    let quoted: Vec<String> = quoted.collect();
    format!("env -u STATE_DIRECTORY {}", quoted.join(" "))
}
