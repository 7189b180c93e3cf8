//! Signed writes that were made elsewhere, applied here: held against what this machine knows before, and recorded after.

use std::path::{Path, PathBuf};

use crate::ceremony;
use crate::ceremony::transcript::End;
use crate::cli::session::Session;
use crate::enroll::Plan;
use crate::error::{Result, quoted};
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::rotate::ListsChanged;
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

/// Refuses an update of the ceremony that is older than what the key directory knows, or of a state that has parted from it.
pub(super) fn check_update(plan: &Plan, update: &Path, keys: &Path) -> Result<()> {
    let Some(carried) = carried(update)? else {
        return Ok(());
    };
    ceremony::check_carried(keys, &carried, &plan.written())
}

/// Carries the plan of an update out, and brings the key directory to what the update knows.
pub(super) fn apply_update(
    session: &Session,
    plan: &Plan,
    consent: &Consent,
    (update, keys): (&Path, &Path),
) -> Result<Box<dyn Report>> {
    let applied = apply(session, plan, consent)?;
    let Some(carried) = carried(update)?.filter(|_| !session.context.dry_run()) else {
        return Ok(applied);
    };
    let mut lists = ListsChanged::default();
    match ceremony::sync(&session.context, keys, &carried, false) {
        Ok(synced) if synced.updated.is_some() => lists.ends.push(End {
            directory: keys.shown(),
            ..synced.end
        }),
        Ok(_) => {}
        Err(error) => lists
            .failures
            .push(format!("{}: {}", keys.shown(), error.in_one_line())),
    }
    Ok(Box::new(Changed {
        applied,
        lists: Some(lists),
        again: Some(format!("bootseal enroll apply {}", quoted(update))),
    }))
}
