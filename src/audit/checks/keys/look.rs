//! The key directory, as the checks of the keys look at it.

use crate::audit::machine::Machine;
use crate::finding::Outcome;
use crate::keys::KeyDirectory;

/// The outcome of a look at the key directory; could not run where there is none.
pub(super) fn with_directory(
    machine: &Machine<'_>,
    look: impl FnOnce(&KeyDirectory) -> Result<Outcome, String>,
) -> Outcome {
    match machine.directory() {
        Ok(directory) => look(directory).unwrap_or_else(Outcome::could_not_run),
        Err(missing) => Outcome::could_not_run(missing.clone()),
    }
}

/// An RFC 3339 time, UTC, in seconds since 1970-01-01.
pub(super) fn seconds(time: &str) -> Option<u64> {
    time.parse::<der::DateTime>()
        .ok()
        .map(|time| time.unix_duration().as_secs())
}
