//! A fleet by its commands: a ceremony, bundles that come to their nodes, updates for all, one that joins and one that leaves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::ceremony::{PASSPHRASE, private};
use crate::support::{bootseal, refuse, succeed};

const SPECIFICATION: &str = "name = \"home\"\noffline = \"offline\"\nmicrosoft = [\"none\"]\ndbx = \"none\"\n\
    [fleet]\nbundles = \"bundles\"\n[[node]]\nname = \"desk\"\n[[node]]\nname = \"nas\"\n[node.keys.db]\nencrypted = true\n\
    [keys.fleet]\nbits = 2048\n[keys.db]\nencrypted = false\n[keys.module]\nbits = 2048\nencrypted = false\n\
    [keys.grub]\nbits = 3072\nencrypted = false\n[backup]\ndirectory = \"backup\"\nshares = { needed = 2, of = 3 }\n";

struct Fleet {
    directory: TempDir,
}

impl Fleet {
    fn held() -> Self {
        let fleet = Self {
            directory: tempfile::tempdir().unwrap(),
        };
        fs::write(fleet.path("fleet.toml"), SPECIFICATION).unwrap();
        private(&fleet.path("passphrase"), format!("{PASSPHRASE}\n").as_bytes());
        fs::create_dir(fleet.path("words")).unwrap();
        for node in ["desk", "nas", "late"] {
            private(
                &fleet.path("words").join(node),
                format!("{PASSPHRASE} of {node}\n").as_bytes(),
            );
        }
        succeed(&mut fleet.ceremony("run"));
        fleet
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn ceremony(&self, word: &str) -> Command {
        let mut command = bootseal(["ceremony", word]);
        command.arg(self.path("fleet.toml"));
        if word != "plan" {
            command.arg("--bundle-passphrases").arg(self.path("words"));
            self.unlock(&mut command);
        }
        command
    }

    fn unlock(&self, command: &mut Command) {
        command.arg("--passphrase-file").arg(self.path("passphrase"));
    }

    fn nodes(&self) -> Value {
        let text = succeed(bootseal(["--json", "ceremony", "nodes", "--keys"]).arg(self.path("offline")));
        serde_json::from_str(&text).unwrap()
    }

    /// A machine of this name, with an empty board.
    fn machine(&self, name: &str) -> Machine {
        let root = self.path(&format!("root-{name}"));
        fs::create_dir_all(root.join("etc/bootseal")).unwrap();
        fs::create_dir_all(root.join("board")).unwrap();
        fs::write(root.join("etc/hostname"), format!("{name}\n")).unwrap();
        Machine {
            passphrase: self.path("words").join(name),
            root,
        }
    }
}

struct Machine {
    root: PathBuf,
    passphrase: PathBuf,
}

impl Machine {
    fn bootseal(&self, words: &[&str]) -> Command {
        let mut command = bootseal(["--root"]);
        command.arg(&self.root).args(words);
        command
    }

    fn import(&self, bundle: &Path, words: Option<&str>) -> Command {
        let mut command = self.bootseal(&["keys", "import"]);
        command.arg(bundle).arg("--passphrase-file").arg(&self.passphrase);
        if let Some(words) = words {
            command.args(["--fleet", words]);
        }
        command
    }

    fn apply(&self, update: Option<&Path>) -> Command {
        let mut command = self.bootseal(&["enroll", "apply", "--yes"]);
        command.args(update).arg("--store").arg(self.root.join("board"));
        command
    }

    fn db(&self) -> Vec<u8> {
        fs::read(self.root.join("board/db-d719b2cb-3d3a-4596-a3bc-dad00e67656f")).unwrap()
    }
}

#[test]
fn a_fleet_is_held_carried_and_changed_and_loses_a_node() {
    let fleet = Fleet::held();
    let plan = succeed(&mut fleet.ceremony("plan"));
    assert!(
        plan.contains("The node nas") && plan.contains("make the fleet key, RSA-2048"),
        "{plan}"
    );
    let listed = fleet.nodes();
    let words = listed["words"].as_str().unwrap().to_owned();
    assert_eq!(listed["nodes"][1]["name"], "nas");
    let bundle = |node: &str| fleet.path("bundles").join(format!("{node}.bundle"));
    assert_eq!(fs::metadata(bundle("nas")).unwrap().permissions().mode() & 0o777, 0o400);

    let [desk, nas] = ["desk", "nas"].map(|name| {
        let machine = fleet.machine(name);
        // Nobody said which fleet it is to be.
        let unnamed = machine.import(&bundle(name), None).output().unwrap();
        assert_eq!(unnamed.status.code(), Some(2));
        let dry = succeed(machine.import(&bundle(name), Some(&words)).arg("--dry-run"));
        assert!(
            dry.contains("would be put") && !machine.root.join("etc/bootseal/keys").exists(),
            "{dry}"
        );
        let said = succeed(&mut machine.import(&bundle(name), Some(&words)));
        assert!(said.contains("Next: bootseal enroll plan"), "{said}");
        let said = succeed(&mut machine.import(&bundle(name), None));
        assert!(said.contains("has all of it"), "{said}");
        succeed(&mut machine.apply(None));
        machine
    });
    let said = refuse(&mut nas.import(&bundle("desk"), None));
    assert!(said.contains("it is for desk, and this is nas"), "{said}");
    // What the specification says of one node is said of that one.
    let protection = |machine: &Machine| {
        let text = succeed(&mut machine.bootseal(&["--json", "keys", "show", "db"]));
        serde_json::from_str::<Value>(&text).unwrap()["protection"].clone()
    };
    assert_eq!((protection(&desk), protection(&nas)), ("plain".into(), "scrypt".into()));

    // One change for all, signed in one go: each board takes its own.
    let mut add = bootseal(["enroll", "add", "db", "windows-2023", "--nodes", "all", "--keys"]);
    add.arg(fleet.path("offline"))
        .arg("--output")
        .arg(fleet.path("updates"));
    fleet.unlock(&mut add);
    let said = succeed(&mut add);
    assert!(
        said.contains("Next, on desk, where") && said.contains("Next, on nas, where"),
        "{said}"
    );
    let update = |node: &str| fleet.path("updates").join(node);
    let before = nas.db();
    let said = refuse(&mut nas.apply(Some(&update("desk"))));
    assert!(said.contains("is for desk"), "{said}");
    // The name is no more than a help: without it the board refuses the write all the same.
    fs::copy(update("desk").join("1-db.auth"), fleet.path("stolen.auth")).unwrap();
    refuse(&mut nas.apply(Some(&fleet.path("stolen.auth"))));
    assert_eq!(nas.db(), before);
    succeed(&mut nas.apply(Some(&update("nas"))));
    assert_ne!(nas.db(), before);
    let mut wrong = bootseal(["enroll", "add", "db", "uefi-2023", "--nodes", "nas,nobody", "--keys"]);
    wrong
        .arg(fleet.path("offline"))
        .arg("--output")
        .arg(fleet.path("wrong"));
    fleet.unlock(&mut wrong);
    let output = wrong.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(!fleet.path("wrong").exists());

    // One joins, one leaves, and nothing changes for the others.
    succeed(fleet.ceremony("add-node").arg("late"));
    let late = fleet.machine("late");
    succeed(&mut late.import(&bundle("late"), Some(&words)));
    let mut retire = bootseal(["ceremony", "retire-node", "nas", "--reason", "stolen", "--keys"]);
    retire.arg(fleet.path("offline"));
    fleet.unlock(&mut retire);
    let said = succeed(&mut retire);
    assert!(said.contains("nothing has to change on desk, late"), "{said}");
    let states: Vec<Value> = fleet.nodes()["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["state"].clone())
        .collect();
    assert_eq!(states, ["in_use", "retired", "in_use"]);
    succeed(bootseal(["ceremony", "verify"]).arg(fleet.path("offline")));
    succeed(bootseal(["ceremony", "verify"]).arg(fleet.path("backup")));

    // The archive of a node opens by the fleet's key, and its drill is recorded.
    let archive = fleet.path("backup/nodes/late/bootseal-backup.tar");
    let mut drill = bootseal(["ceremony", "drill", "--fleet"]);
    drill
        .arg(fleet.path("offline"))
        .arg("--keys")
        .arg(fleet.path("offline/nodes/late"))
        .arg(&archive);
    fleet.unlock(&mut drill);
    let said = succeed(&mut drill);
    assert!(said.contains("the fleet's key"), "{said}");
}

#[test]
fn a_specification_of_a_fleet_is_refused_for_each_slip() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fleet.toml");
    let slips = [
        ("offline = \"offline\"\n", "", "no directory is named for that"),
        (
            "[[node]]\nname = \"nas\"",
            "[[node]]\nname = \"DESK\"",
            "two nodes have the name",
        ),
        ("name = \"nas\"", "name = \"..\"", "cannot be called \"..\""),
        ("name = \"nas\"", "name = \"all\"", "cannot be called \"all\""),
        (
            "name = \"home\"\n",
            "name = \"home\"\nnode = \"node\"\n",
            "duplicate key",
        ),
        ("[fleet]\nbundles = \"bundles\"\n", "", "there is no [fleet]"),
        (
            "[keys.db]\n",
            "[keys.PK]\nplace = \"node\"\n[keys.db]\n",
            "no bundle takes the PK key",
        ),
        (
            "[keys.fleet]\n",
            "[keys.fleet]\nencrypted = false\n",
            "says bits and years alone",
        ),
    ];
    for (from, to, expected) in slips {
        fs::write(&path, SPECIFICATION.replacen(from, to, 1)).unwrap();
        let output = bootseal(["ceremony", "plan"]).arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(2) && said.contains(expected),
            "{expected}: {said}"
        );
    }
    let single = "name = \"home\"\nnode = \"node\"\n[keys.PK]\nplace = \"node\"\n[keys.KEK]\nplace = \"node\"\n[keys.fleet]\nbits = 2048\n";
    fs::write(&path, single).unwrap();
    let said = refuse(bootseal(["ceremony", "plan"]).arg(&path));
    assert!(said.contains("the ceremony of a fleet alone"), "{said}");
}

/// The specification in the manual is one, and each node in it has its plan.
#[test]
fn the_fleet_of_the_manual_is_planned() {
    let page = include_str!("../../docs/manual/fleet.md");
    let shown = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("fleet.toml");
    fs::write(&path, shown).unwrap();
    for file in [
        path.as_path(),
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("keys.example/fleet.toml")
            .as_path(),
    ] {
        let said = succeed(bootseal(["ceremony", "plan", "--same-disk"]).arg(file));
        assert!(
            said.contains("The node desk") && said.contains("In clear once they are on the node: db, module, grub"),
            "{said}"
        );
    }
    let printed = succeed(&mut bootseal(["ceremony", "template", "--fleet"]));
    assert_eq!(printed, include_str!("../../keys.example/fleet.toml"));
}
