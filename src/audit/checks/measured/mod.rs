//! Checks of the measurements of the last start, compared with the present state.

mod event_log;
mod loaders;
mod option_roms;

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::event_log::{Bank, EventLog};
use crate::formats::firmware::guid::Guid;
use crate::trust::measured_boot::measured_variables;

use crate::audit::check::{Check, Group};
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

use event_log::with_log;

/// The registers that firmware fills before the operating system starts.
const FIRMWARE_PCRS: std::ops::RangeInclusive<u32> = 0..=7;
/// The beginning of the directories in which the kernel shows the registers, one for each bank.
const PCRS: &str = "/sys/class/tpm/tpm0/pcr-";

/// The log does not give the values of the TPM.
const LOG_DIFFERS: Kind = Kind::error("log_differs");
/// A variable has changed since the last start.
const VARIABLE_CHANGED: Kind = Kind::error("variable_changed");
/// Secure Boot was off at the last start.
const SECURE_BOOT_WAS_OFF: Kind = Kind::error("secure_boot_was_off");

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "measured.log",
        group: Group::Measured,
        title: "Event log, compared with the registers of the TPM",
        kind: LOG_DIFFERS,
        proves: "Replayed, the log gives the values that PCR 0 to 7 hold, in each bank that both have: nothing was taken from it or \
                 put into it since.",
        remedy: "Restart. If it stays so, update the firmware, or do not rely on the log.",
        run: log,
    },
    Check {
        id: "measured.variables",
        group: Group::Measured,
        title: "PK, KEK, db and dbx, compared with those of the last start",
        kind: VARIABLE_CHANGED,
        proves: "The variables that were measured into PCR 7 at the last start have the content that they have now, and \
                 SecureBoot was on.",
        remedy: "If they were changed on purpose, restart; else find out who changed them: bootseal enroll plan",
        run: variables,
    },
    Check {
        id: "measured.loaders",
        group: Group::Measured,
        title: "Programs of the last start, compared with the files on the disk",
        kind: loaders::UNKNOWN_IMAGE,
        proves: "Each EFI application that the firmware measured into PCR 4 at the last start has the Authenticode SHA-256 of a \
                 file on an EFI system partition or of a kernel in /boot, or is part of the firmware.",
        remedy: "Mount every EFI system partition. If the file was updated or removed since, restart; else find out what was \
                 started, and from where",
        run: loaders::check,
    },
    Check {
        id: "measured.option_roms",
        group: Group::Measured,
        title: "Option ROMs of the last start, judged by db",
        kind: option_roms::OPTION_ROM_NOT_COVERED,
        proves: "Each driver that the firmware took from a device at the last start is covered by an entry of the present db, \
                 as far as the log says who let it in, and by none of dbx.",
        remedy: "bootseal enroll plan --keep-option-roms; or leave the device's Option ROM out in the firmware's setup",
        run: option_roms::check,
    },
];

pub(super) use loaders::{UNKNOWN_IMAGE, missing_partition, started};

fn log(machine: &Machine<'_>) -> Outcome {
    with_log(machine, |log| {
        let mut outcome = Outcome::default();
        let is_shown = |bank: &&Bank| machine.context().path(directory(**bank)).is_dir();
        let banks: Vec<Bank> = log.banks().iter().filter(is_shown).copied().collect();
        if banks.is_empty() {
            let names: Vec<String> = log.banks().iter().map(|bank| bank.title()).collect();
            let text = format!(
                "the kernel shows no register of a bank that the log is for ({}): is it older than Linux 5.12, or the bank off?",
                names.join(", ")
            );
            outcome.not_run.push(text);
        }
        for bank in banks {
            for pcr in FIRMWARE_PCRS {
                compare(machine, log, bank, pcr, &mut outcome);
            }
        }
        outcome
    })
}

/// The directory in which the kernel shows the registers of a bank.
fn directory(bank: Bank) -> String {
    format!("{PCRS}{}", bank.name())
}

fn compare(machine: &Machine<'_>, log: &EventLog, bank: Bank, pcr: u32, outcome: &mut Outcome) {
    let name = match bank {
        Bank::Sha2(HashAlgorithm::Sha256) => format!("PCR {pcr}"),
        _ => format!("PCR {pcr} ({})", bank.title()),
    };
    let held = match machine.text(&format!("{}/{pcr}", directory(bank))) {
        Ok(Some(held)) => held.to_lowercase(),
        Ok(None) => return outcome.not_run.push(format!("the kernel does not show {name}")),
        Err(missing) => return outcome.not_run.push(missing),
    };
    match log.replay_in(bank, pcr).map(hex::encode) {
        Some(replayed) if replayed == held => outcome.evidence.push(format!("{name}: {held}")),
        Some(replayed) => {
            let text = format!("{name} holds {held}, and the log gives {replayed}");
            let remedy = "restart; if it stays so, the log is not to be relied on";
            outcome
                .findings
                .push(Finding::new(LOG_DIFFERS, name, text).remedy(remedy));
        }
        None => outcome
            .not_run
            .push(format!("not every event of {name} has a digest of the bank in the log")),
    }
}

fn variables(machine: &Machine<'_>) -> Outcome {
    let store = match machine.store() {
        Ok(store) => store,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    with_log(machine, |log| {
        let measured = measured_variables(log);
        let mut outcome = Outcome::default();
        for variable in [VariableName::Pk, VariableName::Kek, VariableName::Db, VariableName::Dbx] {
            let held = match store.read(variable) {
                Ok(held) => held.map(|raw| raw.data).unwrap_or_default(),
                Err(error) => {
                    outcome.not_run.push(reason(&error));
                    continue;
                }
            };
            match measured.get(&(variable.name().to_owned(), variable.vendor())) {
                Some(then) if *then == held => outcome.evidence.push(format!("{variable}: as measured")),
                Some(then) => outcome.findings.push(
                    Finding::new(
                        VARIABLE_CHANGED,
                        variable.name(),
                        format!(
                            "{variable} has {} bytes now, and others than the {} of the last start",
                            held.len(),
                            then.len()
                        ),
                    )
                    .remedy("if it was changed on purpose, restart"),
                ),
                None => outcome
                    .not_run
                    .push(format!("the log does not say what {variable} was")),
            }
        }
        match measured
            .get(&("SecureBoot".to_owned(), Guid::GLOBAL))
            .map(Vec::as_slice)
        {
            Some([1]) => outcome.evidence.push("SecureBoot was on".to_owned()),
            Some(_) => outcome.findings.push(
                Finding::new(
                    SECURE_BOOT_WAS_OFF,
                    "SecureBoot",
                    "Secure Boot was off at the last start, as the measurements say",
                )
                .remedy("switch it on in the firmware's setup, and restart"),
            ),
            None => outcome
                .not_run
                .push("the log does not say whether Secure Boot was on".to_owned()),
        }
        outcome
    })
}
