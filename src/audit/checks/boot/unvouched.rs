//! The files on the boot media that runs met, nobody vouches for, and that still lie there.

use crate::error::quoted;
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::text::{Shown, printable};
use crate::ledger::Ledger;
use crate::sign::{acceptance, planted};
use crate::system::moment;

use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// A file that nobody vouches for.
pub(super) const UNVOUCHED: Kind = Kind::warning("unvouched");

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    let planted = match planted(machine.context()) {
        Ok(planted) => planted,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    if planted.is_empty() && machine.ledger().is_ok_and(Ledger::is_empty) {
        return Outcome::not_applicable("there is no ledger yet: no run has signed anything");
    }
    if planted.is_empty() {
        return Outcome::pass("no file that a run left unsigned lies there");
    }
    let mut outcome = Outcome::default();
    for (path, planted) in planted {
        let text = format!(
            "{} is left unsigned since {}: {}",
            path.shown(),
            moment(planted.met),
            planted.reason
        );
        let accept = acceptance::command_for(&planted.kind, &path);
        outcome.findings.push(
            Finding::new(UNVOUCHED, path.shown(), printable(&text))
                .remedy(format!("rm {}", quoted(&path)))
                .remedy(format!("if the change is your own: {accept}")),
        );
    }
    outcome
}
