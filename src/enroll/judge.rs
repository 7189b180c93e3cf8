//! The judgement of the firmware on the writes, and an order in which it takes them.

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, VariableName};
use crate::formats::text::printable;
use crate::trust::variable::{Firmware, judge};

use super::lists::Lists;
use super::mode::Mode;
use super::planned_write::{PlannedWrite, cannot_enroll};
use super::store::{Store, StoreChoice};

/// Order of the writes: PK ends Setup Mode, so everything else comes before it.
const ORDER: [VariableName; 4] = [VariableName::Dbx, VariableName::Db, VariableName::Kek, VariableName::Pk];

/// The writes in an order in which the firmware takes each, and the content of the variables afterwards.
pub(super) fn in_order(
    store: &Store,
    choice: &StoreChoice,
    mode: Mode,
    before: &Lists,
    mut writes: Vec<PlannedWrite>,
) -> Result<(Vec<PlannedWrite>, Lists)> {
    // What is appended comes after what replaces, which would take it out again.
    writes.sort_by_key(|write| (ORDER.iter().position(|variable| *variable == write.name), write.append));
    let mut after = before.clone();
    let is_done = writes.iter().all(|write| write.already_there);
    if mode.setup_mode || is_done {
        for write in &writes {
            after.take(write);
        }
        judge_outcome(mode, &after, &writes)?;
        return Ok((writes, after));
    }
    // In User Mode a new KEK may have to come before what it signed.
    let mut ordered = Vec::new();
    while !writes.is_empty() {
        let judged = writes.iter().map(|write| judge_one(store, &after, write));
        let (mut next, mut refusal) = (None, None);
        for (index, judged) in judged.enumerate() {
            match judged {
                Ok(()) if next.is_none() => next = Some(index),
                Ok(()) => {}
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        match (next, refusal) {
            (Some(index), _) => {
                let write = writes.remove(index);
                after.take(&write);
                ordered.push(write);
            }
            (None, refusal) => return Err(not_taken(choice, &after, refusal)),
        }
    }
    Ok((ordered, after))
}

/// Judges a write as the running firmware will judge it.
fn judge_one(store: &Store, present: &Lists, write: &PlannedWrite) -> Result<()> {
    if write.already_there {
        return Ok(());
    }
    let firmware = Firmware {
        pk: &present.pk,
        kek: &present.kek,
        setup_mode: present.pk.is_empty(),
        last_write: store.last_write(write.name)?,
    };
    judge_by(&firmware, write)
}

/// Checks the writes against each other, as a firmware that holds the new keys would: in Setup Mode the real one checks
/// next to nothing, and a KEK that cannot update db would come to light only years later.
fn judge_outcome(mode: Mode, after: &Lists, writes: &[PlannedWrite]) -> Result<()> {
    let with_pk = writes.iter().any(|write| write.name == VariableName::Pk);
    for write in writes {
        let firmware = Firmware {
            pk: &after.pk,
            kek: &after.kek,
            // A write without a signature comes from a backup, and only Setup Mode takes it.
            setup_mode: write.name == VariableName::Pk || (mode.setup_mode && (!with_pk || write.signed_by.is_none())),
            last_write: None,
        };
        judge_by(&firmware, write)?;
    }
    Ok(())
}

fn judge_by(firmware: &Firmware<'_>, write: &PlannedWrite) -> Result<()> {
    let cannot = || cannot_enroll(&write.origin);
    let auth = AuthenticatedVariable::parse(&write.auth).or_refuse(cannot)?;
    judge(firmware, write.name, write.attributes, &auth).or_refuse(cannot)?;
    Ok(())
}

/// The refusal when the firmware would take none of the writes that are left.
fn not_taken(choice: &StoreChoice, present: &Lists, refusal: Option<Error>) -> Error {
    let holder = present
        .pk
        .certificates()
        .find_map(|(_, der)| Certificate::from_der(der).ok())
        .map_or_else(
            || "is unreadable".to_owned(),
            |pk| format!("is \"{}\"", printable(&pk.common_name())),
        );
    let refused = Error::refused(format!(
        "the firmware is not in Setup Mode: its platform key {holder}, and it would not take these keys"
    ));
    let refused = match refusal {
        Some(refusal) => refused.caused_by(refusal),
        None => refused,
    };
    match choice {
        StoreChoice::Live => refused
            .hint("systemctl reboot --firmware-setup")
            .hint("there, under Secure Boot, choose \"Reset to Setup Mode\" or delete the platform key; do not restore factory keys"),
        StoreChoice::At(_) => refused
            .hint("name an empty directory, or the variables of a virtual machine without a platform key: --store PATH"),
    }
}
