//! What is known of firmware of this make.

use crate::enroll::{Level as Weight, present_quirks};
use crate::formats::text::printable;

use super::super::super::check::{Finding, Outcome};
use super::super::super::machine::Machine;
use super::with_store;

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
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
            if strikes && quirk.level != Weight::Note {
                outcome
                    .findings
                    .push(Finding::new(&quirk.id, text, printable(&quirk.remedy)));
            } else {
                let why = if strikes { "a note" } else { "not with this db" };
                outcome.evidence.push(format!("{}: {why}: {text}", quirk.id));
            }
        }
        Ok(outcome)
    })
}
