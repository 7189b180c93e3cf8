//! Files in which the kernel tells of itself.

use crate::audit::machine::Machine;
use crate::finding::Outcome;

/// The state of lockdown.
pub(super) const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// The text of a file of the kernel; an outcome in place of it where there is none.
pub(super) fn text(machine: &Machine<'_>, path: &str, missing: &str) -> Result<String, Outcome> {
    match machine.text(path) {
        Ok(Some(text)) => Ok(text),
        Ok(None) => Err(Outcome::could_not_run(format!("there is no {path}: {missing}"))),
        Err(error) => Err(Outcome::could_not_run(error)),
    }
}
