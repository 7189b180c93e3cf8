//! The check of the ledger itself.

use crate::error::{Kind as ErrorKind, quoted};
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::backup::words::fingerprint_words;
use crate::formats::text::{Shown, printable};
use crate::ledger::Ledger;
use crate::sign::BROKEN;
use crate::system;

use crate::audit::check::{Check, Group};
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// The ledger does not hold.
const LEDGER_BROKEN: Kind = Kind::error("ledger_broken");
/// A ledger that did not hold was put aside.
const LEDGER_PUT_ASIDE: Kind = Kind::warning("ledger_put_aside");
/// Hexadecimal digits of the head that are shown.
const SHOWN: usize = 16;

pub(super) const CHECKS: &[Check] = &[Check {
    id: "ledger.chain",
    group: Group::Ledger,
    title: "Chain of the ledger",
    kind: LEDGER_BROKEN,
    proves: "Each line of the ledger follows the one before, and each run in it has an end, but for the last one: no line was \
             changed or taken out of the middle. Who keeps the head elsewhere sees also that its end was not cut off. No \
             ledger that did not hold lies beside it.",
    remedy: "bootseal ledger verify names the line; the ledger is put aside and a new one begins",
    run: chain,
}];

fn chain(machine: &Machine<'_>) -> Outcome {
    let path = match Ledger::path_of(machine.context()) {
        Ok(path) => path,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    let mut outcome = match machine.ledger() {
        Ok(ledger) if ledger.is_empty() => {
            Outcome::not_applicable("there is no ledger yet: the first run that signs begins it")
        }
        Ok(ledger) => holds(ledger),
        Err(error) if error.kind() == ErrorKind::Refused => {
            let finding = Finding::new(LEDGER_BROKEN, path.shown(), printable(&error.in_one_line()));
            Outcome::found(finding.remedy(Ledger::remedy(&path)))
        }
        Err(error) => Outcome::could_not_run(reason(error)),
    };
    let aside = path.with_extension(BROKEN);
    match system::is_there(&aside) {
        Ok(true) => {
            let text = format!("{} is a ledger that did not hold, and was put aside", aside.shown());
            outcome.not_applicable = None;
            outcome.findings.push(
                Finding::new(LEDGER_PUT_ASIDE, aside.shown(), text)
                    .remedy("find out who changed it: bootseal ledger shows the signatures since")
                    .remedy(format!("then: rm {}", quoted(&aside))),
            );
        }
        // A state directory that may not be read is told of above.
        Err(error) if outcome.not_run.is_empty() => outcome.not_run.push(reason(&error)),
        Ok(false) | Err(_) => {}
    }
    outcome
}

/// The outcome of a ledger that holds.
fn holds(ledger: &Ledger) -> Outcome {
    let head = ledger.head();
    let words = hex::decode(head)
        .map(|digest| fingerprint_words(&digest))
        .unwrap_or_default();
    let mut outcome = Outcome::pass(format!(
        "{} lines, {} signatures, head {}… {words}",
        ledger.length(),
        ledger.index().recorded().len(),
        head.get(..SHOWN).unwrap_or(head),
    ));
    if ledger.open_run().is_some() {
        let text = "a run is under way, or was cut off: the next one completes it";
        outcome.evidence.push(text.to_owned());
    }
    outcome
}
