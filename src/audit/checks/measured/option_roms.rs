//! The drivers that the firmware took from devices, and the entries of db that let them in.

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::crypto::hash::Digest;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::text::printable;
use crate::trust::measured_boot::{Coverage, authorities, coverage, name, option_roms, secure_boot_was_on};

use super::event_log::with_log;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// No entry of db is known to let an Option ROM in.
pub(super) const OPTION_ROM_NOT_COVERED: Kind = Kind::warning("option_rom_not_covered");
/// dbx forbids an Option ROM.
pub(super) const OPTION_ROM_REVOKED: Kind = Kind::warning("option_rom_revoked");

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    let store = match machine.store() {
        Ok(store) => store,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let database = |variable| store.database(variable).map_err(|error| reason(&error));
    let (db, dbx) = match (database(VariableName::Db), database(VariableName::Dbx)) {
        (Ok(db), Ok(dbx)) => (db, dbx),
        (Err(missing), _) | (_, Err(missing)) => return Outcome::could_not_run(missing),
    };
    with_log(machine, |log| {
        let roms = option_roms(log);
        if roms.is_empty() {
            return Outcome::pass("no Option ROM was measured at the last start");
        }
        let mut outcome = Outcome::default();
        let names: Vec<String> = authorities(log)
            .iter()
            .map(|entry| format!("\"{}\"", name(entry)))
            .collect();
        let let_in_by = match names.as_slice() {
            _ if !secure_boot_was_on(log) => "Secure Boot was off, so the log does not say who signed it".to_owned(),
            [] => "the log names nobody who let it in".to_owned(),
            names => format!("Option ROMs were let in by {}", names.join(" and ")),
        };
        for rom in roms {
            let hash = rom.sha256.as_ref().map_or_else(|| "unknown".to_owned(), Digest::to_hex);
            let what = printable(&format!("{}, SHA-256 {hash}: {let_in_by}", rom.device));
            let (kind, wrong) = match coverage(&rom, log, &db, &dbx) {
                Coverage::Hash => {
                    outcome.evidence.push(format!("{what}; db lists its hash"));
                    continue;
                }
                Coverage::Authority => {
                    outcome.evidence.push(format!("{what}; db holds every one of them"));
                    continue;
                }
                Coverage::Likely => {
                    let text = "db holds Microsoft's certificates for Option ROMs, old and new";
                    outcome.evidence.push(format!("{what}; {text}"));
                    continue;
                }
                Coverage::None => (
                    OPTION_ROM_NOT_COVERED,
                    "no entry of db is known to let it in: the device may not work before the system starts",
                ),
                Coverage::Forbidden => (OPTION_ROM_REVOKED, "dbx forbids its hash: it is not started"),
            };
            let remedy = "if it is needed: bootseal enroll plan --keep-option-roms";
            outcome
                .findings
                .push(Finding::new(kind, printable(&rom.device), format!("{what}; {wrong}")).remedy(remedy));
        }
        outcome
    })
}
