//! The consequences of a plan for Option ROMs and PCR 7, by the event log of the last start.

use serde::Serialize;

use crate::error::{Error, Explain, Result};
use crate::finding::{Finding, Kind};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::event_log::EventLog;
use crate::formats::firmware::signature_list::Signature;
use crate::system::{self, Context, Sealed};
use crate::trust::measured_boot::{self, Coverage};

use super::boot_files::{BootFile, Verdict};
use super::lists::Lists;
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

/// The bank of the TPM whose value is predicted.
const BANK: HashAlgorithm = HashAlgorithm::Sha256;
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
    /// Its value after the last start, by the event log, lower-case hexadecimal.
    pub present: Option<String>,
    /// Its value after the next start; null if that cannot be told.
    pub predicted: Option<String>,
    /// The reason why it cannot be told.
    pub unpredictable: Option<String>,
    /// The disks whose keys are sealed to it.
    pub sealed: Vec<Sealed>,
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

/// Judges the Option ROMs and predicts PCR 7.
pub(super) fn check(context: &Context, request: &Request, after: &Lists, boot_files: &[BootFile]) -> Result<Findings> {
    let mut findings = Findings::default();
    let enforces = !after.pk.is_empty();
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
            option_roms(log, request, after, &mut findings);
        }
        predict(log, after, boot_files, &mut findings.pcr7);
    }
    let mut unread = Vec::new();
    if request.store == StoreChoice::Live {
        findings.pcr7.sealed = system::sealed_to(context, measured_boot::PCR, &mut unread);
    }
    findings.warnings.push(pcr7_changes(&findings.pcr7, &unread));
    Ok(findings)
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

fn predict(log: &EventLog, after: &Lists, boot_files: &[BootFile], pcr7: &mut Pcr7) {
    pcr7.present = log.replay(BANK, measured_boot::PCR).map(|digest| digest.to_hex());
    let secure_boot = !after.pk.is_empty();
    let mut entries: Vec<Signature> = Vec::new();
    if secure_boot {
        let next = boot_files.iter().find(|file| file.is_next);
        let Some(next) = next.filter(|next| matches!(next.verdict, Verdict::Accepted(_))) else {
            pcr7.unpredictable = Some("the file that starts next is not known, or would be refused".to_owned());
            return;
        };
        let Some(measured) = next.measured.clone() else {
            pcr7.unpredictable = Some("the file that starts next is accepted by its hash".to_owned());
            return;
        };
        entries = measured_boot::option_rom_entries(log, &after.db);
        entries.push(measured);
    }
    let data = |variable: VariableName| after.get(variable).to_bytes();
    match measured_boot::predict(log, BANK, data, secure_boot, &entries) {
        Ok(predicted) => pcr7.predicted = Some(predicted.to_hex()),
        Err(reason) => pcr7.unpredictable = Some(reason.to_string()),
    }
}

/// `unread` names the disks whose LUKS2 header is damaged, with the reasons.
fn pcr7_changes(pcr7: &Pcr7, unread: &[String]) -> Finding {
    let outcome = match (&pcr7.predicted, &pcr7.unpredictable) {
        (Some(predicted), _) => format!(
            "to {predicted} (SHA-256 bank) once Secure Boot is on, if the same entry of db accepts all files that start"
        ),
        (None, Some(reason)) => format!("to a value that is not known: {reason}"),
        (None, None) => "to a value that is not known".to_owned(),
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
    pcr7.sealed.iter().fold(warning, |warning, sealed| {
        warning.remedy(format!(
            "after the reboot: systemd-cryptenroll --wipe-slot=tpm2 --tpm2-device=auto --tpm2-pcrs=7 {}",
            sealed.device
        ))
    })
}
