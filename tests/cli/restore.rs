//! Keys put back from their backup, where nothing else is left of them, and where something is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::support::backup::{SHARED, Whole};
use crate::support::ceremony::private;
use crate::support::{bootseal, refuse, succeed, text, tool};

const NEW: &str = "another horse battery";

/// A ceremony, its backup and the shares moved to `alone`, and the firmware that it was enrolled into.
pub(super) fn enrolled() -> Whole {
    let whole = Whole::planned(&format!("microsoft = [\"none\"]\ndbx = \"none\"\n{SHARED}"));
    succeed(&mut whole.run());
    fs::create_dir(whole.path("firmware")).unwrap();
    let mut enroll = bootseal(["enroll", "apply", "--yes", "--keys"]);
    enroll
        .arg(whole.path("node"))
        .arg("--store")
        .arg(whole.path("firmware"));
    succeed(&mut enroll);
    let shares = format!("{}\n{}\n", whole.share(2), whole.share(3));
    private(&whole.path("shares.txt"), shares.as_bytes());
    private(&whole.path("new"), format!("{NEW}\n").as_bytes());
    whole
}

fn restore(whole: &Whole, source: &str, target: &str, rest: &[&str]) -> Command {
    let config = whole.path("config.toml");
    fs::write(&config, format!("keys = \"{}\"\n", whole.path("nowhere").display())).unwrap();
    let mut command = bootseal(["--config"]);
    command.arg(config).args(["ceremony", "restore"]);
    command.arg(whole.path(source)).arg(whole.path(target)).args(rest);
    command.arg("--shares").arg(whole.path("shares.txt"));
    command.arg("--new-passphrase-file").arg(whole.path("new"));
    command
}

fn private_keys(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.retain(|name| Path::new(name).extension().is_some_and(|ending| ending == "key"));
    names.sort();
    names
}

fn rotate(whole: &Whole, key: &str, keys: &str) {
    let mut command = bootseal(["keys", "rotate", key, "--yes", "--signed", "--trusted", "--keys"]);
    command
        .arg(whole.path(keys))
        .arg("--authority")
        .arg(whole.path("offline"));
    command.arg("--passphrase-file").arg(whole.path("passphrase"));
    succeed(command.arg("--store").arg(whole.path("firmware")));
}

#[test]
fn all_comes_back_from_the_archive_alone() {
    let whole = enrolled();
    fs::create_dir(whole.path("alone")).unwrap();
    fs::rename(whole.path("backup/bootseal-backup.tar"), whole.path("alone/a.tar")).unwrap();
    for directory in ["node", "offline", "backup"] {
        fs::rename(whole.path(directory), whole.path(&format!("lost-{directory}"))).unwrap();
    }
    // In which place they are to come, nobody but a person can say.
    let asked = restore(&whole, "alone/a.tar", "node", &[]).output().unwrap();
    assert_eq!(asked.status.code(), Some(2));
    let asked = text(&asked);
    assert!(
        asked.contains("--only PK,KEK") && asked.contains("--only db,module,grub"),
        "{asked}"
    );
    let dry = succeed(&mut restore(
        &whole,
        "alone/a.tar",
        "offline",
        &["--only", "PK,KEK", "--dry-run"],
    ));
    assert!(
        dry.contains("would be put back") && !whole.path("offline").exists(),
        "{dry}"
    );

    let said = succeed(&mut restore(&whole, "alone/a.tar", "offline", &["--only", "PK,KEK"]));
    assert!(said.contains("left in the backup: db, module, grub"), "{said}");
    let others = said
        .lines()
        .find_map(|line| line.strip_prefix("The others: bootseal "))
        .unwrap();
    let others = others.replace(" DIR ", &format!(" {} ", whole.path("elsewhere").display()));
    let mut command = bootseal(others.split(' ').collect::<Vec<_>>());
    succeed(command.arg("--shares").arg(whole.path("shares.txt")));
    assert_eq!(private_keys(&whole.path("offline")), ["KEK.key", "PK.key"]);
    assert_eq!(
        private_keys(&whole.path("elsewhere")),
        ["db.key", "grub.key", "module.key"]
    );

    // As they were: those of the node in clear, to the byte; those of the offline directory encrypted.
    for name in ["db.key", "module.key", "grub.key"] {
        let path = whole.path("elsewhere").join(name);
        assert_eq!(
            fs::read(&path).unwrap(),
            fs::read(whole.path("lost-node").join(name)).unwrap(),
            "{name}"
        );
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
    }
    let key = whole.path("offline/PK.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o400);
    let public = |key: &Path, pass: &str| {
        let mut openssl = tool("openssl");
        succeed(
            openssl
                .args(["pkey", "-pubout", "-passin", &format!("file:{pass}"), "-in"])
                .arg(key),
        )
    };
    let new = whole.path("new").display().to_string();
    let old = whole.path("passphrase").display().to_string();
    assert_eq!(public(&key, &new), public(&whole.path("lost-offline/PK.key"), &old));
    for directory in ["offline", "elsewhere"] {
        let verified = bootseal(["ceremony", "verify"])
            .arg(whole.path(directory))
            .output()
            .unwrap();
        assert!(verified.status.success(), "{directory}: {}", text(&verified));
        assert!(text(&verified).contains("last restore drill"), "{}", text(&verified));
    }
    // A restore is a drill, and proves that a backup has the keys.
    let shown = succeed(bootseal(["keys", "show", "PK", "--keys"]).arg(whole.path("offline")));
    assert!(shown.contains("In the backup  yes"), "{shown}");
    // The removal of PK is made once more, and a board takes it.
    let mut reset = bootseal(["enroll", "reset", "--yes", "--keys"]);
    reset
        .arg(whole.path("offline"))
        .arg("--store")
        .arg(whole.path("firmware"));
    succeed(reset.arg("--passphrase-file").arg(whole.path("new")));
    // What the new directories enroll is accepted by a board.
    let mut enroll = bootseal(["enroll", "apply", "--yes", "--keys"]);
    succeed(
        enroll
            .arg(whole.path("elsewhere"))
            .arg("--store")
            .arg(whole.path("firmware")),
    );
    // Nothing is put over what is there.
    let refused = refuse(&mut restore(&whole, "alone/a.tar", "offline", &["--only", "PK,KEK"]));
    assert!(refused.contains("is not empty"), "{refused}");
}

#[test]
fn a_backup_that_is_older_than_the_keys_gives_back_none_that_gave_way() {
    let whole = enrolled();
    rotate(&whole, "db", "node");
    fs::remove_dir_all(whole.path("node")).unwrap();
    // The stick knows of the rotation.
    let refused = refuse(&mut restore(
        &whole,
        "backup/bootseal-backup.tar",
        "node",
        &["--only", "db,grub"],
    ));
    assert!(
        refused.contains("db gave way to others since")
            && refused.contains("--only grub")
            && !whole.path("node").exists(),
        "{refused}"
    );
    succeed(&mut restore(
        &whole,
        "backup/bootseal-backup.tar",
        "node",
        &["--only", "grub,module"],
    ));
    // Certificates and lists are those of today, not of the archive.
    for file in ["db.pem", "db.auth", "ceremony.jsonl"] {
        let [node, offline] = ["node", "offline"].map(|place| fs::read(whole.path(place).join(file)).unwrap());
        assert_eq!(node, offline, "{file}");
    }
}

#[test]
fn an_archive_that_was_changed_and_directories_that_parted_are_refused() {
    let whole = enrolled();
    let shell = |script: &str| succeed(tool("sh").current_dir(whole.directory.path()).args(["-euc", script]));
    shell("mkdir t; tar xf backup/bootseal-backup.tar -C t; printf x >>t/db.pem; cd t; umask 077; tar cf ../t.tar *");
    let refused = refuse(&mut restore(&whole, "t.tar", "new-node", &["--only", "db"]));
    assert!(
        refused.contains("db.pem of the archive is not as it was made"),
        "{refused}"
    );
    shell(
        "cd t; umask 077; tar xf ../backup/bootseal-backup.tar db.pem; sed -i s/whole/elohw/ ceremony.jsonl; \
           sha256sum $(ls | grep -v SHA256SUMS) >SHA256SUMS; tar cf ../t.tar *",
    );
    let refused = refuse(&mut restore(&whole, "t.tar", "new-node", &["--only", "db"]));
    assert!(
        refused.contains("the transcript in") && refused.contains("does not hold"),
        "{refused}"
    );

    for (directory, note) in [("node", "here"), ("offline", "there")] {
        let mut command = bootseal(["ceremony", "note"]);
        command.arg(whole.path(directory)).arg(note).arg("--passphrase-file");
        succeed(command.arg(whole.path("passphrase")));
    }
    let refused = refuse(&mut restore(
        &whole,
        "backup/bootseal-backup.tar",
        "new-node",
        &["--only", "db"],
    ));
    assert!(refused.contains("part after line"), "{refused}");
    // The remedy that it names, to the letter.
    let right = format!("if {} is right: bootseal ", whole.path("offline").display());
    let sync = bootseal(["keys", "sync", "--keys"])
        .arg(whole.path("node"))
        .arg(whole.path("offline"))
        .output()
        .unwrap();
    assert_eq!(sync.status.code(), Some(1));
    let said = text(&sync);
    let remedy = said.lines().find_map(|line| line.split_once(&right)).unwrap().1;
    succeed(&mut bootseal(remedy.split(' ').collect::<Vec<_>>()));
    let transcripts = ["node", "offline"].map(|place| fs::read(whole.path(place).join("ceremony.jsonl")).unwrap());
    assert_eq!(transcripts[0], transcripts[1]);
    let kept = fs::read_dir(whole.path("node/retired"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let kept = fs::read_to_string(kept.join("ceremony.jsonl")).unwrap();
    assert!(kept.contains("\"here\"") && !kept.contains("\"there\""), "{kept}");
    succeed(bootseal(["ceremony", "verify"]).arg(whole.path("node")));
    succeed(&mut restore(
        &whole,
        "backup/bootseal-backup.tar",
        "new-node",
        &["--only", "db"],
    ));
}

#[test]
fn who_parted_with_another_key_does_not_follow() {
    let whole = enrolled();
    rotate(&whole, "KEK", "offline");
    let mut command = bootseal(["ceremony", "note"]);
    succeed(command.arg(whole.path("node")).arg("here"));
    let follow = |keys: &str, right: &str| {
        let mut command = bootseal(["keys", "sync", "--follow", "--keys"]);
        command.arg(whole.path(keys)).arg(whole.path(right));
        command
    };
    let refused = refuse(&mut follow("offline", "node"));
    assert!(
        refused.contains("KEK.key is another key than the one that"),
        "{refused}"
    );
    succeed(&mut follow("node", "offline"));
    succeed(bootseal(["ceremony", "verify"]).arg(whole.path("node")));
}

#[test]
fn the_printed_sheet_gives_the_keys_back_and_a_directory_the_rest() {
    let whole = enrolled();
    fs::create_dir(whole.path("paper")).unwrap();
    private(&whole.path("paper/scanned.txt"), whole.sheet().as_bytes());
    fs::remove_dir_all(whole.path("offline")).unwrap();
    let node = whole.path("node").display().to_string();
    let said = succeed(&mut restore(
        &whole,
        "paper/scanned.txt",
        "offline",
        &["--only", "PK,KEK", "--with", &node],
    ));
    assert!(said.contains("from the sheet: PK, KEK"), "{said}");
    for directory in ["node", "offline"] {
        succeed(bootseal(["ceremony", "verify"]).arg(whole.path(directory)));
    }
    let said = succeed(&mut restore(&whole, "paper/scanned.txt", "bare", &[]));
    assert!(said.contains("a sheet has private keys alone"), "{said}");
    assert_eq!(
        private_keys(&whole.path("bare")),
        ["KEK.key", "PK.key", "db.key", "grub.key", "module.key"]
    );
    let bare = fs::read_to_string(whole.path("bare/db.key")).unwrap();
    assert!(
        bare.starts_with("-----BEGIN ENCRYPTED"),
        "nothing says that it may lie in clear"
    );
}

/// Stock tools, in the shell of a stranger who thinks of no mask: no secret is left readable.
#[test]
fn the_sheet_is_restored_by_stock_tools_under_any_mask() {
    let whole = enrolled();
    let page = fs::read_to_string(whole.path("backup/bootseal-sheet.html")).unwrap();
    let blocks = page.split("<pre class=\"lines\">").skip(1);
    let lines: Vec<&str> = blocks.map(|block| block.split('<').next().unwrap()).collect();
    let alone = whole.path("alone");
    fs::create_dir(&alone).unwrap();
    private(&alone.join("sheet.txt"), lines.join("\n").as_bytes());
    fs::copy(
        whole.path("backup/bootseal-backup.tar"),
        alone.join("bootseal-backup.tar"),
    )
    .unwrap();
    fs::copy(whole.path("shares.txt"), alone.join("shares.txt")).unwrap();
    let commands = page.split("<pre class=\"commands\">").skip(1);
    let script: Vec<String> = commands
        .map(|block| block.split("</pre>").next().unwrap())
        .filter(|block| !block.contains("bootseal ceremony"))
        .map(|block| block.replace("&lt;", "<").replace("&gt;", ">"))
        .collect();
    assert!(script.len() >= 3, "{script:?}");
    let script = format!("umask 022\n{}", script.join("\n"));
    succeed(tool("sh").current_dir(&alone).args(["-euc", &script]));
    let open = succeed(
        tool("find")
            .arg(&alone)
            .args(["-type", "f", "-newer"])
            .arg(alone.join("shares.txt"))
            .args([
                "-perm",
                "/077",
                "!",
                "-name",
                "recover-shares.py",
                "!",
                "-name",
                "shares.txt",
            ]),
    );
    assert_eq!(open, "", "readable by others");
    let plain = succeed(
        tool("openssl")
            .args(["pkey", "-pubout", "-in"])
            .arg(alone.join("PK.plain.pem")),
    );
    let public = succeed(
        tool("openssl")
            .args(["x509", "-noout", "-pubkey", "-in"])
            .arg(whole.path("node/PK.pem")),
    );
    assert_eq!(plain, public);
}
