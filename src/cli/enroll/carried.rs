//! Signed writes that were made elsewhere, applied here: held against what this machine knows before, and recorded after.

use std::path::{Path, PathBuf};

use crate::ceremony;
use crate::ceremony::transcript::End;
use crate::cli::session::Session;
use crate::cli::unlock::Unlock;
use crate::enroll::{self, Plan};
use crate::error::{Error, Result, quoted};
use crate::formats::text::Shown;
use crate::keys::KeyDirectory;
use crate::keys::directory::TRANSCRIPT;
use crate::rotate::{ListsChanged, NewLists};
use crate::system;
use crate::ui::Report;

use super::apply::{Consent, apply};
use super::changed::Changed;

/// Directory of an update with what the ceremony knows: the transcript, and the public files.
pub(super) const CARRIED: &str = "keys";

/// The knowledge of the ceremony that came with an update; none if it is somebody else's.
fn carried(update: &Path) -> Result<Option<PathBuf>> {
    let carried = update.join(CARRIED);
    Ok(system::is_there(&carried.join(TRANSCRIPT))?.then_some(carried))
}

/// Refuses an update of the ceremony that is older than what the key directory knows, or of a state that has parted from it; so for each
/// of its files.
pub(super) fn check_update(plan: &Plan, update: &Path, keys: &Path) -> Result<()> {
    let directory = enroll::update_directory(update)?;
    let Some(carried) = directory.map(carried).transpose()?.flatten() else {
        return Ok(());
    };
    ceremony::check_carried(keys, &carried, &plan.written())
}

/// Carries the plan of an update out, and has the key directory know of it: by what came with the update, or, if it is somebody else's,
/// by keeping it.
pub(super) fn apply_update(
    session: &Session,
    plan: &Plan,
    consent: &Consent,
    (update, keys): (&Path, &Path),
    unlock: &Unlock,
) -> Result<Box<dyn Report>> {
    let carried = carried(update)?;
    if session.context.dry_run() {
        return apply(session, plan, consent);
    }
    let again = Some(format!("bootseal enroll apply {}", quoted(update)));
    let Some(carried) = carried else {
        let (new, reasons) = keep(session, plan, keys, unlock)?;
        let applied = apply(session, plan, consent)?;
        let mut lists = ListsChanged::default();
        let recorded = new.map(|new| new.publish(&session.context)).transpose();
        let again = recorded.as_ref().err().and(again);
        match recorded {
            Ok(recorded) => lists = recorded.unwrap_or_default(),
            Err(error) => lists.failures.push(not_recorded(keys, &error)),
        }
        lists
            .failures
            .extend(reasons.iter().map(|reason| not_recorded(keys, reason)));
        let lists = Some(lists);
        return Ok(Box::new(Changed { applied, lists, again }));
    };
    let applied = apply(session, plan, consent)?;
    let mut lists = ListsChanged::default();
    match ceremony::sync(&session.context, keys, &carried, false) {
        Ok(synced) if synced.updated.is_some() => lists.ends.push(End {
            directory: keys.shown(),
            ..synced.end
        }),
        Ok(_) => {}
        Err(error) => lists.failures.push(not_recorded(keys, &error)),
    }
    let lists = Some(lists);
    Ok(Box::new(Changed { applied, lists, again }))
}

/// The writes of others as the key directory is to keep them, and the reasons for which it cannot keep some.
fn keep(session: &Session, plan: &Plan, keys: &Path, unlock: &Unlock) -> Result<(Option<NewLists>, Vec<Error>)> {
    let Some(directory) = KeyDirectory::find(keys)? else {
        return Ok((None, vec![Error::could_not_run("there is no key directory")]));
    };
    let directory = directory.below(session.context.root());
    let ask = &mut |key: &str| unlock.existing(key);
    let more = [session.keys(None)?];
    let (new, reasons) = NewLists::of_others(&session.context, &directory, &more, &plan.updates(), ask)?;
    Ok((Some(new), reasons))
}

fn not_recorded(keys: &Path, error: &Error) -> String {
    let hints: Vec<String> = error.hints().iter().map(|hint| format!("; {hint}")).collect();
    format!("{}: {}{}", keys.shown(), error.in_one_line(), hints.concat())
}
