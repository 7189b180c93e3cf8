//! The firmware's variables, as the checks read them.

use crate::audit::machine::Machine;
use crate::audit::reason::reason;
use crate::enroll::Store;
use crate::error::Result;
use crate::finding::Outcome;

/// The reason of checks of the machine's own firmware where the variables are another's.
pub(super) const OTHER_MACHINE: &str = "the variables are not those of the machine that looks";

/// The outcome of a look at the variables. They, or an error, may turn out to be out of reach: then the check could not run.
pub(super) fn with_store(machine: &Machine<'_>, look: impl FnOnce(&Store) -> Result<Outcome>) -> Outcome {
    match machine.store() {
        Ok(store) => look(store).unwrap_or_else(|error| Outcome::could_not_run(reason(&error))),
        Err(missing) => Outcome::could_not_run(missing.clone()),
    }
}
