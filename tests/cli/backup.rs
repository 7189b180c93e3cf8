//! Keys that live: what a rotation does to the backup, and the backup of the keys as they are then.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::backup::Whole;
use crate::support::ceremony::private;
use crate::support::{bootseal, refuse, succeed, tool};

/// The transcript's end of a directory, in words.
fn words(directory: &Path) -> String {
    let verified = succeed(bootseal(["--json", "ceremony", "verify"]).arg(directory));
    let verified: serde_json::Value = serde_json::from_str(&verified).unwrap();
    verified["words"].as_str().unwrap().to_owned()
}

fn audit(whole: &Whole, only: &str) -> Command {
    let config = whole.path("config.toml");
    fs::write(&config, "").unwrap();
    let mut command = bootseal(["--config"]);
    command.arg(&config).args(["audit", "-v", "--only", only, "--keys"]);
    command.arg(whole.path("node"));
    command
}

fn rotate(whole: &Whole, key: &str, keys: &str) -> Command {
    let mut command = bootseal(["keys", "rotate", key, "--yes", "--signed", "--trusted", "--keys"]);
    command
        .arg(whole.path(keys))
        .arg("--authority")
        .arg(whole.path("offline"));
    command.arg("--passphrase-file").arg(whole.path("passphrase"));
    command.arg("--store").arg(whole.path("firmware"));
    command
}

fn enrolled() -> Whole {
    let whole = Whole::made();
    fs::create_dir(whole.path("firmware")).unwrap();
    let mut enroll = bootseal(["enroll", "apply", "--yes", "--keys"]);
    enroll
        .arg(whole.path("node"))
        .arg("--store")
        .arg(whole.path("firmware"));
    succeed(&mut enroll);
    let shares = format!("{}\n{}\n", whole.share(1), whole.share(3));
    private(&whole.path("shares.txt"), shares.as_bytes());
    whole
}

/// The shares of a backup that was made later, into the file that drills read.
fn take_shares(whole: &Whole, backup: &str) {
    let share = |number: u8| {
        let page = fs::read_to_string(whole.path(&format!("{backup}/shares/share-{number}.html"))).unwrap();
        let start = page.find("bs1-").unwrap();
        page[start..].split('<').next().unwrap().to_owned()
    };
    private(
        &whole.path("shares.txt"),
        format!("{}\n{}\n", share(2), share(1)).as_bytes(),
    );
}

#[test]
fn a_rotated_key_is_in_no_backup_until_one_is_made() {
    let whole = enrolled();
    let old = whole.path("backup/bootseal-backup.tar");
    let drilled = succeed(&mut whole.drill(&old));
    assert!(drilled.contains("print each page, hand it to its keeper"), "{drilled}");
    succeed(&mut audit(&whole, "keys.drill,keys.backup"));

    let said = succeed(&mut rotate(&whole, "db", "node"));
    for directory in ["node", "offline"] {
        assert!(said.contains(&words(&whole.path(directory))), "{directory}: {said}");
    }
    let said = refuse(&mut audit(&whole, "keys.backup"));
    assert!(
        said.contains("the db key in use is in no backup") && !said.contains("the grub key in use"),
        "{said}"
    );
    refuse(&mut audit(&whole, "keys.drill"));
    let drilled = succeed(&mut whole.drill(&old));
    assert!(
        drilled.contains("grub: restored from the archive, signs, and is the right one"),
        "{drilled}"
    );
    assert!(
        !drilled.contains("db: restored") && drilled.contains("db: the one in use is not in this backup"),
        "{drilled}"
    );
    refuse(&mut audit(&whole, "keys.drill"));

    // The private halves of PK and KEK are in the other directory.
    let backup = |rest: &[&str]| {
        let mut command = bootseal(["ceremony", "backup", "--keys"]);
        command.arg(whole.path("node")).args(rest).arg(whole.path("second"));
        command.arg("--passphrase-file").arg(whole.path("passphrase"));
        command
    };
    let refused = refuse(&mut backup(&[]));
    assert!(
        refused.contains("the private PK key is not in") && refused.contains("--authority"),
        "{refused}"
    );
    let offline = whole.path("offline");
    let dry = succeed(backup(&["--authority", offline.to_str().unwrap(), "--dry-run"]).env("HOME", "/nonexistent"));
    assert!(dry.contains("would be made") && !whole.path("second").exists(), "{dry}");
    let made = succeed(&mut backup(&["--authority", offline.to_str().unwrap()]));
    for directory in ["node", "offline", "second"] {
        assert!(made.contains(&words(&whole.path(directory))), "{directory}: {made}");
    }
    assert!(made.contains("print each page, hand it to its keeper"), "{made}");
    succeed(&mut audit(&whole, "keys.backup"));
    refuse(&mut audit(&whole, "keys.drill"));
    // The shares of the old backup do not open the new one.
    let new = whole.path("second/bootseal-backup.tar");
    let refused = refuse(&mut whole.drill(&new));
    assert!(refused.contains("this backup is under the set"), "{refused}");
    take_shares(&whole, "second");
    let drilled = succeed(&mut whole.drill(&new));
    assert!(drilled.contains("db: restored from the archive"), "{drilled}");
    succeed(&mut audit(&whole, "keys.drill,keys.backup"));
    for directory in ["node", "offline", "second"] {
        succeed(bootseal(["ceremony", "verify"]).arg(whole.path(directory)));
    }
    let again = refuse(&mut backup(&["--authority", offline.to_str().unwrap()]));
    assert!(again.contains("second"), "{again}");
}

/// A key that the present lists do not have signs for nothing, whatever else holds: each list is broken in turn.
#[test]
fn a_key_that_the_present_lists_do_not_have_fails_the_drill() {
    let whole = enrolled();
    let archive = whole.path("backup/bootseal-backup.tar");
    let transcript = fs::read(whole.path("node/ceremony.jsonl")).unwrap();
    for (key, other) in [("PK", "KEK"), ("KEK", "db"), ("db", "KEK")] {
        let lists = whole.path(&format!("node/{key}.esl"));
        let present = fs::read(&lists).unwrap();
        fs::copy(whole.path(&format!("node/{other}.esl")), &lists).unwrap();
        let refused = refuse(&mut whole.drill(&archive));
        assert!(
            refused.contains(&format!(
                "the {key} key of the backup signs, but a board with the lists of"
            )),
            "{key}: {refused}"
        );
        fs::write(&lists, present).unwrap();
    }
    // What dbx forbids is accepted by nobody either, and this is a state that commands lead to.
    let mut forbid = bootseal(["enroll", "add", "dbx"]);
    forbid.arg(whole.path("node/db.pem")).args(["--yes", "--keys"]);
    forbid
        .arg(whole.path("offline"))
        .arg("--passphrase-file")
        .arg(whole.path("passphrase"));
    forbid.arg("--store").arg(whole.path("firmware"));
    forbid.arg("--i-know-this-machine-may-not-boot");
    succeed(&mut forbid);
    let mut sync = bootseal(["keys", "sync", "--keys"]);
    succeed(sync.arg(whole.path("node")).arg(whole.path("offline")));
    let forbidden = fs::read(whole.path("node/ceremony.jsonl")).unwrap();
    assert_ne!(forbidden, transcript);
    let refused = refuse(&mut whole.drill(&archive));
    assert!(
        refused.contains("the db key of the backup signs, but a board with the lists of"),
        "{refused}"
    );
    // No drill is recorded that was none.
    assert_eq!(fs::read(whole.path("node/ceremony.jsonl")).unwrap(), forbidden);
}

/// PK and KEK were rotated on the machine with the stick, where the node was not: the backup has the certificates of the keys that are
/// in it, and the node's transcript does not say of its older ones that they are in a backup.
#[test]
fn a_backup_has_the_certificates_of_its_keys_wherever_they_were_rotated() {
    let whole = enrolled();
    succeed(&mut rotate(&whole, "KEK", "offline"));
    let mut backup = bootseal(["ceremony", "backup", "--keys"]);
    backup
        .arg(whole.path("node"))
        .arg("--authority")
        .arg(whole.path("offline"));
    backup.arg("--passphrase-file").arg(whole.path("passphrase"));
    succeed(backup.arg(whole.path("second")));
    take_shares(&whole, "second");
    let mut drill = bootseal(["ceremony", "drill", "--keys"]);
    drill
        .arg(whole.path("offline"))
        .arg("--shares")
        .arg(whole.path("shares.txt"));
    let drilled = succeed(drill.arg(whole.path("second/bootseal-backup.tar")));
    assert!(
        drilled.contains("KEK: restored from the archive, signs, and is the right one"),
        "{drilled}"
    );
    let unpacked = succeed(
        tool("tar")
            .args(["xOf"])
            .arg(whole.path("second/bootseal-backup.tar"))
            .arg("KEK.pem"),
    );
    assert_eq!(unpacked, fs::read_to_string(whole.path("offline/KEK.pem")).unwrap());
    for directory in ["node", "offline", "second"] {
        succeed(bootseal(["ceremony", "verify"]).arg(whole.path(directory)));
    }
    let shown = |keys: &str| succeed(bootseal(["keys", "show", "KEK", "--keys"]).arg(whole.path(keys)));
    assert!(shown("offline").contains("In the backup  yes"), "{}", shown("offline"));
    // A copy of all public files makes no directory of PK's key out of another.
    fs::copy(whole.path("offline/noPK.auth"), whole.path("node/noPK.auth")).unwrap();
    succeed(bootseal(["ceremony", "verify"]).arg(whole.path("node")));
    fs::remove_file(whole.path("node/noPK.auth")).unwrap();
    succeed(bootseal(["ceremony", "verify"]).arg(whole.path("node")));
}

/// The archive and the shares are all that is left: everything that its README says works, in the shell of a stranger.
#[test]
fn an_archive_alone_is_whole_and_is_drilled() {
    let whole = enrolled();
    let alone = whole.path("alone");
    fs::create_dir(&alone).unwrap();
    fs::copy(
        whole.path("backup/bootseal-backup.tar"),
        alone.join("bootseal-backup.tar"),
    )
    .unwrap();
    fs::copy(whole.path("shares.txt"), alone.join("shares.txt")).unwrap();
    // It has the name of the directory of the shares' pages.
    fs::copy(whole.path("shares.txt"), alone.join("shares")).unwrap();
    for directory in ["node", "offline", "backup"] {
        fs::remove_dir_all(whole.path(directory)).unwrap();
    }
    let shell = |script: &str| succeed(tool("sh").current_dir(&alone).args(["-euc", script]));
    shell(
        "umask 022; mkdir -m 0700 KEYS; tar xf bootseal-backup.tar -C KEYS; cd KEYS; sha256sum -c --quiet SHA256SUMS",
    );
    let readme = fs::read_to_string(alone.join("KEYS/README.txt")).unwrap();
    for said in [
        "/etc/bootseal/keys",
        "mode 0400",
        "enroll plan",
        "sha256sum -c SHA256SUMS",
    ] {
        assert!(readme.contains(said), "{readme}");
    }
    let commands = readme.lines().filter_map(|line| line.strip_prefix("    "));
    let commands: Vec<&str> = commands
        .filter(|line| !line.contains("sheet.txt") && !line.contains("PK.der") && !line.starts_with("bootseal "))
        .collect();
    let script = commands
        .join("\n")
        .replace("mkdir -m 0700 KEYS\ntar xf bootseal-backup.tar -C KEYS", "");
    shell(&format!("umask 022\n{script}"));
    let modes = shell("stat -c '%a %n' passphrase.txt *.plain.pem");
    assert!(modes.lines().all(|line| line.starts_with("600 ")), "{modes}");

    let drill = |source: &str| {
        let mut command = bootseal(["ceremony", "drill", "--keys"]);
        command
            .arg(alone.join("KEYS"))
            .arg("--shares")
            .arg(alone.join("shares.txt"));
        command.arg(alone.join(source));
        command
    };
    let drilled = succeed(&mut drill("bootseal-backup.tar"));
    assert!(
        drilled.contains("PK: restored from the archive, signs, and is the right one"),
        "{drilled}"
    );
    // One that lost a public file on the way gives back keys that nobody knows.
    shell("mkdir less; tar xf bootseal-backup.tar -C less; rm less/db.pem; tar cf less.tar -C less .");
    shell("cd less; tar cf ../less.tar *");
    fs::set_permissions(
        alone.join("less.tar"),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let refused = refuse(&mut drill("less.tar"));
    assert!(refused.contains("the archive lacks db.pem"), "{refused}");
    shell("printf x >>less/KEK.pem; cp KEYS/db.pem less; cd less; tar cf ../less.tar *");
    let refused = refuse(&mut drill("less.tar"));
    assert!(
        refused.contains("KEK.pem of the archive is not as it was made"),
        "{refused}"
    );
}

/// All keys of a backup gave way to others: a drill of it says so, and leaves the transcript as it was.
#[test]
fn a_backup_without_a_key_in_use_is_not_recorded_as_restored() {
    let whole = enrolled();
    for (key, keys) in [
        ("db", "node"),
        ("module", "node"),
        ("grub", "node"),
        ("KEK", "offline"),
        ("PK", "offline"),
    ] {
        succeed(&mut rotate(&whole, key, keys));
    }
    let one = whole.path("one");
    succeed(tool("cp").arg("-a").arg(whole.path("offline")).arg(&one));
    for key in ["module", "grub", "db"] {
        succeed(
            tool("cp")
                .arg("-a")
                .arg(whole.path(&format!("node/{key}.key")))
                .arg(&one),
        );
    }
    for key in ["module", "grub"] {
        succeed(&mut rotate(&whole, key, "one"));
    }
    let transcript = fs::read(one.join("ceremony.jsonl")).unwrap();
    let mut drill = bootseal(["ceremony", "drill", "--keys"]);
    drill.arg(&one).arg("--shares").arg(whole.path("shares.txt"));
    let refused = refuse(drill.arg(whole.path("backup/bootseal-backup.tar")));
    assert!(
        refused.contains("restores none that is in use") && refused.contains("ceremony backup"),
        "{refused}"
    );
    assert_eq!(fs::read(one.join("ceremony.jsonl")).unwrap(), transcript);
    succeed(bootseal(["ceremony", "verify"]).arg(&one));
}

#[test]
fn exported_copies_of_a_rotated_key_are_named_with_the_command_that_makes_them_anew() {
    let whole = enrolled();
    let export = |key: &str, format: &str, file: &str| {
        let mut command = bootseal(["keys", "export", key, "--format", format, "--keys"]);
        succeed(command.arg(whole.path("node")).arg("--output").arg(whole.path(file)));
    };
    export("db", "portage", "portage.pem");
    export("db", "der", "db der");
    export("db", "der", "gone.der");
    export("module", "pem", "module.pem");
    fs::remove_file(whole.path("gone.der")).unwrap();
    let told = |said: &str| -> Vec<String> {
        let lines = said
            .lines()
            .filter_map(|line| line.split_once(" was exported from the former db key: "));
        lines.map(|(_, command)| command.to_owned()).collect()
    };
    let said = succeed(&mut rotate(&whole, "db", "node"));
    let commands = told(&said);
    assert_eq!(commands.len(), 2, "{said}");
    let found = || said_by(&mut audit(&whole, "hooks.next_kernel"));
    assert_eq!(found().matches("before that was changed").count(), 2, "{}", found());

    // Each is run as it is printed, with the key directory of this test.
    let program = env!("CARGO_BIN_EXE_bootseal");
    for command in commands {
        let command = command.replace("bootseal", program) + &format!(" --keys '{}'", whole.path("node").display());
        // Its state is that of the test's own calls.
        let own = bootseal(["help"]);
        let state = own.get_envs().filter_map(|(name, value)| Some((name, value?)));
        succeed(tool("sh").args(["-c", &command]).envs(state));
    }
    assert!(!found().contains("before that was changed"), "{}", found());
    let pem = fs::read_to_string(whole.path("portage.pem")).unwrap();
    assert!(pem.ends_with(&fs::read_to_string(whole.path("node/db.pem")).unwrap()));
}

/// The words of a command, however it ends.
fn said_by(command: &mut Command) -> String {
    crate::support::text(&command.output().unwrap())
}
