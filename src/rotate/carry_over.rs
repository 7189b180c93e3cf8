//! The keys of another ceremony that take over: its directory comes to enroll what the one before it was meant to, apart from its own keys.

use crate::ceremony::signer;
use crate::error::Result;
use crate::finding::{Finding, Kind};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::formats::text::Shown;
use crate::keys::directory::Ask;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{self, Context};
use crate::trust::meant;

use super::lists::{ListChange, NewLists, names};

/// The directory that takes over does not enroll entries that the present one does.
const NOT_CARRIED_OVER: Kind = Kind::warning("not_carried_over");

/// The entries that a new directory is to enroll as well, one change for each variable that it lacks some of.
pub fn carry_over(old: &KeyDirectory, new: &KeyDirectory) -> Result<Vec<ListChange>> {
    let mut changes = Vec::new();
    for (variable, key) in [
        (VariableName::Kek, Some(KeyName::Kek)),
        (VariableName::Db, Some(KeyName::Db)),
        (VariableName::Dbx, None),
    ] {
        if variable != VariableName::Dbx && !system::is_there(&old.lists_path(variable))? {
            continue;
        }
        let known = meant(new, variable)?;
        let gives_way = key.map(|key| old.certificate(key)).transpose()?;
        let gives_way = gives_way.as_ref().map(Certificate::as_der);
        let mut added = meant(old, variable)?;
        added.retain(|kind, entry| {
            let is_own = kind == SignatureType::X509 && gives_way == Some(entry.data.as_slice());
            !is_own && !known.contains(kind, &entry.data)
        });
        if !added.is_empty() {
            changes.push(ListChange {
                variable,
                written: None,
                added,
                removed: SignatureDatabase::default(),
                reason: Some(format!("carried over from {}", old.path().shown())),
            });
        }
    }
    Ok(changes)
}

/// Signs what the directories of the new ceremony are to enroll with these changes; where its private keys are elsewhere, it says what
/// they will lack, and how it is added there.
pub fn sign_carried_over(
    context: &Context,
    new: &KeyDirectory,
    changes: &[ListChange],
    ask: &mut Ask<'_>,
) -> Result<(Option<NewLists>, Vec<Finding>)> {
    let mut missing = Vec::new();
    for change in changes {
        let name = signer(change.variable);
        if !system::is_there(&new.private_key_path(name))? && new.token_uri(name)?.is_none() {
            missing.push(change);
        }
    }
    if missing.is_empty() {
        let lists = if changes.is_empty() {
            None
        } else {
            Some(NewLists::sign(context, new, &[], changes, ask)?)
        };
        return Ok((lists, Vec::new()));
    }
    let told = |change: &ListChange| {
        let variable = change.variable;
        let text = format!(
            "{} does not enroll what {variable} is meant to hold now: {}. bootseal enroll apply --keys {} will take it out",
            new.path().shown(),
            names(&change.added).join(", "),
            crate::error::quoted(new.path())
        );
        let remedy = format!(
            "where the new {} key is, name its directory in place of {}",
            signer(variable),
            new.path().shown()
        );
        let add = format!("or afterwards, entry by entry: bootseal enroll add {variable} ENTRY --keys NEW-STICK");
        Finding::new(NOT_CARRIED_OVER, variable.name(), text)
            .remedy(remedy)
            .remedy(add)
    };
    Ok((None, changes.iter().map(told).collect()))
}
