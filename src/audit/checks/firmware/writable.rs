//! Protection of the variables from writes by accident.

use crate::finding::{Finding, Kind, Outcome};
use crate::system::variables::Efivarfs;

use super::store::OTHER_MACHINE;
use super::variables::VARIABLES;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// The file of a variable can be written to.
pub(super) const NOT_IMMUTABLE: Kind = Kind::warning("not_immutable");

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    if !machine.is_live() {
        return Outcome::not_applicable(OTHER_MACHINE);
    }
    let look = || -> crate::error::Result<Outcome> {
        let variables = Efivarfs::live(machine.context())?;
        let mut outcome = Outcome::default();
        let is_read_only = variables.is_read_only()?;
        outcome.evidence.push(format!(
            "efivarfs is mounted {}",
            if is_read_only { "read-only" } else { "read-write" }
        ));
        for variable in VARIABLES {
            match variables.is_immutable(variable.name(), &variable.vendor()) {
                Ok(None) => outcome.evidence.push(format!("{variable}: not there")),
                Ok(Some(true)) => outcome.evidence.push(format!("{variable}: immutable")),
                Ok(Some(false)) if is_read_only => outcome.evidence.push(format!("{variable}: not immutable")),
                Ok(Some(false)) => {
                    let file = format!("{}-{}", variable.name(), variable.vendor());
                    let path = variables.directory().join(file);
                    outcome.findings.push(
                        Finding::new(
                            NOT_IMMUTABLE,
                            variable.name(),
                            format!("the file of {variable} is not immutable: root can write to it by accident"),
                        )
                        .remedy(format!("chattr +i {}", crate::error::quoted(&path))),
                    );
                }
                Err(error) => outcome.not_run.push(reason(&error)),
            }
        }
        Ok(outcome)
    };
    look().unwrap_or_else(|error| Outcome::could_not_run(reason(&error)))
}
