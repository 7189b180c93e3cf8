//! Changes outside Setup Mode, made from what the firmware holds.

use std::sync::LazyLock;

use super::*;
use crate::enroll::entries::{Owners, describe};
use crate::enroll::{Updater, material};
use crate::error::Result;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, EfiTime};
use crate::keys::{KeyDirectory, KeyName};
use crate::trust::microsoft;

use super::key_directory::key_directory;

/// A firmware in User Mode whose keys are those of a real directory: the private halves are needed here.
struct UserMode {
    bench: Bench,
    keys: KeyDirectory,
}

impl UserMode {
    fn new() -> Self {
        let bench = Bench::new();
        let keys = KeyDirectory::open(FIRST.path()).unwrap();
        let request = Request::new(FIRST.path().to_owned(), bench.request.store.clone());
        carry_out(&bench.context, &plan(&bench.context, &request).unwrap()).unwrap();
        Self { bench, keys }
    }

    fn make(&self, make: impl FnOnce(&Updater<'_>) -> Result<Vec<Update>>) -> Result<Applied> {
        let updater = Updater::open(&self.bench.context, &self.bench.request.store, &self.keys)?;
        let request = Request {
            source: Source::Updates(make(&updater)?),
            ..self.bench.request.clone()
        };
        carry_out(&self.bench.context, &plan(&self.bench.context, &request)?)
    }

    fn add(&self, variable: VariableName, content: &SignatureDatabase) -> Result<Applied> {
        self.make(|updater| Ok(vec![updater.add(variable, content, &mut nobody)?]))
    }

    fn remove(&self, variable: VariableName, selector: &str) -> Result<Applied> {
        self.make(|updater| {
            let (update, _) = updater.remove(variable, &[selector.to_owned()], &mut nobody)?;
            Ok(update.into_iter().collect())
        })
    }

    fn content(&self, variable: VariableName) -> SignatureDatabase {
        self.bench.store().database(variable).unwrap()
    }
}

// Keys of two ceremonies, made once for all tests.
static FIRST: LazyLock<TempDir> = LazyLock::new(|| key_directory(NOW));
static SECOND: LazyLock<TempDir> = LazyLock::new(|| key_directory(NOW + 60));

fn nobody(_: &str) -> Result<crate::keys::Passphrase> {
    unreachable!("the keys are not encrypted")
}

#[test]
fn what_is_added_and_removed_again_leaves_what_was_there() {
    let machine = UserMode::new();
    for variable in [VariableName::Kek, VariableName::Db] {
        let before = machine.content(variable);
        machine.add(variable, &database(&[&STRANGER])).unwrap();
        let with = machine.content(variable);
        assert!(with.contains_all(&before) && with.contains_all(&database(&[&STRANGER])));
        let again = machine.add(variable, &database(&[&STRANGER])).unwrap();
        assert_eq!(again.steps[0].outcome, Outcome::AlreadyThere);
        assert_eq!(machine.content(variable), with);
        machine.remove(variable, "Test stranger").unwrap();
        assert_eq!(machine.content(variable), before);
    }
}

#[test]
fn microsofts_certificates_go_by_the_names_that_they_came_by() {
    let machine = UserMode::new();
    let before = machine.content(VariableName::Db);
    let added = material(VariableName::Db, "windows-2011", OWNER, false).unwrap();
    machine.add(VariableName::Db, &added).unwrap();
    assert_ne!(machine.content(VariableName::Db), before);
    machine.remove(VariableName::Db, "windows-2011").unwrap();
    assert_eq!(machine.content(VariableName::Db), before);
}

#[test]
fn entries_are_named_by_their_first_digits_and_one_at_a_time() {
    let machine = UserMode::new();
    machine.add(VariableName::Dbx, &hashes(&[7, 8])).unwrap();
    let refusal = |selector: &str| machine.remove(VariableName::Dbx, selector).unwrap_err().to_string();
    assert!(refusal("0707").contains("dbx holds no \"0707\""));
    assert!(refusal("09090909").contains("dbx holds no"));
    machine.remove(VariableName::Dbx, "07070707").unwrap();
    assert_eq!(machine.content(VariableName::Dbx), hashes(&[8]));
    let own = machine.keys.certificate(KeyName::Db).unwrap();
    let refusal = machine
        .remove(VariableName::Db, &own.fingerprint().to_hex())
        .unwrap_err();
    assert!(refusal.to_string().contains("db would be empty"), "{refusal}");
}

#[test]
fn times_go_forward_although_the_clock_does_not() {
    let machine = UserMode::new();
    let store = machine.bench.store();
    let last = || store.last_write(VariableName::Db).unwrap().unwrap();
    let mut times: Vec<EfiTime> = vec![last()];
    for identity in [&STRANGER, &PK, &KEK] {
        machine.add(VariableName::Db, &database(&[identity])).unwrap();
        machine
            .remove(VariableName::Db, &identity.certificate.common_name())
            .unwrap();
        times.push(last());
    }
    assert!(
        times.windows(2).all(|pair| pair[1].is_later_than(&pair[0])),
        "{times:?}"
    );
}

#[test]
fn a_reset_leads_back_to_setup_mode_and_the_keys_come_in_again() {
    let machine = UserMode::new();
    let applied = machine.make(|updater| Ok(vec![updater.reset(&mut nobody)?])).unwrap();
    assert!(!applied.was_setup_mode && applied.setup_mode);
    assert!(
        applied
            .warnings
            .iter()
            .any(|warning| warning.kind.name() == "no_platform_key")
    );
    let request = Request::new(machine.keys.path().to_owned(), machine.bench.request.store.clone());
    let applied = carry_out(&machine.bench.context, &plan(&machine.bench.context, &request).unwrap()).unwrap();
    assert!(!applied.setup_mode);
    // By now the ceremony's own write is older than what is there, or as old.
    machine.make(|updater| Ok(vec![updater.reset(&mut nobody)?])).unwrap();
    assert!(machine.bench.store().setup_mode().unwrap());
}

#[test]
fn the_keys_of_another_ceremony_take_over_in_two_steps() {
    let machine = UserMode::new();
    let new = KeyDirectory::open(SECOND.path()).unwrap();
    machine.make(|updater| updater.rotate(&new, &mut nobody)).unwrap();
    for (variable, count) in [(VariableName::Pk, 1), (VariableName::Kek, 2), (VariableName::Db, 2)] {
        assert_eq!(machine.content(variable).entries().count(), count, "{variable}");
    }
    let refusal = machine.add(VariableName::Kek, &database(&[&STRANGER])).unwrap_err();
    assert!(refusal.to_string().contains("the firmware's PK holds"), "{refusal}");

    let request = Request::new(SECOND.path().to_owned(), machine.bench.request.store.clone());
    let applied = carry_out(&machine.bench.context, &plan(&machine.bench.context, &request).unwrap()).unwrap();
    assert!(applied.steps.iter().any(|step| step.outcome == Outcome::Written));
    for variable in [VariableName::Pk, VariableName::Kek, VariableName::Db] {
        assert_eq!(machine.content(variable), new.database(variable).unwrap(), "{variable}");
    }
}

#[test]
fn keys_that_the_firmware_does_not_know_are_named_before_anybody_is_asked() {
    let machine = UserMode::new();
    let others = KeyDirectory::open(SECOND.path()).unwrap();
    let updater = Updater::open(&machine.bench.context, &machine.bench.request.store, &others).unwrap();
    let error = updater
        .add(VariableName::Db, &database(&[&STRANGER]), &mut |_| {
            unreachable!("nobody is asked")
        })
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the firmware's KEK holds \"test Key Exchange Key"),
        "{error}"
    );
    assert_eq!(error.kind().exit_code(), 1);
}

#[test]
fn microsofts_files_are_taken_by_name_and_what_they_do_is_said() {
    let machine = UserMode::new();
    let microsoft = material(VariableName::Dbx, "microsoft", OWNER, false).unwrap();
    assert_eq!(microsoft.entries().count(), 443);
    machine.add(VariableName::Dbx, &microsoft).unwrap();
    assert!(machine.content(VariableName::Dbx).contains_all(&microsoft));

    let named = |file: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src/trust/microsoft/updates")
            .join(file);
        material(VariableName::Dbx, path.to_str().unwrap(), OWNER, false).unwrap()
    };
    let ids = |content: &SignatureDatabase| -> Vec<&str> {
        let applied = machine.add(VariableName::Dbx, content).unwrap();
        applied.warnings.iter().map(|warning| warning.kind.name()).collect()
    };
    assert!(ids(&named("DBXUpdate2024.bin")).contains(&"revokes_windows_2011"));
    let versions = named("DBXUpdateSVN.bin");
    let entries = describe(&versions, &Owners::default());
    let is_bootmgfw =
        |entry: &Entry| matches!(entry, Entry::SecurityVersion { version, .. } if version == "bootmgfw.efi 9.0");
    assert!(entries.len() == 3 && is_bootmgfw(&entries[0]), "{entries:?}");
    let applied = machine.add(VariableName::Dbx, &versions).unwrap();
    let warning = applied
        .warnings
        .iter()
        .find(|warning| warning.kind.name() == "raises_svn")
        .unwrap();
    assert!(
        warning
            .text
            .ends_with("bootmgfw.efi 9.0, cdboot.efi 3.0, wdsmgfw.efi 3.0"),
        "{}",
        warning.text
    );
}

#[test]
fn material_is_recognised_by_its_content() {
    let directory = tempfile::tempdir().unwrap();
    let file = |bytes: &[u8]| {
        let path = directory.path().join("file.txt");
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let of = |variable, bytes: &[u8], hashes| material(variable, &file(bytes), OWNER, hashes);
    let expected = database(&[&STRANGER]);
    let certificate = &STRANGER.certificate;
    for bytes in [
        certificate.as_der(),
        certificate.to_pem().unwrap().as_bytes(),
        &expected.to_bytes(),
        &[&[0x27, 0, 0, 0], expected.to_bytes().as_slice()].concat(),
        &sign(&KEK, VariableName::Db, ATTRIBUTES, time(1), &expected).to_bytes(),
    ] {
        assert_eq!(of(VariableName::Db, bytes, false).unwrap(), expected);
    }
    let image = crate::formats::firmware::authenticode::minimal_image();
    assert_eq!(of(VariableName::Db, &image, false).unwrap_err().kind().exit_code(), 2);
    let hashed = of(VariableName::Db, &image, true).unwrap();
    assert_eq!(hashed, of(VariableName::Dbx, &image, false).unwrap());
    assert_eq!(hashed.entries_of_type(SignatureType::Sha256).count(), 1);
    // Revocations would let in what they revoke.
    let revocations = microsoft::DBX_UPDATE_X64;
    let error = of(VariableName::Db, revocations, true).unwrap_err();
    assert!(error.to_string().ends_with("is signed for dbx, not for db"), "{error}");
    let unsigned = SignatureDatabase::parse(&AuthenticatedVariable::parse(revocations).unwrap().payload).unwrap();
    for variable in [VariableName::Db, VariableName::Kek] {
        let error = of(variable, &unsigned.to_bytes(), false).unwrap_err();
        assert_eq!(error.kind().exit_code(), 2);
    }
    assert_eq!(of(VariableName::Dbx, &unsigned.to_bytes(), false).unwrap(), unsigned);
    assert!(of(VariableName::Db, b"nonsense", false).is_err() && of(VariableName::Db, b"", false).is_err());
}

#[test]
fn what_the_vendor_put_there_and_option_roms_are_kept_if_asked_for() {
    let bench = Bench::new();
    let global = |name: &str, content: &SignatureDatabase| {
        bench
            .variables()
            .write_raw(name, &Guid::GLOBAL, 6, &content.to_bytes())
            .unwrap();
    };
    global("dbDefault", &database(&[&STRANGER]));
    global("KEKDefault", &database(&[&PK]));
    let keys = KeyDirectory::open(FIRST.path()).unwrap();
    let updater = Updater::open(&bench.context, &bench.request.store, &keys).unwrap();
    let kept = [VariableName::Db, VariableName::Kek];
    let request = Request {
        source: Source::Updates(updater.keep(&kept, &[[5; 32]], &mut nobody).unwrap()),
        ..bench.request.clone()
    };
    let planned = plan(&bench.context, &request).unwrap();
    assert_eq!(planned.vendor_defaults.len(), 2);
    carry_out(&bench.context, &planned).unwrap();
    let store = bench.store();
    let db = store.database(VariableName::Db).unwrap();
    assert!(db.contains_all(&keys.database(VariableName::Db).unwrap()));
    assert!(db.contains_all(&database(&[&STRANGER])) && db.contains(SignatureType::Sha256, &[5; 32]));
    assert!(
        store
            .database(VariableName::Kek)
            .unwrap()
            .contains_all(&database(&[&PK]))
    );
    assert!(!store.setup_mode().unwrap());
}

#[test]
fn a_backup_leads_back_in_both_modes_and_a_tampered_one_does_not() {
    let machine = UserMode::new();
    let before: Vec<SignatureDatabase> = VariableName::ALL.map(|variable| machine.content(variable)).into();
    let applied = machine.add(VariableName::Db, &database(&[&STRANGER])).unwrap();
    machine.add(VariableName::Dbx, &hashes(&[3])).unwrap();
    let backup = applied.backup.unwrap();
    let revert = || machine.make(|updater| updater.revert(&backup, &mut nobody));
    revert().unwrap();
    assert_eq!(
        VariableName::ALL.map(|variable| machine.content(variable)).to_vec(),
        before
    );
    assert!(revert().unwrap().steps.is_empty());

    // From Setup Mode too, where nothing but PK needs a key.
    machine.make(|updater| Ok(vec![updater.reset(&mut nobody)?])).unwrap();
    for variable in [VariableName::Db, VariableName::Kek] {
        let auth = sign(&STRANGER, variable, ATTRIBUTES, time(50), &database(&[&STRANGER]));
        machine
            .bench
            .store()
            .write(variable, ATTRIBUTES, &auth.to_bytes())
            .unwrap();
    }
    revert().unwrap();
    assert_eq!(
        VariableName::ALL.map(|variable| machine.content(variable)).to_vec(),
        before
    );

    let file = backup.join(VariableName::Db.full_name());
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = revert().unwrap_err();
    assert!(error.to_string().contains("has changed since it was saved"), "{error}");
    fs::write(backup.join("manifest.json"), b"{}").unwrap();
    assert!(revert().unwrap_err().to_string().contains("is no backup"));
}

#[test]
fn a_vendors_platform_key_is_its_owners_to_put_back() {
    let machine = UserMode::new();
    let applied = machine.add(VariableName::Db, &database(&[&STRANGER])).unwrap();
    machine.make(|updater| Ok(vec![updater.reset(&mut nobody)?])).unwrap();
    let others = KeyDirectory::open(SECOND.path()).unwrap();
    let updater = Updater::open(&machine.bench.context, &machine.bench.request.store, &others).unwrap();
    let error = updater.revert(&applied.backup.unwrap(), &mut nobody).unwrap_err();
    assert!(
        error
            .hints()
            .iter()
            .any(|hint| hint.contains("restore the factory keys")),
        "{error}"
    );
}

#[test]
fn each_refusal_outside_setup_mode_says_what_it_is_about() {
    let machine = UserMode::new();
    let refusal = |auth: Vec<u8>, attributes| {
        let update = Update {
            variable: VariableName::Db,
            attributes,
            auth,
            origin: "db.auth".to_owned(),
        };
        let error = machine.make(|_| Ok(vec![update])).unwrap_err();
        assert_eq!(error.kind().exit_code(), 1);
        error.in_one_line()
    };
    let kek = machine.keys.identity(KeyName::Kek, &mut nobody).unwrap();
    let old = sign(
        &kek,
        VariableName::Db,
        ATTRIBUTES,
        EfiTime::from_bytes([0; 16]),
        &database(&[&DB]),
    );
    assert!(refusal(old.to_bytes(), ATTRIBUTES).contains("is not later than that of the last write"));
    let mut tampered = sign(&kek, VariableName::Db, ATTRIBUTES, time(50), &database(&[&DB]));
    tampered.payload = database(&[&STRANGER]).to_bytes();
    assert!(refusal(tampered.to_bytes(), ATTRIBUTES).contains("not for this variable, or not with this content"));
    let appended = sign(
        &kek,
        VariableName::Db,
        APPEND_ATTRIBUTES,
        time(50),
        &database(&[&STRANGER]),
    );
    assert!(refusal(appended.to_bytes(), ATTRIBUTES).contains("not for this variable, or not with this content"));
    let foreign = sign(&STRANGER, VariableName::Db, ATTRIBUTES, time(50), &database(&[&DB]));
    let said = refusal(foreign.to_bytes(), ATTRIBUTES);
    assert!(said.contains("its platform key is \"test Platform Key"), "{said}");
    assert!(
        said.contains("signed by Test stranger, who is not in KEK, nor the PK"),
        "{said}"
    );
}
