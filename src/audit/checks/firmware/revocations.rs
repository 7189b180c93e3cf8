//! dbx, against lists of revocations.

use std::path::Path;

use crate::error::{Explain, Result, quoted};
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, VariableName};
use crate::formats::firmware::signature_list::{Signature, SignatureDatabase, SignatureType};
use crate::formats::text::{Shown, printable};
use crate::system;
use crate::trust::microsoft::{self, SecurityVersion};
use crate::trust::{read_database, variable};

use super::store::with_store;
use crate::audit::machine::Machine;
use crate::audit::offline::signed_by;
use crate::audit::reason::reason;

/// dbx lacks entries of a list of revocations.
pub(super) const REVOCATIONS_MISSING: Kind = Kind::warning("revocations_missing");

/// Longest list that is read, in bytes.
const MAX_LIST: u64 = 4 << 20;

/// A list of revocations.
struct List {
    /// The subject of its findings, the same at the next audit.
    subject: String,
    /// The name for a person.
    name: String,
    entries: SignatureDatabase,
    remedy: String,
}

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    with_store(machine, |store| {
        let present = store.database(VariableName::Dbx)?;
        let mut outcome = Outcome::default();
        compare(&present, &brought_along(machine)?, &mut outcome);
        if let Some(path) = machine.given_dbx() {
            match given(machine, &path) {
                Ok(list) => compare(&present, &list, &mut outcome),
                Err(error) => outcome.not_run.push(reason(&error)),
            }
        }
        let versions = microsoft::security_versions(&present);
        outcome
            .evidence
            .extend(versions.map(|version| format!("security version in dbx: {version}")));
        Ok(outcome)
    })
}

/// The list of Microsoft's revocations that is part of this program.
fn brought_along(machine: &Machine<'_>) -> Result<List> {
    let entries = microsoft::revocations()?;
    Ok(List {
        subject: "dbx".to_owned(),
        name: format!(
            "Microsoft's list of {} that bootseal brings along (SHA-256 {})",
            microsoft::REVOCATIONS_DATE,
            digest(&entries)
        ),
        entries,
        remedy: signed_by(machine, VariableName::Dbx, "bootseal enroll add dbx microsoft")?,
    })
}

/// A list from a file. Its content tells its version: Microsoft's lists carry the same time in every version.
fn given(machine: &Machine<'_>, path: &Path) -> Result<List> {
    let shown = path.shown();
    let bytes = system::read_prefix(path, Some(MAX_LIST))?;
    let entries = read_database(&bytes).or_could_not_run(|| format!("{shown} is no list of revocations"))?;
    let signed = AuthenticatedVariable::parse(&bytes).ok().map(|update| {
        let signer = variable::recognise(&update).map_or_else(
            |unknown| unknown.to_string(),
            |known| format!("signed by \"{}\" for {}", known.signer.common_name(), known.variable),
        );
        format!("time {}, {}, ", update.time, printable(&signer))
    });
    Ok(List {
        subject: format!("dbx: {shown}"),
        name: format!("{shown} ({}SHA-256 {})", signed.unwrap_or_default(), digest(&entries)),
        entries,
        remedy: signed_by(
            machine,
            VariableName::Dbx,
            &format!("bootseal enroll add dbx {}", quoted(path)),
        )?,
    })
}

fn digest(entries: &SignatureDatabase) -> String {
    HashAlgorithm::Sha256.digest(&[&entries.to_bytes()]).to_hex()
}

fn compare(present: &SignatureDatabase, list: &List, outcome: &mut Outcome) {
    let total = list.entries.entries().count();
    let lacks = |(kind, entry): &(SignatureType, &Signature)| !holds(present, *kind, entry);
    let is_optional = |(kind, entry): &&(SignatureType, &Signature)| {
        *kind == SignatureType::Sha256 && microsoft::is_optional(&entry.data)
    };
    let missing: Vec<_> = list.entries.entries().filter(lacks).collect();
    let optional = missing.iter().filter(is_optional).count();
    let required = missing.len().saturating_sub(optional);
    let name = &list.name;
    if optional > 0 {
        // Windows keeps dbx up to date without them.
        outcome.evidence.push(format!(
            "dbx lacks {optional} entries of {name} that are optional: old boot managers, which the revocation of \
             \"Microsoft Windows Production PCA 2011\" covers"
        ));
    }
    if required == 0 {
        let held = total.saturating_sub(optional);
        let which = if optional > 0 { " that are required" } else { "" };
        outcome.evidence.push(format!("all {held} entries of {name}{which}"));
    } else {
        let text = format!("dbx lacks {required} of the {total} entries of {name}, not counting optional ones");
        outcome
            .findings
            .push(Finding::new(REVOCATIONS_MISSING, &list.subject, text).remedy(&list.remedy));
    }
}

/// True if dbx forbids all that the entry forbids: a higher security version forbids more than a lower one.
fn holds(present: &SignatureDatabase, kind: SignatureType, entry: &Signature) -> bool {
    let Some(version) = SecurityVersion::from_entry(kind, entry) else {
        return present.contains(kind, &entry.data);
    };
    let number = |version: &SecurityVersion| (version.major, version.minor);
    microsoft::security_versions(present)
        .any(|held| held.program == version.program && number(&held) >= number(&version))
}
