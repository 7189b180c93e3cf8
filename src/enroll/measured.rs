//! The consequences of a plan for Option ROMs and PCR 7, by the event log of the last start.

use serde::Serialize;

use crate::error::{Error, Explain, Result};
use crate::finding::{Finding, Kind};
use crate::formats::crypto::hash::Digest;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::event_log::{Bank, EventLog};
use crate::formats::firmware::signature_list::Signature;
use crate::system::{self, Context, Sealed};
use crate::trust::measured_boot::{self, Coverage, Measurement, Start, Unpredictable};

use super::boot_files::{BootFile, Verdict};
use super::lists::Lists;
use super::next_measurement::NextMeasurement;
use super::pcrlock_policy;
use super::request::Request;
use super::store::StoreChoice;

/// The Option ROMs of this machine are not known.
const OPTION_ROMS_UNKNOWN: Kind = Kind::error("option_roms_unknown");
/// An Option ROM is let in only if Microsoft signed it.
const OPTION_ROM_LIKELY: Kind = Kind::warning("option_rom_likely");
/// An Option ROM would be refused.
const OPTION_ROM_UNCOVERED: Kind = Kind::error("option_rom_uncovered");
/// An Option ROM would be refused, since dbx forbids it.
const OPTION_ROM_FORBIDDEN: Kind = Kind::error("option_rom_forbidden");
/// PCR 7 of the TPM changes.
const PCR7: Kind = Kind::note("pcr7");

/// The directories in which the kernel shows the registers, by the name of the bank.
const PCRS: &str = "/sys/class/tpm/tpm0/pcr-";
/// The command that keeps the present Option ROMs.
const KEEP: &str = "bootseal enroll apply --keep-option-roms";

/// An Option ROM of the last start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OptionRom {
    /// The device that it is part of.
    pub device: String,
    /// Its SHA-256, lower-case hexadecimal; null if the log has no such bank.
    pub sha256: Option<String>,
    /// The entry that admits it: `hash`, `authority`, `likely`, `none` or `forbidden`.
    pub covered_by: &'static str,
}

/// The value of PCR 7 before and after.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pcr7 {
    /// The bank of the values, as "sha256"; null without a log.
    pub bank: Option<&'static str>,
    /// Its value after the last start, by the event log, lower-case hexadecimal.
    pub present: Option<String>,
    /// Its value after the next start; null if that cannot be told.
    pub predicted: Option<String>,
    /// The reason why it cannot be told.
    pub unpredictable: Option<String>,
    /// The disks whose keys are sealed to it.
    pub sealed: Vec<Sealed>,
    /// True if systemd-pcrlock has a policy on this machine, to which keys may be sealed.
    pub pcrlock_policy: bool,
    /// The measurements of the next start, in their order, each with its digests by bank; empty if they cannot be told.
    #[serde(skip)]
    pub(super) next: Vec<NextMeasurement>,
}

/// The Option ROMs, PCR 7 and the warnings about both.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) option_roms: Vec<OptionRom>,
    pub(super) pcr7: Pcr7,
    pub(super) warnings: Vec<Finding>,
}

/// The log that the request means; none if the firmware is not this machine's and no log is named.
fn event_log(context: &Context, request: &Request) -> Option<Result<EventLog>> {
    let named = request.event_log.as_deref();
    if named.is_none() && request.store != StoreChoice::Live {
        return None;
    }
    Some(system::event_log(context, named))
}

/// SHA-256 of the Option ROMs that db does not list yet.
pub fn hashes_to_keep(context: &Context, request: &Request) -> Result<Vec<[u8; 32]>> {
    let log = event_log(context, request).unwrap_or_else(|| {
        Err(Error::usage("the Option ROMs of the machine are not known").hint("name its event log: --event-log FILE"))
    })?;
    let digests = measured_boot::option_roms(&log)
        .into_iter()
        .filter_map(|rom| rom.sha256);
    let bytes = |digest: Digest| {
        let bytes: std::result::Result<[u8; 32], _> = digest.as_bytes().try_into();
        bytes.or_bug(|| format!("a SHA-256 digest of {} bytes", digest.as_bytes().len()))
    };
    digests.map(bytes).collect()
}

/// The firmware before and after, with the files that it may start.
pub(super) struct Change<'a> {
    pub(super) before: &'a Lists,
    pub(super) after: &'a Lists,
    /// The files, judged by the variables as they are now.
    pub(super) files_before: &'a [BootFile],
    /// The files, judged by the variables afterwards.
    pub(super) files_after: &'a [BootFile],
}

/// Judges the Option ROMs and predicts PCR 7.
pub(super) fn check(context: &Context, request: &Request, change: &Change<'_>) -> Result<Findings> {
    let mut findings = Findings::default();
    let enforces = !change.after.pk.is_empty();
    let log = match event_log(context, request) {
        Some(Ok(log)) => Some(log),
        // A log that is named has to be one.
        Some(Err(error)) if request.event_log.is_some() => return Err(error),
        Some(Err(error)) => {
            if enforces {
                findings.warnings.push(option_roms_unknown(&error, request));
            }
            findings.pcr7.unpredictable = Some(error.to_string());
            None
        }
        None => {
            findings.pcr7.unpredictable = Some("no event log is named".to_owned());
            None
        }
    };
    if let Some(log) = &log {
        if enforces {
            option_roms(log, request, change.after, &mut findings);
        }
        let held = |bank: Bank| match request.store {
            StoreChoice::Live => held(context, bank),
            StoreChoice::At(_) => None,
        };
        predict(log, change, &held, &mut findings.pcr7);
    }
    let mut unread = Vec::new();
    if request.store == StoreChoice::Live {
        findings.pcr7.sealed = system::sealed_to(context, measured_boot::PCR, &mut unread);
        findings.pcr7.pcrlock_policy = pcrlock_policy::has_policy(context)?;
    }
    findings.warnings.push(pcr7_changes(&findings.pcr7, &unread));
    Ok(findings)
}

/// The value that the register holds now, if the kernel shows it.
fn held(context: &Context, bank: Bank) -> Option<String> {
    let path = context.path(format!("{PCRS}{}/{}", bank.name(), measured_boot::PCR));
    let bytes = system::read_prefix(&path, Some(256)).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_lowercase())
}

fn option_roms_unknown(error: &Error, request: &Request) -> Finding {
    let warning = Finding::new(
        OPTION_ROMS_UNKNOWN,
        "Option ROMs",
        format!(
            "it is not known which Option ROMs this machine needs, for example for its graphics card: {error}. The firmware \
             refuses those that db does not admit, and the machine may show no picture, not even in the firmware's setup"
        ),
    );
    let hints = error.hints();
    let warning = hints.into_iter().fold(warning, Finding::remedy);
    warning
        .remedy("if it has none, or all are signed by Microsoft: --i-know-option-roms-may-stop-working")
        .unless(request.allow.option_roms)
}

fn option_roms(log: &EventLog, request: &Request, after: &Lists, findings: &mut Findings) {
    for rom in measured_boot::option_roms(log) {
        let coverage = measured_boot::coverage(&rom, log, &after.db, &after.dbx);
        let sha256 = rom.sha256.as_ref().map(Digest::to_hex);
        let name = format!("{} (SHA-256 {})", rom.device, sha256.as_deref().unwrap_or("unknown"));
        let (covered_by, warning) = match coverage {
            Coverage::Hash => ("hash", None),
            Coverage::Authority => ("authority", None),
            Coverage::Likely => (
                "likely",
                Some(Finding::new(
                    OPTION_ROM_LIKELY,
                    &rom.device,
                    format!(
                        "the Option ROM of {name} is accepted only if Microsoft signed it, which the log of a start without \
                         Secure Boot does not show"
                    ),
                )),
            ),
            Coverage::None => (
                "none",
                Some(Finding::new(
                    OPTION_ROM_UNCOVERED,
                    &rom.device,
                    format!(
                        "the Option ROM of {name} would be refused: the new db holds neither its hash nor the certificate by \
                         which it was accepted at the last start"
                    ),
                )),
            ),
            Coverage::Forbidden => (
                "forbidden",
                Some(Finding::new(
                    OPTION_ROM_FORBIDDEN,
                    &rom.device,
                    format!("the Option ROM of {name} would be refused: dbx forbids its hash"),
                )),
            ),
        };
        findings.warnings.extend(warning.map(|warning| {
            let warning = if coverage == Coverage::Forbidden {
                warning
            } else {
                warning.remedy(KEEP)
            };
            warning.unless(request.allow.option_roms)
        }));
        findings.option_roms.push(OptionRom {
            device: rom.device,
            sha256,
            covered_by,
        });
    }
}

fn predict(log: &EventLog, change: &Change<'_>, held: &dyn Fn(Bank) -> Option<String>, pcr7: &mut Pcr7) {
    let bank = log.algorithm().map_or(Bank::Sha1, Bank::Sha2);
    pcr7.bank = Some(bank.name());
    pcr7.present = log.replay_in(bank, measured_boot::PCR).map(hex::encode);
    let enforces = !change.after.pk.is_empty();
    let loader = if enforces { loader(change.files_after) } else { Ok(None) };
    let next = loader.and_then(|loader| {
        reproduce(log, bank, change, held)?;
        let start = Start {
            data: &|variable| change.after.get(variable).to_bytes(),
            db: &change.after.db,
            secure_boot: enforces,
            changes_mode: enforces == change.before.pk.is_empty(),
            loader: loader.as_ref(),
        };
        let measurements = measured_boot::measurements(log, &start).map_err(|reason| reason.to_string())?;
        let value = measured_boot::value(&measurements, bank).map_err(|reason| reason.to_string())?;
        let digests = |measurement: &Measurement<'_>| {
            let known = log.banks().iter().copied();
            let digests = known.filter_map(|bank| Some((bank.name(), measurement.digest(bank)?)));
            NextMeasurement {
                kind: measurement.kind(),
                digests: digests.collect(),
            }
        };
        Ok((value, measurements.iter().map(digests).collect()))
    });
    match next {
        Ok((value, measurements)) => {
            pcr7.predicted = Some(hex::encode(value));
            pcr7.next = measurements;
        }
        Err(reason) => pcr7.unpredictable = Some(reason),
    }
}

/// The entry of db that lets in the file that starts next, where that can be told.
fn loader(files: &[BootFile]) -> std::result::Result<Option<Signature>, String> {
    let next = files.iter().find(|file| file.is_next);
    let next = next.filter(|next| matches!(next.verdict, Verdict::Accepted(_)));
    let next = next.ok_or("the file that starts next is not known, or would be refused")?;
    let measured = next.measured.clone();
    measured
        .map(Some)
        .ok_or_else(|| "the file that starts next is accepted by its hash".to_owned())
}

/// Tries the same rules on the last start: only if they give the value that it had are they good for the next one.
fn reproduce(
    log: &EventLog,
    bank: Bank,
    change: &Change<'_>,
    held: &dyn Fn(Bank) -> Option<String>,
) -> std::result::Result<(), String> {
    let data = |variable: VariableName| change.before.get(variable).to_bytes();
    let changed = measured_boot::changed_since(log, &data);
    if !changed.is_empty() {
        return Err(Unpredictable::Changed(changed).to_string());
    }
    let was_on = measured_boot::secure_boot_was_on(log);
    let loader = if was_on { loader(change.files_before)? } else { None };
    let start = Start {
        data: &data,
        db: &change.before.db,
        secure_boot: was_on,
        changes_mode: false,
        loader: loader.as_ref(),
    };
    let measurements = measured_boot::measurements(log, &start).map_err(|reason| reason.to_string())?;
    let value = measured_boot::value(&measurements, bank).map_err(|reason| reason.to_string())?;
    let replayed = log.replay_in(bank, measured_boot::PCR);
    let is_held = held(bank).is_none_or(|held| Some(held) == replayed.as_ref().map(hex::encode));
    if Some(value) == replayed && is_held {
        Ok(())
    } else {
        Err(Unpredictable::NotReproduced.to_string())
    }
}

/// The name of a bank for a person.
fn title(bank: Option<&str>) -> String {
    bank.map_or_else(
        || "unknown".to_owned(),
        |bank| bank.to_uppercase().replacen("SHA", "SHA-", 1),
    )
}

/// `unread` names the disks whose LUKS2 header is damaged, with the reasons.
fn pcr7_changes(pcr7: &Pcr7, unread: &[String]) -> Finding {
    let outcome = match (&pcr7.predicted, &pcr7.unpredictable) {
        (Some(predicted), _) => format!(
            "to {predicted} ({} bank) once Secure Boot is on, if the same entry of db accepts all files that start",
            title(pcr7.bank)
        ),
        (None, Some(reason)) => format!("to a value that cannot be told: {reason}"),
        (None, None) => "to a value that cannot be told".to_owned(),
    };
    let sealed: Vec<String> = pcr7
        .sealed
        .iter()
        .map(|sealed| format!("{} ({})", sealed.device, sealed.by))
        .collect();
    let sealed = if sealed.is_empty() {
        "a disk whose key is sealed to it (LUKS through systemd-cryptenroll, BitLocker)".to_owned()
    } else {
        format!("{}, whose key is sealed to it,", sealed.join(", "))
    };
    let unread = if unread.is_empty() {
        String::new()
    } else {
        format!(
            ". It is not known whether other keys are sealed to it: {}",
            unread.join("; ")
        )
    };
    let warning = Finding::new(
        PCR7,
        "PCR 7",
        format!(
            "PCR 7 of the TPM changes, {outcome}. After the reboot {sealed} does not open: have the passphrase or \
             recovery key at hand, and seal again afterwards{unread}"
        ),
    );
    let warning = if pcr7.pcrlock_policy {
        pcrlock_policy::REMEDIES
            .iter()
            .fold(warning, |warning, remedy| warning.remedy(*remedy))
    } else {
        warning
    };
    pcr7.sealed.iter().fold(warning, |warning, sealed| {
        warning.remedy(format!(
            "after the reboot: systemd-cryptenroll --wipe-slot=tpm2 --tpm2-device=auto --tpm2-pcrs=7 {}",
            sealed.device
        ))
    })
}
