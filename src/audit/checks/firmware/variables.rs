//! The content of PK, KEK, db and dbx, compared with the key directory.

use crate::error::Result;
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::SignatureType;
use crate::formats::text::{Shown, printable};
use crate::keys::KeyName;
use crate::trust::image::Acceptance;
use crate::trust::meant;
use crate::trust::microsoft::{self, Since2026};

use super::named::without;
use super::store::with_store;
use super::unrecorded::unrecorded;
use crate::audit::images::Place;
use crate::audit::machine::Machine;
use crate::audit::offline::{rotate, signed_by, signs_here};

/// Non-volatile, boot services, runtime, time-based authentication (UEFI 2.10, section 8.2.1).
const ATTRIBUTES: u32 = 0x27;
/// How long before its end a certificate is told of, in seconds.
const SOON: u64 = 90 * 24 * 60 * 60;
/// A variable lacks an entry of the key directory.
pub(super) const ENTRY_MISSING: Kind = Kind::error("entry_missing");
/// A variable holds an entry that the key directory does not have.
pub(super) const ENTRY_FOREIGN: Kind = Kind::error("entry_foreign");
/// A variable has other attributes than an authenticated one.
pub(super) const WRONG_ATTRIBUTES: Kind = Kind::error("wrong_attributes");
/// A certificate of Microsoft stands without its successor.
pub(super) const NO_SUCCESSOR: Kind = Kind::warning("no_successor");
/// A certificate in a variable has expired.
pub(super) const EXPIRED: Kind = Kind::warning("enrolled_certificate_expired");
/// A certificate in a variable begins later than the clock.
const NOT_YET: Kind = Kind::warning("enrolled_certificate_not_yet_valid");
/// A certificate in a variable expires soon.
pub(super) const EXPIRES_SOON: Kind = Kind::warning("enrolled_certificate_expires_soon");

pub(super) const VARIABLES: [VariableName; 4] =
    [VariableName::Pk, VariableName::Kek, VariableName::Db, VariableName::Dbx];

pub(super) fn variables(machine: &Machine<'_>) -> Outcome {
    let directory = match machine.directory() {
        Ok(directory) => directory,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    with_store(machine, |store| {
        let mut outcome = Outcome::default();
        for variable in VARIABLES {
            let is_there = directory.lists_path(variable).exists() || directory.update_path(variable).exists();
            // A ceremony without revocations has no file of them.
            if !is_there && variable != VariableName::Dbx {
                outcome
                    .not_run
                    .push(format!("{} says nothing of {variable}", directory.path().shown()));
                continue;
            }
            let meant = meant(directory, variable)?;
            let found = store.database(variable)?;
            let (missing, foreign) = (without(&meant, &found), without(&found, &meant));
            // Where both differ, it may be the key directory that is old: the stick that signed the one knows.
            let may_be_old = variable != VariableName::Dbx && !foreign.is_empty() && !signs_here(machine, variable)?;
            for entry in &missing {
                let text = format!("{variable} lacks {}", entry.text);
                let mut finding = Finding::new(ENTRY_MISSING, format!("{variable}: {}", entry.name), text);
                if may_be_old {
                    finding = finding.remedy("if the keys here are older than the firmware: bootseal keys sync STICK");
                }
                let finding = finding.remedy("bootseal enroll plan shows the writes; then: bootseal enroll apply");
                outcome.findings.push(finding);
            }
            // Revocations come in from others, which is what they are for.
            if variable != VariableName::Dbx {
                for entry in &foreign {
                    let text = format!("{variable} holds {}, which the ceremony did not put there", entry.text);
                    let finding = Finding::new(ENTRY_FOREIGN, format!("{variable}: {}", entry.name), text);
                    let remove = signed_by(
                        machine,
                        variable,
                        &format!("bootseal enroll remove {variable} {}", entry.name),
                    )?;
                    let remove = format!("if it is not meant to be there: {remove}");
                    // The stick may know of it, and the lists of the node be older than they should.
                    let finding = if signs_here(machine, variable)? {
                        finding
                    } else {
                        finding.remedy("if it was put there from the stick with PK and KEK: bootseal keys sync STICK")
                    };
                    outcome.findings.push(finding.remedy(remove));
                }
            }
            if variable == VariableName::Dbx {
                outcome.findings.extend(unrecorded(machine, directory, store, &meant)?);
            }
            if missing.is_empty() {
                outcome
                    .evidence
                    .push(format!("{variable}: {} entries", found.entries().count()));
            }
        }
        Ok(outcome)
    })
}

pub(super) fn attributes(machine: &Machine<'_>) -> Outcome {
    with_store(machine, |store| {
        let mut outcome = Outcome::default();
        for variable in VARIABLES {
            match store.read(variable)? {
                Some(raw) if raw.attributes == ATTRIBUTES => outcome.evidence.push(format!("{variable}: 0x27")),
                Some(raw) => outcome.findings.push(
                    Finding::new(
                        WRONG_ATTRIBUTES,
                        variable.name(),
                        format!(
                            "{variable} has the attributes {:#x}, not {ATTRIBUTES:#x}",
                            raw.attributes
                        ),
                    )
                    .remedy("enroll it anew: bootseal enroll apply"),
                ),
                None => outcome.evidence.push(format!("{variable}: not there")),
            }
        }
        Ok(outcome)
    })
}

/// The images on the EFI system partitions that a certificate of Microsoft's vouches for. Those that cannot be looked at are for
/// `boot.images` to tell of.
fn signed_by_microsoft(machine: &Machine<'_>) -> Vec<String> {
    let images = machine.images(Place::Esps).map(|part| part.found).unwrap_or_default();
    let told = images.into_iter().filter_map(|found| match &found.judged {
        Some(Ok(Acceptance::Certificate { anchor, entry, .. })) if microsoft::find(&entry.data).is_some() => {
            Some(printable(&format!("{}: signed under \"{anchor}\"", found.shown)))
        }
        _ => None,
    });
    told.collect()
}

/// A finding about the end of a certificate with the way to the next one: our own key is rotated, of another's there is a newer
/// certificate, or none.
fn with_successor(
    machine: &Machine<'_>,
    key: KeyName,
    variable: VariableName,
    certificate: &Certificate,
    finding: Finding,
) -> Result<Finding> {
    let own = machine
        .directory()
        .ok()
        .and_then(|directory| directory.certificate(key).ok());
    if own.is_none_or(|own| own == *certificate) {
        return Ok(finding.remedy(rotate(machine, key)?));
    }
    let add = signed_by(machine, variable, &format!("bootseal enroll add {variable} FILE"))?;
    let fingerprint = certificate.fingerprint().to_hex();
    let remove = signed_by(
        machine,
        variable,
        &format!("bootseal enroll remove {variable} {fingerprint}"),
    )?;
    Ok(finding
        .remedy(format!("if its owner has a newer one: {add}"))
        .remedy(format!("if nothing that it signed is in use: {remove}")))
}

pub(super) fn certificates(machine: &Machine<'_>) -> Outcome {
    with_store(machine, |store| {
        let now = machine.context().now()?;
        let mut outcome = Outcome::default();
        for (variable, key) in [KeyName::Pk, KeyName::Kek, KeyName::Db]
            .into_iter()
            .filter_map(|key| Some((key.variable()?, key)))
        {
            let database = store.database(variable)?;
            for (_, der) in database.certificates() {
                let Ok(certificate) = Certificate::from_der(der) else {
                    continue;
                };
                let name = printable(&certificate.common_name());
                let known = microsoft::CERTIFICATES.iter().find(|known| known.der == der);
                let end = certificate.end();
                let subject = format!("{variable}: {}", certificate.fingerprint().to_hex());
                let begin = certificate.fields().not_before.seconds();
                if begin.and_then(|begin| u64::try_from(begin).ok()) > Some(now) {
                    let from = &certificate.fields().not_before;
                    let text = format!("\"{name}\" in {variable} is valid from {from} on, which is ahead of the clock");
                    let finding = Finding::new(NOT_YET, subject.clone(), text);
                    outcome
                        .findings
                        .push(finding.remedy("if the clock is behind: date -u -s 'YYYY-MM-DD HH:MM'"));
                }
                match known {
                    // Its end changes nothing, and what it has signed is in the field.
                    Some(known) => {
                        let successor = microsoft::successor(known);
                        let lacks = successor.filter(|new| !database.contains(SignatureType::X509, new.der));
                        if let Some(new) = lacks {
                            let text = format!(
                                "{variable} holds \"{name}\" and not its successor \"{}\"",
                                new.common_name
                            );
                            let add = signed_by(
                                machine,
                                variable,
                                &format!("bootseal enroll add {variable} {}", new.name),
                            )?;
                            outcome
                                .findings
                                .push(Finding::new(NO_SUCCESSOR, subject, text).remedy(add));
                        }
                    }
                    None if end.saturating_sub(now) < SOON => {
                        let (kind, word) = if end <= now {
                            (EXPIRED, "has expired")
                        } else {
                            (EXPIRES_SOON, "expires")
                        };
                        let text = format!("\"{name}\" in {variable} {word} on {}", certificate.not_after());
                        let finding = Finding::new(kind, subject, text);
                        outcome
                            .findings
                            .push(with_successor(machine, key, variable, &certificate, finding)?);
                    }
                    None => outcome
                        .evidence
                        .push(format!("{variable}: \"{name}\" until {}", certificate.not_after())),
                }
            }
        }
        let since = Since2026::new(&store.database(VariableName::Kek)?, &store.database(VariableName::Db)?);
        let words = since.words();
        outcome
            .evidence
            .push(format!("of what Microsoft signs since June 2026 the board {words}"));
        outcome.evidence.extend(signed_by_microsoft(machine));
        Ok(outcome)
    })
}
