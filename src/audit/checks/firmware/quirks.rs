//! Known faults of the firmware of this machine.

use crate::enroll::present_quirks;
use crate::finding::{Finding, Kind, Level, Outcome};
use crate::formats::text::printable;

use super::store::{OTHER_MACHINE, with_store};
use crate::audit::machine::Machine;

/// A known fault of the firmware strikes.
pub(super) const QUIRK: Kind = Kind::warning("firmware_quirk");

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    if !machine.is_live() {
        return Outcome::not_applicable(OTHER_MACHINE);
    }
    with_store(machine, |store| {
        let Some(quirks) = present_quirks(machine.context(), store)? else {
            return Ok(Outcome::could_not_run(
                "the kernel shows nothing that DMI says of this machine",
            ));
        };
        if quirks.is_empty() {
            return Ok(Outcome::pass("the table has no entry for this machine"));
        }
        let mut outcome = Outcome::default();
        for (quirk, strikes) in quirks {
            let text = printable(&format!("{} ({})", quirk.effect, quirk.source));
            // A note is for those who change keys.
            if strikes && quirk.level != Level::Note {
                outcome
                    .findings
                    .push(Finding::new(QUIRK, &quirk.id, text).remedy(printable(&quirk.remedy)));
            } else {
                let why = if strikes { "a note" } else { "not with this db" };
                outcome.evidence.push(format!("{}: {why}: {text}", quirk.id));
            }
        }
        Ok(outcome)
    })
}
