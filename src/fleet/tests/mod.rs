//! A fleet of two nodes, held once: bundles, thieves, and boards.

mod bundles;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use tempfile::TempDir;

use super::opener as opener_of;
use super::*;
use crate::ceremony::backup::drill::{Opener, read_shares};
use crate::ceremony::backup::{Restore, restore};
use crate::ceremony::{ARCHIVE, Backup, FleetSpec, KeySpec, NodeSpec, Place, Shares, Spec, Unobserved, verify};
use crate::enroll::{self, Request, StoreChoice, read_updates};
use crate::error::{Error, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, VariableName as Name};
use crate::formats::firmware::authenticode::{Image, minimal_image};
use crate::keys::directory::REMOVE_PK;
use crate::keys::{KeyDirectory, KeyName, Passphrase};
use crate::system::{Clock, Context, NodeName};
use crate::trust::variable::{Firmware, judge, recognise};
use crate::trust::{Anchors, examine};

/// 2028-02-29T12:00:00Z.
const NOW: u64 = 1_835_438_400;

struct Fleet {
    directory: TempDir,
    held: Held,
}

fn context() -> Context {
    Context::host().with_clock(Clock::Fixed(NOW))
}

fn passphrase(of: &str) -> Passphrase {
    Passphrase::new(&format!("correct horse {of}")).unwrap()
}

/// The smallest keys: this is about who trusts whom.
fn small(name: KeyName) -> KeySpec {
    KeySpec {
        bits: if name == KeyName::Grub { 3072 } else { 2048 },
        place: match name {
            KeyName::Pk | KeyName::Kek => Place::Offline,
            _ => Place::Node,
        },
        encrypted: [KeyName::Pk, KeyName::Kek, KeyName::Fleet, KeyName::Grub].contains(&name),
        ..KeySpec::usual(name)
    }
}

fn spec(directory: &Path, nodes: &[&str]) -> Spec {
    let keys: std::collections::BTreeMap<_, _> = KeyName::USUAL.map(|name| (name, small(name))).into();
    let node = |name: &&str| NodeSpec {
        name: name.parse().unwrap(),
        keys: keys.clone(),
    };
    let bundles = directory.join("bundles");
    Spec {
        offline: Some(directory.join("offline")),
        backup: Some(Backup {
            directory: directory.join("backup"),
            shares: Some(Shares { needed: 2, of: 3 }),
        }),
        fleet: Some(FleetSpec {
            key: small(KeyName::Fleet),
            bundles: bundles.clone(),
            nodes: nodes.iter().map(node).collect(),
        }),
        keys: keys.clone(),
        ..Spec::new("home", bundles)
    }
}

fn hold_at(directory: &Path, nodes: &[&str]) -> Result<Held> {
    let mut secrets = Secrets {
        offline: &passphrase("offline"),
        bundle: &mut |node| Ok(passphrase(node.as_str())),
    };
    hold(&context(), &spec(directory, nodes), &Unobserved, &mut secrets)
}

static FLEET: LazyLock<Fleet> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let held = hold_at(directory.path(), &["nas", "desk"]).unwrap();
    Fleet { directory, held }
});

impl Fleet {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn bundle(&self, node: &str) -> PathBuf {
        self.path("bundles").join(format!("{node}.{BUNDLE}"))
    }

    fn words(&self) -> &str {
        &self.held.nodes[0].fleet_words
    }
}

/// A machine of this name, below a root.
struct Machine {
    root: TempDir,
}

impl Machine {
    fn new(name: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("etc/bootseal")).unwrap();
        fs::write(root.path().join("etc/hostname"), format!("{name}\n")).unwrap();
        Self { root }
    }

    fn keys(&self) -> PathBuf {
        self.root.path().join("etc/bootseal/keys")
    }

    fn import(&self, bundle: &Path, words: Option<&str>) -> Result<Imported> {
        let typed = &mut || Err(Error::usage("nobody types"));
        let name = fs::read_to_string(self.root.path().join("etc/hostname")).unwrap();
        let ask = &mut |_: &str| Ok(passphrase(name.trim()));
        let context = context().with_root(self.root.path());
        import(&context, bundle, &self.keys(), words, (typed, ask))
    }

    /// Enrolls the keys into a board.
    fn enroll(&self) -> PathBuf {
        let board = self.root.path().join("board");
        fs::create_dir(&board).unwrap();
        let context = context().with_root(self.root.path());
        let request = Request::new(self.keys(), StoreChoice::At(board.clone()));
        let plan = enroll::plan(&context, &request).unwrap();
        enroll::apply(&context, &plan, || ()).unwrap();
        board
    }
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copied(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
}

fn reason(result: Result<Imported>) -> String {
    result.unwrap_err().in_one_line()
}

#[test]
fn a_fleet_is_one_transcript_and_each_node_a_key_directory() {
    let fleet = &*FLEET;
    let listed = nodes(&fleet.path("offline")).unwrap();
    let names: Vec<(&str, u64)> = listed
        .nodes
        .iter()
        .map(|own| (own.node.name.as_str(), own.node.number))
        .collect();
    assert_eq!(names, [("nas", 1), ("desk", 2)]);
    assert_eq!(listed.words, fleet.words());
    for place in ["offline", "backup", "offline/nodes/nas", "backup/nodes/nas"] {
        let verified = verify::verify(&fleet.path(place), None).unwrap();
        assert!(verified.findings.is_empty(), "{place}: {:?}", verified.findings);
    }
    // The keys were restored from their backup.
    assert!(verify::verify(&fleet.path("offline/nodes/nas"), None).unwrap().complete);
    let left: Vec<_> = fs::read_dir(fleet.path("bundles")).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
    for name in ["db.key", "module.key", "grub.key"] {
        assert!(!fleet.path("offline/nodes/nas").join(name).exists(), "{name}");
    }
}

#[test]
fn a_node_takes_its_bundle_once() {
    let machine = Machine::new("nas");
    let words = FLEET.words();
    let imported = machine.import(&FLEET.bundle("nas"), Some(words)).unwrap();
    assert!(imported.changed && imported.plain == ["db", "module"]);
    for name in ["PK.key", "KEK.key", REMOVE_PK] {
        assert!(!machine.keys().join(name).exists(), "{name}");
    }
    let verified = verify::verify(&machine.keys(), None).unwrap();
    assert!(verified.findings.is_empty(), "{:?}", verified.findings);
    let keys = KeyDirectory::open(&machine.keys()).unwrap();
    let ask = &mut |_: &str| Ok(passphrase("nas"));
    assert!(keys.check_halves(KeyName::Db).unwrap() && !keys.check_halves(KeyName::Grub).unwrap());
    keys.grub_key(ask).unwrap();
    // It knows its fleet from now on, and another line of its own is no obstacle.
    let again = machine.import(&FLEET.bundle("nas"), None).unwrap();
    assert!(!again.changed);
    crate::ceremony::sync(&context(), &machine.keys(), &FLEET.path("offline/nodes/nas"), false)
        .unwrap_or_else(|error| panic!("{}", error.in_one_line()));
    machine.enroll();
}

#[test]
fn each_wrong_bundle_has_its_reason_and_leaves_nothing() {
    let machine = Machine::new("nas");
    let words = FLEET.words();
    assert!(reason(machine.import(&FLEET.bundle("desk"), Some(words))).contains("it is for desk, and this is nas"));
    let other = words.replace('-', " ") + "x";
    assert!(reason(machine.import(&FLEET.bundle("nas"), Some(&other))).contains("foreign fleet"));
    assert!(reason(machine.import(&FLEET.bundle("nas"), None)).contains("nobody types"));
    let own = Bundle::parse(&fs::read(FLEET.bundle("nas")).unwrap()).unwrap();
    let stranger = &crate::trust::identities::PK;
    let made = bundle::make(
        own.manifest,
        &own.files,
        &stranger.certificate,
        stranger.signer.as_ref(),
    )
    .unwrap();
    let foreign = machine.root.path().join("foreign");
    fs::write(&foreign, made).unwrap();
    assert!(reason(machine.import(&foreign, Some(words))).contains("foreign fleet"));
    assert!(!machine.keys().exists());
    // A machine of the fleet knows it without being told.
    machine.import(&FLEET.bundle("nas"), Some(words)).unwrap();
    assert!(reason(machine.import(&foreign, None)).contains("this machine belongs to"));
}

/// All that a thief of a node has: its key directory, and what lay at home of it besides.
fn thiefs_writes(node: &str) -> Vec<AuthenticatedVariable> {
    let mut writes = Vec::new();
    for entry in fs::read_dir(FLEET.path("offline/nodes").join(node)).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "auth") {
            writes.push(AuthenticatedVariable::parse(&fs::read(path).unwrap()).unwrap());
        }
    }
    assert_eq!(writes.len(), 5);
    writes
}

#[test]
fn nothing_of_a_stolen_node_is_taken_by_another_board() {
    let machines = ["nas", "desk"].map(|name| {
        let machine = Machine::new(name);
        machine.import(&FLEET.bundle(name), Some(FLEET.words())).unwrap();
        machine
    });
    let [nas, desk] = &machines;
    let own = KeyDirectory::open(&desk.keys()).unwrap();
    let database = |keys: &KeyDirectory, variable| keys.database(variable).unwrap();
    let (pk, kek) = (database(&own, Name::Pk), database(&own, Name::Kek));
    // The board of a machine that was away so long that no time stands against a write.
    let board = Firmware {
        pk: &pk,
        kek: &kek,
        setup_mode: false,
        last_write: None,
    };
    for write in thiefs_writes("nas") {
        let attributes = recognise(&write).unwrap().attributes;
        for variable in Name::ALL {
            assert!(judge(&board, variable, attributes, &write).is_err(), "{variable}");
        }
    }
    for write in thiefs_writes("desk") {
        let recognised = recognise(&write).unwrap();
        judge(&board, recognised.variable, recognised.attributes, &write).unwrap();
    }
    // The same by the command that a thief would type at the other board.
    let board = desk.enroll();
    let context = context().with_root(desk.root.path());
    for file in ["db.auth", "KEK.auth", "PK.auth", "dbx.auth"] {
        let source = read_updates(&nas.keys().join(file)).unwrap();
        let request = Request {
            source,
            ..Request::new(desk.keys(), StoreChoice::At(board.clone()))
        };
        let taken = enroll::plan(&context, &request).and_then(|plan| enroll::apply(&context, &plan, || ()));
        assert!(taken.is_err(), "{file}");
    }
    // Images that the thief signs start at home, and nowhere else.
    let thief = KeyDirectory::open(&nas.keys()).unwrap();
    let identity = thief
        .identity(KeyName::Db, &mut |_| unreachable!("db is in clear"))
        .unwrap();
    let image = minimal_image();
    let image = Image::parse(&image).unwrap();
    let unsigned = image
        .unsigned_signature(&identity.certificate, HashAlgorithm::Sha256)
        .unwrap();
    let signature = identity.signer.sign(&unsigned.to_be_signed().unwrap()).unwrap();
    let signed = image.with_signature(&unsigned.assemble(&signature).unwrap()).unwrap();
    for (keys, starts) in [(&own, false), (&thief, true)] {
        let anchors = Anchors {
            pk: database(keys, Name::Pk),
            kek: database(keys, Name::Kek),
            db: database(keys, Name::Db),
            dbx: database(keys, Name::Dbx),
            ..Anchors::default()
        };
        let findings = examine(&signed, None, &anchors);
        assert_eq!(findings.iter().all(|finding| finding.verdict.is_ok()), starts);
    }
}

#[test]
fn nodes_join_and_leave_and_a_successor_is_another() {
    let directory = tempfile::tempdir().unwrap();
    let target = directory.path().join("fleet");
    hold_at(&target, &["nas"]).unwrap();
    // The same specification with one more: the shares of the first run are those of both.
    let again = hold_at(&target, &["nas", "desk"]).unwrap();
    assert!(again.fleet.is_none() && again.known == ["nas"] && again.nodes[0].node == "desk");
    let offline = target.join("offline");
    let name: NodeName = "NAS".parse().unwrap();
    let stolen = directory.path().join("stolen");
    fs::copy(target.join("bundles/nas.bundle"), &stolen).unwrap();
    let ask = &mut |_: &str| Ok(passphrase("offline"));
    let retired = retire(&context(), &offline, &name, Some("stolen"), ask).unwrap();
    assert_eq!(
        (retired.number, retired.others.as_slice()),
        (1, &["desk".to_owned()][..])
    );
    assert!(retired.not_recorded.is_empty() && !offline.join("nodes/nas").exists());
    assert!(retire(&context(), &offline, &name, None, ask).is_err());
    for place in ["offline", "backup", "offline/retired/nas-1", "backup/retired/nas-1"] {
        let verified = verify::verify(&target.join(place), None).unwrap();
        assert!(verified.findings.is_empty(), "{place}: {:?}", verified.findings);
    }
    // The specification goes on naming it, and that brings nothing back.
    let again = hold_at(&target, &["nas", "desk"]).unwrap();
    assert!(again.nodes.is_empty() && again.known.len() == 2);
    let spec = spec(&target, &["nas", "desk"]);
    let mut secrets = Secrets {
        offline: &passphrase("offline"),
        bundle: &mut |node| Ok(passphrase(node.as_str())),
    };
    let node = spec.node("nas".parse().unwrap());
    let added = add(&context(), &spec, &node, &Unobserved, &mut secrets).unwrap();
    assert_eq!(added.number, 3);
    let machine = Machine::new("nas");
    machine
        .import(&target.join("bundles/nas.bundle"), Some(&added.fleet_words))
        .unwrap();
    assert!(reason(machine.import(&stolen, None)).contains("older"));
    let former = Machine::new("nas");
    former.import(&stolen, Some(&added.fleet_words)).unwrap();
    assert!(reason(former.import(&target.join("bundles/nas.bundle"), None)).contains("other keys"));
}

#[test]
fn two_shares_open_the_backup_of_each_node() {
    let directory = tempfile::tempdir().unwrap();
    let backup = directory.path().join("backup");
    copied(&FLEET.path("backup"), &backup);
    let shares: String = [1, 3].map(|number| share(&backup, number)).join("\n");
    let path = directory.path().join("shares.txt");
    fs::write(&path, shares).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let opener = Opener::Shares(read_shares(&path).unwrap());
    let restored = |source: &Path, target: &Path, (opener, only): (&Opener, &[KeyName])| {
        let request = Restore {
            context: &context(),
            source,
            target,
            only,
            with: &[],
            opener,
        };
        restore(&request, || Ok(passphrase("new"))).unwrap_or_else(|error| panic!("{}", error.in_one_line()))
    };
    // Nothing is left but the backup, which is on another machine by now.
    let fleet = directory.path().join("fleet");
    restored(&backup.join(ARCHIVE), &fleet, (&opener, &[]));
    let archive = backup.join("nodes/desk").join(ARCHIVE);
    let opener = opener_of(&fleet, &archive, &mut |_| Ok(passphrase("new"))).unwrap();
    let keys = directory.path().join("desk");
    let back = restored(&archive, &keys, (&opener, &[KeyName::Pk, KeyName::Kek]));
    assert_eq!(back.keys, ["PK", "KEK"]);
    let own = KeyDirectory::open(&keys).unwrap();
    own.identity(KeyName::Pk, &mut |_| Ok(passphrase("new"))).unwrap();
    assert!(opener_of(&fleet, &backup.join(ARCHIVE), &mut |_| Ok(passphrase("new"))).is_err());
}

fn share(backup: &Path, number: u8) -> String {
    let page = fs::read_to_string(backup.join(format!("shares/share-{number}.html"))).unwrap();
    let start = page.find("bs1-").unwrap();
    page[start..].split('<').next().unwrap().to_owned()
}
