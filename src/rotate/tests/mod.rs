//! Rotations as library calls, with keys in a temporary directory and a simulated firmware.

mod left_behind;

use std::cell::{Cell, RefCell};
use std::fs;

use tempfile::TempDir;

use super::{Attendant, Place, Request, Rotated, abort, rotate};
use crate::ceremony::{self, Revocations, Spec};
use crate::enroll::{self, StoreChoice, Updater};
use crate::error::{Error, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::authenticode::{Image, minimal_image};
use crate::keys::{KeyDirectory, KeyName, Passphrase};
use crate::sign::Unobserved;
use crate::system::config::{Config, Entry, SignConfig};
use crate::system::{self, Clock, Context};
use crate::trust::Anchors;
use crate::trust::image::Policy;

/// Keys on a node whose firmware holds them, and a kernel that is signed with them.
struct Node {
    root: TempDir,
    context: Context,
    keys: KeyDirectory,
    firmware: enroll::Request,
    config: Config,
    /// Agrees to writes, as long as it is true.
    agrees: Cell<bool>,
    /// Variables of the plans that were shown.
    shown: RefCell<Vec<&'static str>>,
}

impl Attendant for Node {
    fn secret(&self, name: &str) -> Result<Passphrase> {
        Err(Error::bug(format!("a plain key asks for the {name}")))
    }

    fn agree(&self, plan: &enroll::Plan) -> Result<()> {
        self.shown
            .borrow_mut()
            .extend(plan.writes.iter().map(|write| write.variable));
        if self.agrees.get() {
            Ok(())
        } else {
            Err(Error::refused("nobody agrees"))
        }
    }
}

impl Node {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        for directory in ["firmware", "boot", "proc"] {
            fs::create_dir(path(directory)).unwrap();
        }
        fs::write(path("boot/vmlinuz"), minimal_image()).unwrap();
        let context = Context::host().with_root(root.path());
        let mut spec = Spec::new("node", path("keys")).with_plain(KeyName::USUAL);
        spec.dbx = Revocations::None;
        for (name, key) in &mut spec.keys {
            key.bits = name.least_bits();
        }
        ceremony::run(&context, &spec, &ceremony::Unobserved).unwrap();
        let firmware = enroll::Request::new(path("keys"), StoreChoice::At(path("firmware")));
        let plan = enroll::plan(&context, &firmware).unwrap();
        enroll::apply(&context, &plan, || unreachable!("nobody else is at work")).unwrap();
        Self {
            keys: KeyDirectory::open(&path("keys")).unwrap(),
            firmware,
            config: Config {
                sign: SignConfig {
                    efi: vec![Entry::Required("/boot/vmlinuz".to_owned())],
                    ..SignConfig::default()
                },
                ..Config::default()
            },
            agrees: Cell::new(true),
            shown: RefCell::default(),
            context,
            root,
        }
    }

    fn place<'a>(&'a self, context: &'a Context) -> Place<'a> {
        Place {
            context,
            keys: &self.keys,
            authority: &self.keys,
        }
    }

    fn request<'a>(&'a self, name: KeyName, context: &'a Context) -> Request<'a> {
        Request {
            name,
            place: self.place(context),
            config: &self.config,
            firmware: &self.firmware,
            is_trusted: false,
            revokes: false,
            is_signed: false,
            is_clock_right: false,
            recheck: false,
            observer: &Unobserved,
            attendant: self,
        }
    }

    fn rotate(&self, name: KeyName) -> Result<Rotated> {
        rotate(&self.request(name, &self.context))
    }

    fn holds(&self, certificate: &Certificate) -> bool {
        let updater = Updater::open(&self.context, &self.firmware.store, &self.keys).unwrap();
        updater.holds_certificate(VariableName::Db, certificate).unwrap()
    }

    /// The kernel starts by the keys of the key directory.
    fn kernel_is_accepted(&self) -> bool {
        let anchors = Anchors::from_directory(&self.keys).unwrap();
        let bytes = system::read(&self.root.path().join("boot/vmlinuz")).unwrap();
        let image = Image::parse(&bytes).unwrap();
        Policy::new(&anchors.db, &anchors.dbx).judge(&image).is_ok()
    }
}

#[test]
fn a_db_key_goes_through_every_stage() {
    let node = Node::new();
    let old = node.keys.certificate(KeyName::Db).unwrap();
    let rotated = node.rotate(KeyName::Db).unwrap();
    let new = node.keys.certificate(KeyName::Db).unwrap();
    assert_eq!(new.fingerprint().to_hex(), rotated.rotation.new);
    assert_eq!(Some(old.fingerprint().to_hex()), rotated.rotation.old);
    assert!(node.holds(&new) && !node.holds(&old));
    assert!(node.kernel_is_accepted());
    assert!(rotated.retired.unwrap().join("db.key").is_file());
    assert_eq!(*node.shown.borrow(), ["db", "db"]);
    assert_eq!(rotated.steps.len(), 5, "{:?}", rotated.steps);
    assert!(
        rotated.steps[3].starts_with("signed 1 files again"),
        "{:?}",
        rotated.steps
    );
    assert!(node.place(&node.context).under_way(KeyName::Db).unwrap().is_none());
}

/// A run that was killed as it took the directory of its rotation away.
#[test]
fn a_half_removed_directory_blocks_no_rotation() {
    let node = Node::new();
    let left = node.keys.path().join("rotation/db");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("db.key"), b"a key that was put in its place").unwrap();
    abort(&node.request(KeyName::Db, &node.context)).unwrap_err();
    assert!(!node.keys.path().join("rotation").exists());
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("db.key"), b"a key that was given up").unwrap();
    node.rotate(KeyName::Db).unwrap();
    assert!(!node.keys.path().join("rotation").exists());
}

/// Once the clock stood ten years ahead, and a key was rotated.
#[test]
fn a_clock_that_was_ahead_once_locks_nothing() {
    let node = Node::new();
    let now = node.context.now().unwrap();
    let at = |time| node.context.clone().with_clock(Clock::Fixed(time));
    rotate(&node.request(KeyName::Db, &at(now + 10 * 365 * 86_400))).unwrap();
    for name in [KeyName::Kek, KeyName::Db, KeyName::Pk] {
        let old = node.keys.certificate(name).unwrap();
        let rotated = node.rotate(name).unwrap();
        assert!(
            rotated.steps[0].contains("the newest signed record is of"),
            "{:?}",
            rotated.steps
        );
        assert_ne!(node.keys.certificate(name).unwrap(), old, "{name}");
    }
    // The write that removes PK is later than the one that enrolls it.
    let made = node.keys.update_if_there(VariableName::Pk).unwrap().unwrap();
    assert!(node.keys.remove_pk().unwrap().unwrap().time.is_later_than(&made.time));
    assert!(node.kernel_is_accepted());
}

#[test]
fn a_clock_a_little_behind_a_record_is_to_be_confirmed() {
    let node = Node::new();
    let now = node.context.now().unwrap();
    let ahead = node.context.clone().with_clock(Clock::Fixed(now + 100 * 86_400));
    rotate(&node.request(KeyName::Db, &ahead)).unwrap();
    let old = node.keys.certificate(KeyName::Kek).unwrap();
    let error = node.rotate(KeyName::Kek).unwrap_err();
    assert!(error.to_string().contains("the newest signed record is of"), "{error}");
    assert!(error.hints().iter().any(|hint| hint.ends_with("--clock-is-right")));
    assert_eq!(node.keys.certificate(KeyName::Kek).unwrap(), old);
    let sure = Request {
        is_clock_right: true,
        ..node.request(KeyName::Kek, &node.context)
    };
    rotate(&sure).unwrap();
    assert_ne!(node.keys.certificate(KeyName::Kek).unwrap(), old);
}

#[test]
fn without_consent_nothing_changes_and_the_same_new_key_waits() {
    let node = Node::new();
    let old = node.keys.certificate(KeyName::Db).unwrap();
    node.agrees.set(false);
    let error = node.rotate(KeyName::Db).unwrap_err();
    assert_eq!(error.to_string(), "nobody agrees");
    assert_eq!(
        error.hints(),
        [
            "bootseal keys rotate db goes on from here",
            "bootseal keys rotate db --abort gives it up"
        ]
    );
    assert!(node.holds(&old));
    assert_eq!(node.keys.certificate(KeyName::Db).unwrap(), old);
    let waiting = node.place(&node.context).under_way(KeyName::Db).unwrap().unwrap();
    node.agrees.set(true);
    assert_eq!(node.rotate(KeyName::Db).unwrap().rotation, waiting);
}

/// The writes of a rotation that waited are those of the keys and lists of today, not of the day when it began.
#[test]
fn rotations_do_not_wait_for_each_other() {
    let certified = [KeyName::Pk, KeyName::Kek, KeyName::Db];
    for (waiting, urgent) in [
        (KeyName::Kek, KeyName::Db),
        (KeyName::Db, KeyName::Kek),
        (KeyName::Kek, KeyName::Pk),
    ] {
        let node = Node::new();
        node.agrees.set(false);
        node.rotate(waiting).unwrap_err();
        node.agrees.set(true);
        for name in [urgent, waiting] {
            let old = node.keys.certificate(name).unwrap();
            node.rotate(name).unwrap();
            assert_ne!(
                node.keys.certificate(name).unwrap(),
                old,
                "{name} after {waiting} waited"
            );
        }
        // A new board takes all of it, by the rules of EDK2.
        let board = node.root.path().join("board");
        fs::create_dir(&board).unwrap();
        let request = enroll::Request::new(node.keys.path().to_owned(), StoreChoice::At(board));
        let plan = enroll::plan(&node.context, &request).unwrap();
        enroll::apply(&node.context, &plan, || unreachable!("nobody else is at work")).unwrap();
        for name in certified {
            let update = node.keys.update(name.variable().unwrap()).unwrap();
            let signer = if name == KeyName::Db { KeyName::Kek } else { KeyName::Pk };
            let content = update.cms().unwrap();
            let signer = node.keys.certificate(signer).unwrap();
            assert!(content.certificates.contains(&signer), "{name}: {waiting}, {urgent}");
        }
    }
}

/// A power cut between two files of a switch: until these are in their places, nothing new is made from them.
#[test]
fn no_rotation_begins_in_the_middle_of_a_switch() {
    let node = Node::new();
    node.agrees.set(false);
    node.rotate(KeyName::Db).unwrap_err();
    node.agrees.set(true);
    let place = node.place(&node.context);
    let retired = place.retired(&place.under_way(KeyName::Db).unwrap().unwrap()).unwrap();
    fs::create_dir_all(&retired).unwrap();
    let error = node.rotate(KeyName::Kek).unwrap_err();
    assert_eq!(error.hints(), ["bootseal keys rotate db ends it"]);
    fs::remove_dir(&retired).unwrap();
    node.rotate(KeyName::Kek).unwrap();
}

#[test]
fn a_rotation_that_was_given_up_leaves_all_as_before() {
    let node = Node::new();
    let nothing = abort(&node.request(KeyName::Db, &node.context)).unwrap_err();
    assert_eq!(nothing.kind().exit_code(), 2, "{nothing}");
    for name in [KeyName::Db, KeyName::Kek, KeyName::Module, KeyName::Grub] {
        let files = || {
            let listed = fs::read_dir(node.keys.path())
                .unwrap()
                .map(|entry| entry.unwrap().path());
            let files = listed.filter(|path| path.is_file());
            files
                .map(|path| (path.clone(), fs::read(path).unwrap()))
                .collect::<std::collections::BTreeMap<_, _>>()
        };
        let before = files();
        node.agrees.set(false);
        node.rotate(name).unwrap_err();
        let new = node.place(&node.context).under_way(name).unwrap().unwrap();
        node.agrees.set(true);
        let dry = node.context.clone().with_dry_run(true);
        abort(&node.request(name, &dry)).unwrap();
        assert!(node.place(&node.context).under_way(name).unwrap().is_some());
        if let Some(variable) = name.variable() {
            // The firmware holds both certificates by now, as after a power cut at that stage.
            let updater = Updater::open(&node.context, &node.firmware.store, &node.keys).unwrap();
            let certificate = node.place(&node.context).new_certificate(name).unwrap();
            let mut entries = crate::formats::firmware::signature_list::SignatureDatabase::default();
            entries.add_certificate(node.keys.owner().unwrap(), certificate.as_der());
            let update = updater
                .add(variable, &entries, &mut |_| unreachable!("all keys are plain"))
                .unwrap();
            let request = enroll::Request {
                source: enroll::Source::Updates(vec![update]),
                ..node.firmware.clone()
            };
            let plan = enroll::plan(&node.context, &request).unwrap();
            enroll::apply(&node.context, &plan, || unreachable!("nobody else is at work")).unwrap();
        }
        let aborted = abort(&node.request(name, &node.context)).unwrap();
        assert_eq!(aborted.rotation, new);
        assert!(node.place(&node.context).under_way(name).unwrap().is_none());
        assert_eq!(files(), before, "{name}");
    }
    node.rotate(KeyName::Db).unwrap();
    assert!(node.kernel_is_accepted());
}

#[test]
fn a_rotation_whose_key_is_in_its_place_is_not_given_up() {
    let mut node = Node::new();
    let configured = std::mem::take(&mut node.config.sign);
    node.rotate(KeyName::Db).unwrap_err();
    let error = abort(&node.request(KeyName::Db, &node.context)).unwrap_err();
    assert!(
        error.to_string().contains("in the place of the old one already"),
        "{error}"
    );
    node.config.sign = configured;
    node.rotate(KeyName::Db).unwrap();
}

#[test]
fn files_that_nobody_names_stop_it_before_the_old_certificate_goes() {
    let mut node = Node::new();
    let old = node.keys.certificate(KeyName::Db).unwrap();
    let configured = std::mem::take(&mut node.config.sign);
    let error = node.rotate(KeyName::Db).unwrap_err();
    assert!(error.to_string().contains("names no files that db signs"), "{error}");
    assert!(node.holds(&old) && node.holds(&node.keys.certificate(KeyName::Db).unwrap()));
    node.config.sign = configured;
    node.rotate(KeyName::Db).unwrap();
    assert!(!node.holds(&old) && node.kernel_is_accepted());
}

#[test]
fn a_module_key_waits_for_a_kernel_that_knows_it() {
    let node = Node::new();
    let error = node.rotate(KeyName::Module).unwrap_err();
    assert!(
        error.to_string().contains("the running kernel does not know"),
        "{error}"
    );
    let new = node.place(&node.context).new_certificate(KeyName::Module).unwrap();
    let id = hex::encode(new.kernel_key_id().unwrap());
    let listed =
        format!("2f3ab2bb I------     1 perm 1f030000     0     0 asymmetri new: {id}: X509.rsa 44556677 []\n");
    fs::write(node.root.path().join("proc/keys"), listed).unwrap();
    let error = node.rotate(KeyName::Module).unwrap_err();
    // It is in its place now, and signs nothing that the configuration names.
    assert!(
        error.to_string().contains("names no files that module signs"),
        "{error}"
    );
    assert_eq!(node.keys.certificate(KeyName::Module).unwrap(), new);
    let mut request = node.request(KeyName::Module, &node.context);
    request.is_signed = true;
    assert_eq!(rotate(&request).unwrap().steps[1], "the running kernel trusts it");
}

#[test]
fn a_dry_run_makes_nothing() {
    let node = Node::new();
    let dry = node.context.clone().with_dry_run(true);
    let rotated = rotate(&node.request(KeyName::Db, &dry)).unwrap();
    assert_eq!(rotated.steps.len(), 1);
    assert!(node.place(&dry).under_way(KeyName::Db).unwrap().is_none());
    assert!(node.shown.borrow().is_empty());
}
