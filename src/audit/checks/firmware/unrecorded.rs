//! Revocations that the firmware has, and the key directory does not know.

use crate::enroll::Store;
use crate::error::{Explain, Result};
use crate::finding::{Finding, Kind};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::formats::text::Shown;
use crate::keys::KeyDirectory;
use crate::trust::microsoft::{self, SecurityVersion};

use super::named::without;
use crate::audit::machine::Machine;
use crate::audit::offline::{signed_by, signs_here};

/// dbx holds a revocation of the owner's that the key directory does not have.
const REVOCATION_UNRECORDED: Kind = Kind::warning("revocation_unrecorded");
/// dbx holds entries that nobody accounts for.
const REVOCATIONS_OF_OTHERS: Kind = Kind::note("revocations_of_others");

/// The findings on entries of dbx that a board lacks which is enrolled from the key directory. Microsoft's come to every board by Windows
/// and fwupd, and the vendor's with the firmware.
pub(super) fn unrecorded(
    machine: &Machine<'_>,
    directory: &KeyDirectory,
    store: &Store,
    meant: &SignatureDatabase,
) -> Result<Vec<Finding>> {
    // What is owned by nobody that we know is left to those who put it there.
    let Ok(own) = directory.owner() else {
        return Ok(Vec::new());
    };
    let vendor = store.read_any("dbxDefault", &Guid::GLOBAL)?.map(|raw| raw.data);
    let shows_vendors = vendor.is_some();
    let vendor = SignatureDatabase::parse(&vendor.unwrap_or_default())
        .or_could_not_run(|| "the firmware's dbxDefault is malformed".to_owned())?;
    let shipped = microsoft::revocations()?;
    let mut rest = store.database(VariableName::Dbx)?;
    rest.retain(|kind, entry| {
        let is_microsofts = entry.owner == Guid::MICROSOFT
            || kind == SignatureType::X509 && microsoft::find(&entry.data).is_some()
            || SecurityVersion::from_entry(kind, entry).is_some();
        !is_microsofts && !shipped.contains(kind, &entry.data) && !vendor.contains(kind, &entry.data)
    });
    let (mut ours, mut others) = (rest.clone(), rest);
    ours.retain(|_, entry| entry.owner == own);
    others.retain(|_, entry| entry.owner != own);
    let keys = directory.path().shown();
    let mut findings = Vec::new();
    for entry in without(&ours, meant) {
        let text = format!(
            "dbx holds {}, a revocation of yours that {keys} does not know: a board that is enrolled from there starts what it forbids",
            entry.text
        );
        let mut finding = Finding::new(REVOCATION_UNRECORDED, format!("dbx: {}", entry.name), text);
        if !signs_here(machine, VariableName::Dbx)? {
            finding = finding.remedy("if the stick with PK and KEK knows of it: bootseal keys sync STICK");
        }
        let add = format!("bootseal enroll add dbx {}", entry.name);
        findings.push(finding.remedy(signed_by(machine, VariableName::Dbx, &add)?));
    }
    // Much firmware shows no defaults: its vendor's entries cannot be told from those of others.
    let others = without(&others, meant);
    if let Some(first) = others.first().filter(|_| shows_vendors) {
        let number = match others.len() {
            1 => "an entry that is".to_owned(),
            number => format!("{number} entries that are"),
        };
        let text = format!(
            "dbx holds {number} neither Microsoft's nor the vendor's, and not known to {keys}; the first is {} ({})",
            first.text, first.name
        );
        let add = signed_by(machine, VariableName::Dbx, "bootseal enroll add dbx ENTRY")?;
        findings.push(Finding::new(REVOCATIONS_OF_OTHERS, "dbx", text).remedy(format!(
            "bootseal enroll list -v shows them; other boards get one by: {add}"
        )));
    }
    Ok(findings)
}
