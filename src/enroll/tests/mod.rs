//! Enrolment from `.auth` files to a simulated firmware.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::formats::firmware::authenticated_variable::{APPEND_ATTRIBUTES, ATTRIBUTES, VariableName};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::keys::Identity;
use crate::system::variables::{Efivarfs, Variables};
use crate::system::{Clock, Context};
use crate::trust::identities::{DB, KEK, OWNER, PK, STRANGER, database, sign, time};
use crate::trust::microsoft;

mod faults;
mod key_directory;
mod limits;
mod updates;
mod warnings;

fn carry_out(context: &Context, plan: &Plan) -> crate::error::Result<Applied> {
    apply(context, plan, || unreachable!("nobody else has the lock"))
}

/// 2026-01-01T00:00:00Z.
const NOW: u64 = 1_767_225_600;

struct Bench {
    root: TempDir,
    context: Context,
    request: Request,
}

fn with_microsoft(mut content: SignatureDatabase) -> SignatureDatabase {
    for known in microsoft::CERTIFICATES.iter().filter(|known| known.by_default) {
        if known.variable == VariableName::Db {
            content.add_certificate(Guid::MICROSOFT, known.der);
        }
    }
    content
}

fn hashes(digests: &[u8]) -> SignatureDatabase {
    let mut content = SignatureDatabase::default();
    for byte in digests {
        content.add_sha256(OWNER, &[*byte; 32]);
    }
    content
}

impl Bench {
    /// A ceremony's directory beside an empty simulated firmware.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let path = |name| {
            let path = root.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        };
        let bench = Self {
            request: Request::new(path("keys"), StoreChoice::At(path("firmware"))),
            context: Context::host().with_root(root.path()).with_clock(Clock::Fixed(NOW)),
            root,
        };
        bench.file(VariableName::Pk, &PK, ATTRIBUTES, &database(&[&PK]));
        bench.file(VariableName::Kek, &PK, ATTRIBUTES, &database(&[&KEK]));
        bench.file(VariableName::Db, &KEK, ATTRIBUTES, &with_microsoft(database(&[&DB])));
        bench.file(VariableName::Dbx, &KEK, APPEND_ATTRIBUTES, &hashes(&[1, 2]));
        bench
    }

    fn file(&self, variable: VariableName, signer: &Identity, attributes: u32, content: &SignatureDatabase) {
        let auth = sign(signer, variable, attributes, time(1), content);
        fs::write(self.keys().join(format!("{variable}.auth")), auth.to_bytes()).unwrap();
    }

    fn keys(&self) -> &Path {
        match &self.request.source {
            Source::Keys(keys) => keys,
            Source::Updates(_) => unreachable!("the bench has a key directory"),
        }
    }

    fn plan(&self) -> crate::error::Result<Plan> {
        plan(&self.context, &self.request)
    }

    /// The variables of the simulated firmware.
    fn variables(&self) -> Efivarfs {
        Efivarfs::at(&self.context, self.root.path().join("firmware"))
    }

    fn store(&self) -> Store {
        Store::open(&self.context, &self.request.store).unwrap()
    }

    fn refusal(&self) -> String {
        let error = self.plan().unwrap_err();
        assert_eq!(error.kind().exit_code(), 1, "{error}");
        error.in_one_line()
    }

    fn warnings(&self) -> Vec<&'static str> {
        let plan = self.plan().unwrap();
        let ids = plan.warnings.iter().map(|warning| warning.kind.name());
        ids.filter(|id| *id != "boot_files_not_judged").collect()
    }
}

#[test]
fn a_fresh_firmware_takes_everything_in_order_and_leaves_setup_mode() {
    let bench = Bench::new();
    let plan = bench.plan().unwrap();
    assert!(plan.mode.setup_mode && !plan.is_done());
    let applied = carry_out(&bench.context, &plan).unwrap();
    let steps: Vec<_> = applied.steps.iter().map(|step| (step.variable, step.outcome)).collect();
    let written = Outcome::Written;
    assert_eq!(
        steps,
        [("dbx", written), ("db", written), ("KEK", written), ("PK", written)]
    );
    assert!(!applied.setup_mode);
    assert_eq!(applied.secure_boot, Some(false));
    let store = bench.store();
    assert_eq!(store.database(VariableName::Pk).unwrap(), database(&[&PK]));
    assert_eq!(store.read(VariableName::Dbx).unwrap().unwrap().attributes, ATTRIBUTES);

    let again = bench.plan().unwrap();
    assert!(again.is_done() && again.warnings.is_empty());
    let applied = carry_out(&bench.context, &again).unwrap();
    assert!(applied.steps.iter().all(|step| step.outcome == Outcome::AlreadyThere));
    assert_eq!(applied.backup, None);
}

#[test]
fn present_revocations_are_never_lost() {
    let bench = Bench::new();
    let store = bench.store();
    let factory = hashes(&[2, 9]);
    let dbx = VariableName::Dbx;
    bench
        .variables()
        .write_raw(dbx.name(), &dbx.vendor(), ATTRIBUTES, &factory.to_bytes())
        .unwrap();
    let plan = bench.plan().unwrap();
    let changes: Vec<(Change, usize)> = plan.variables[3]
        .entries
        .iter()
        .map(|EntryChange { change, entry }| match entry {
            Entry::Others { count, .. } => (*change, *count),
            Entry::Certificate { .. } | Entry::SecurityVersion { .. } => unreachable!("there are digests only"),
        })
        .collect();
    assert_eq!(changes, [(Change::Added, 1), (Change::Kept, 2)]);
    carry_out(&bench.context, &plan).unwrap();
    let held: Vec<u8> = store
        .database(dbx)
        .unwrap()
        .entries_of_type(SignatureType::Sha256)
        .map(|(_, data)| data[0])
        .collect();
    assert_eq!(held, [2, 9, 1]);
}

#[test]
fn the_variables_from_before_are_saved_for_the_owner_only() {
    let bench = Bench::new();
    let kek = VariableName::Kek;
    let old = database(&[&STRANGER]).to_bytes();
    bench
        .variables()
        .write_raw(kek.name(), &kek.vendor(), ATTRIBUTES, &old)
        .unwrap();
    let applied = carry_out(&bench.context, &bench.plan().unwrap()).unwrap();
    let backup = applied.backup.unwrap();
    assert_eq!(backup, bench.root.path().join("firmware.backups/2026-01-01T00-00-00Z"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&backup), 0o700);
    let file = backup.join(kek.full_name());
    assert_eq!(mode(&file), 0o600);
    assert_eq!(fs::read(file).unwrap(), [&[0x27, 0, 0, 0], old.as_slice()].concat());
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(backup.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["schema"], "bootseal.backup/1");
    assert_eq!(manifest["time"], "2026-01-01T00:00:00Z");
    assert_eq!(manifest["variables"][0]["file"], serde_json::Value::Null);
    assert_eq!(manifest["variables"][1]["size"], old.len());
}

#[test]
fn a_plan_is_known_by_its_digest() {
    let plan = Bench::new().plan().unwrap();
    plan.check_reviewed(&plan.digest.to_uppercase()).unwrap();
    for other in ["", "00", &plan.digest[1..]] {
        let refused = plan.check_reviewed(other).unwrap_err();
        assert_eq!(refused.kind().exit_code(), 1);
        assert!(refused.to_string().ends_with(&plan.digest), "{refused}");
    }
}

#[test]
fn a_dry_run_writes_nothing_anywhere() {
    let bench = Bench::new();
    let context = bench.context.clone().with_dry_run(true);
    let applied = carry_out(&context, &plan(&context, &bench.request).unwrap()).unwrap();
    assert!(applied.dry_run && applied.setup_mode);
    assert!(applied.steps.iter().all(|step| step.outcome == Outcome::WouldWrite));
    assert_eq!(fs::read_dir(bench.root.path().join("firmware")).unwrap().count(), 0);
    assert!(!bench.root.path().join("var").exists());
}

#[test]
fn a_failed_write_stops_is_explained_and_can_be_resumed() {
    use Outcome::{AlreadyThere, Written};
    let bench = Bench::new();
    let mut damaged = bench.plan().unwrap();
    // In Setup Mode the firmware does not check KEK, so only reading it back shows the damage.
    let kek = &mut damaged.writes[2];
    kek.auth = sign(&PK, VariableName::Kek, ATTRIBUTES, time(2), &database(&[&STRANGER])).to_bytes();
    let error = carry_out(&bench.context, &damaged).unwrap_err();
    assert_eq!(
        error.to_string(),
        "stopped at KEK: dbx, db are in place, KEK, PK are not; the firmware is still in Setup Mode, does not enforce \
         Secure Boot, and boots as before"
    );
    let resume = format!(
        "when the cause is removed, continue with: bootseal enroll apply --keys {} --store {}",
        bench.keys().display(),
        bench.request.store
    );
    assert_eq!(error.hints()[0], resume);
    assert!(error.causes()[0].contains("does not hold the new content"));

    let applied = carry_out(&bench.context, &bench.plan().unwrap()).unwrap();
    let outcomes: Vec<_> = applied.steps.iter().map(|step| step.outcome).collect();
    assert_eq!(outcomes, [AlreadyThere, AlreadyThere, Written, Written]);
}

#[test]
fn what_the_firmware_refuses_is_refused() {
    let bench = Bench::new();
    let mut damaged = bench.plan().unwrap();
    damaged.writes[1].auth.truncate(100);
    let error = carry_out(&bench.context, &damaged).unwrap_err();
    assert_eq!(error.kind().exit_code(), 1);
    assert!(
        error.to_string().starts_with("stopped at db: dbx is in place"),
        "{error}"
    );
}

#[test]
fn in_user_mode_what_the_enrolled_keys_do_not_sign_is_not_planned() {
    let bench = Bench::new();
    let early = bench.plan().unwrap();
    carry_out(&bench.context, &early).unwrap();
    bench.file(VariableName::Db, &KEK, ATTRIBUTES, &database(&[&STRANGER]));
    assert!(bench.refusal().contains("not in Setup Mode"));
    assert!(carry_out(&bench.context, &early).is_err(), "its time is over");
}

#[test]
fn files_that_are_not_what_they_should_be_are_refused() {
    use VariableName::{Db, Dbx, Kek, Pk};
    let refusal = |variable, signer: &Identity, attributes, content: &SignatureDatabase| {
        let bench = Bench::new();
        bench.file(variable, signer, attributes, content);
        bench.refusal()
    };
    let db = database(&[&DB]);
    let by_stranger = refusal(Db, &STRANGER, ATTRIBUTES, &db);
    assert!(
        by_stranger.contains("signed by Test stranger, who is not in KEK"),
        "{by_stranger}"
    );
    let by_kek = refusal(Kek, &KEK, ATTRIBUTES, &database(&[&KEK]));
    assert!(by_kek.contains("who is not the PK"), "{by_kek}");
    let not_itself = refusal(Pk, &STRANGER, ATTRIBUTES, &database(&[&PK]));
    assert!(not_itself.contains("who is not the new PK itself"), "{not_itself}");
    let replaces = refusal(Dbx, &KEK, ATTRIBUTES, &hashes(&[1]));
    assert!(
        replaces.contains("signed to replace dbx, not to append to dbx"),
        "{replaces}"
    );
    let empties = refusal(Db, &KEK, ATTRIBUTES, &SignatureDatabase::default());
    assert!(empties.contains("would empty db"), "{empties}");

    let bench = Bench::new();
    fs::copy(bench.keys().join("KEK.auth"), bench.keys().join("db.auth")).unwrap();
    assert!(bench.refusal().contains("signed to replace KEK, not to replace db"));
    fs::write(bench.keys().join("db.auth"), b"nonsense").unwrap();
    assert!(bench.refusal().contains("TimeStamp at offset 0x0 needs 16 bytes"));
    fs::remove_file(bench.keys().join("db.auth")).unwrap();
    assert_eq!(bench.plan().unwrap_err().kind().exit_code(), 3);
}

#[test]
fn dangers_are_named() {
    let bench = Bench::new();
    assert_eq!(bench.warnings(), ["pcr7"]);
    bench.file(VariableName::Db, &KEK, ATTRIBUTES, &database(&[&DB]));
    assert_eq!(bench.warnings(), ["no_option_rom_authority", "pcr7"]);
    bench.file(
        VariableName::Db,
        &KEK,
        ATTRIBUTES,
        &with_microsoft(SignatureDatabase::default()),
    );
    assert_eq!(bench.warnings(), ["no_own_certificate", "pcr7"]);
    bench.file(VariableName::Db, &KEK, ATTRIBUTES, &with_microsoft(database(&[&DB])));
    bench.file(VariableName::Dbx, &KEK, APPEND_ATTRIBUTES, &database(&[&DB]));
    assert_eq!(bench.warnings(), ["revoked_by_dbx", "pcr7"]);
}

#[test]
fn without_dbx_there_are_three_writes() {
    let bench = Bench::new();
    fs::remove_file(bench.keys().join("dbx.auth")).unwrap();
    let plan = bench.plan().unwrap();
    let variables: Vec<_> = plan.writes.iter().map(|write| write.variable).collect();
    assert_eq!(variables, ["db", "KEK", "PK"]);
    let json = serde_json::to_value(&plan).unwrap();
    let pk = &json["variables"][0]["entries"][0];
    assert_eq!(
        [&pk["change"], &pk["subject"], &pk["kind"]],
        ["added", "Test PK", "certificate"]
    );
    assert_eq!(pk["rsa_bits"], 2048);
    assert_eq!(json["writes"][2].get("auth"), None);
}

#[test]
fn in_user_mode_the_simulated_firmware_checks_signatures_and_times() {
    let bench = Bench::new();
    carry_out(&bench.context, &bench.plan().unwrap()).unwrap();
    let store = bench.store();
    let write = |variable, signer: &Identity, seconds, content: &SignatureDatabase| {
        let auth = sign(signer, variable, ATTRIBUTES, time(seconds), content);
        bench.store().write(variable, ATTRIBUTES, &auth.to_bytes())
    };
    let db = database(&[&STRANGER]);
    assert!(write(VariableName::Db, &STRANGER, 9, &db).is_err());
    let replayed = write(VariableName::Db, &KEK, 1, &db).unwrap_err();
    assert!(
        replayed.causes()[0].contains("not later than"),
        "{:?}",
        replayed.causes()
    );
    write(VariableName::Db, &KEK, 2, &db).unwrap();
    assert_eq!(store.database(VariableName::Db).unwrap(), db);
    assert!(write(VariableName::Pk, &KEK, 9, &SignatureDatabase::default()).is_err());
    write(VariableName::Pk, &PK, 9, &SignatureDatabase::default()).unwrap();
    assert!(store.setup_mode().unwrap());
    assert_eq!(store.read(VariableName::Pk).unwrap(), None);
}

#[test]
fn stores_that_are_not_there_are_named() {
    let bench = Bench::new();
    let open = |choice: &str| Store::open(&bench.context, &choice.parse().unwrap()).unwrap_err();
    assert!(open("live").to_string().contains("not booted through UEFI"));
    assert_eq!(open("/nonexistent/store").hints(), ["mkdir -p /nonexistent/store"]);
}
