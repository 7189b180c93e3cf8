//! The event log of the last start, as the checks read it.

use crate::audit::machine::Machine;
use crate::finding::Outcome;
use crate::formats::firmware::event_log::EventLog;

/// The outcome of a look at the event log; where there is none, the check could not run.
pub(super) fn with_log(machine: &Machine<'_>, look: impl FnOnce(&EventLog) -> Outcome) -> Outcome {
    match machine.event_log() {
        Ok(log) => look(log),
        Err(missing) => Outcome::could_not_run(missing.clone()),
    }
}
