//! The firmware's variables: whether it enforces, and whether what it trusts is what the ceremony made.

use crate::enroll::Store;
use crate::formats::authenticated_variable::VariableName;
use crate::formats::certificate::{Certificate, printable};
use crate::formats::hash::HashAlgorithm;
use crate::formats::signature_list::{SignatureDatabase, SignatureType};
use crate::trust::microsoft;

use super::super::check::{Check, Finding, Group, Level, Outcome, reason};
use super::super::machine::Machine;

/// Non-volatile, boot services, runtime, time-based authentication (UEFI 2.10, section 8.2.1).
const ATTRIBUTES: u32 = 0x27;
/// How long before its end a certificate is told of, in seconds.
const SOON: u64 = 90 * 24 * 60 * 60;
const VARIABLES: [VariableName; 4] = [VariableName::Pk, VariableName::Kek, VariableName::Db, VariableName::Dbx];

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "firmware.secure_boot",
        group: Group::Firmware,
        title: "Secure Boot is on",
        level: Level::Error,
        proves: "The firmware said at the last start that it verifies what it starts (SecureBoot is 1).",
        remedy: "Switch Secure Boot on in the firmware's setup; without keys, enroll them first: bootseal enroll plan",
        run: secure_boot,
    },
    Check {
        id: "firmware.mode",
        group: Group::Firmware,
        title: "The firmware is in User or Deployed Mode",
        level: Level::Error,
        proves: "There is a platform key (SetupMode is 0), and refused images are not started all the same (AuditMode is 0).",
        remedy: "bootseal enroll apply; AuditMode is switched off in the firmware's setup",
        run: mode,
    },
    Check {
        id: "firmware.variables",
        group: Group::Firmware,
        title: "PK, KEK, db and dbx hold what the ceremony made",
        level: Level::Error,
        proves: "The firmware trusts what the key directory says, entry by entry, and nothing else; dbx may hold more.",
        remedy: "bootseal enroll plan shows the difference; bootseal enroll remove and add change single entries",
        run: variables,
    },
    Check {
        id: "firmware.attributes",
        group: Group::Firmware,
        title: "PK, KEK, db and dbx can be written with a signature only",
        level: Level::Error,
        proves: "Each has the attributes of an authenticated variable (0x27), all 32 bits compared.",
        remedy: "Reset the keys in the firmware's setup and enroll again; if they come back so, update the firmware",
        run: attributes,
    },
    Check {
        id: "firmware.certificates",
        group: Group::Firmware,
        title: "Certificates in PK, KEK and db are valid and not superseded",
        level: Level::Warning,
        proves: "None has expired or will within 90 days, and each of Microsoft's of 2011 has its successor beside it. \
                 Firmware itself looks at no dates.",
        remedy: "bootseal keys rotate for your own; bootseal enroll add db uefi-2023 and the like for Microsoft's",
        run: certificates,
    },
    Check {
        id: "firmware.revocations",
        group: Group::Firmware,
        title: "dbx holds Microsoft's revocations",
        level: Level::Warning,
        proves: "Every hash of the revocation list that bootseal brings along is in dbx.",
        remedy: "bootseal enroll add dbx DBXUpdate-x64.bin",
        run: revocations,
    },
];

fn with_store(machine: &Machine<'_>, look: impl FnOnce(&Store) -> crate::error::Result<Outcome>) -> Outcome {
    match machine.store() {
        Ok(store) => look(store).unwrap_or_else(|error| Outcome::could_not_run(reason(&error))),
        Err(missing) => Outcome::could_not_run(missing.clone()),
    }
}

fn secure_boot(machine: &Machine<'_>) -> Outcome {
    with_store(machine, |store| {
        Ok(match store.secure_boot()? {
            Some(true) => Outcome::pass("SecureBoot is 1"),
            Some(false) => Outcome::found(Finding::new(
                "SecureBoot",
                "Secure Boot is off: the firmware starts anything",
                "switch it on in the firmware's setup",
            )),
            None => Outcome::found(Finding::new(
                "SecureBoot",
                "the firmware has no variable SecureBoot: it cannot verify what it starts",
                "look for Secure Boot in the firmware's setup, or for an update",
            )),
        })
    })
}

fn mode(machine: &Machine<'_>) -> Outcome {
    with_store(machine, |store| {
        let mut outcome = Outcome::default();
        if store.setup_mode()? {
            let text = "it is in Setup Mode: there is no platform key, and anybody can write the others";
            outcome
                .findings
                .push(Finding::new("SetupMode", text, "bootseal enroll apply"));
        } else {
            outcome.evidence.push("SetupMode is 0".to_owned());
        }
        if store.flag("AuditMode")? == Some(true) {
            let text = "it is in Audit Mode: images that are refused are only written down, and started";
            outcome.findings.push(Finding::new(
                "AuditMode",
                text,
                "leave Audit Mode in the firmware's setup",
            ));
        }
        match store.flag("DeployedMode")? {
            Some(true) => outcome.evidence.push("DeployedMode is 1".to_owned()),
            Some(false) => outcome.evidence.push("DeployedMode is 0: User Mode".to_owned()),
            None => {}
        }
        Ok(outcome)
    })
}

fn variables(machine: &Machine<'_>) -> Outcome {
    let directory = match machine.directory() {
        Ok(directory) => directory,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    with_store(machine, |store| {
        let mut outcome = Outcome::default();
        for variable in VARIABLES {
            let is_there = directory.lists_path(variable).exists() || directory.update_path(variable).exists();
            if !is_there {
                outcome
                    .not_run
                    .push(format!("{} says nothing of {variable}", directory.path().display()));
                continue;
            }
            let meant = directory.database(variable)?;
            let found = store.database(variable)?;
            let (missing, foreign) = (without(&meant, &found), without(&found, &meant));
            for entry in &missing {
                outcome.findings.push(Finding::new(
                    format!("{variable}: {}", entry.name),
                    format!("{variable} lacks {}", entry.text),
                    "bootseal enroll plan",
                ));
            }
            // Revocations come in from others, which is what they are for.
            if variable != VariableName::Dbx {
                for entry in &foreign {
                    outcome.findings.push(Finding::new(
                        format!("{variable}: {}", entry.name),
                        format!("{variable} holds {}, which the ceremony did not put there", entry.text),
                        format!(
                            "if it is not meant to be there: bootseal enroll remove {variable} {}",
                            entry.name
                        ),
                    ));
                }
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

/// An entry of a variable.
struct Named {
    /// SHA-256 of a certificate, or the data of a hash, lower-case hexadecimal.
    name: String,
    text: String,
}

/// The entries that are in the one and not in the other, whoever owns them.
fn without(one: &SignatureDatabase, other: &SignatureDatabase) -> Vec<Named> {
    let entries = one
        .entries()
        .filter(|(kind, entry)| !other.contains(*kind, &entry.data));
    entries
        .map(|(kind, entry)| match Certificate::from_der(&entry.data) {
            Ok(certificate) if kind == SignatureType::X509 => Named {
                name: certificate.fingerprint().to_hex(),
                text: format!("the certificate \"{}\"", printable(&certificate.common_name())),
            },
            _ => Named {
                name: hex::encode(&entry.data),
                text: format!("an entry of type {kind}"),
            },
        })
        .collect()
}

fn attributes(machine: &Machine<'_>) -> Outcome {
    with_store(machine, |store| {
        let mut outcome = Outcome::default();
        for variable in VARIABLES {
            match store.read(variable)? {
                Some(raw) if raw.attributes == ATTRIBUTES => outcome.evidence.push(format!("{variable}: 0x27")),
                Some(raw) => outcome.findings.push(Finding::new(
                    variable.name(),
                    format!(
                        "{variable} has the attributes {:#x}, not {ATTRIBUTES:#x}",
                        raw.attributes
                    ),
                    "enroll it anew: bootseal enroll apply",
                )),
                None => outcome.evidence.push(format!("{variable}: not there")),
            }
        }
        Ok(outcome)
    })
}

fn certificates(machine: &Machine<'_>) -> Outcome {
    with_store(machine, |store| {
        let now = machine.context().now()?;
        let mut outcome = Outcome::default();
        for variable in [VariableName::Pk, VariableName::Kek, VariableName::Db] {
            let database = store.database(variable)?;
            for (_, der) in database.certificates() {
                let Ok(certificate) = Certificate::from_der(der) else {
                    continue;
                };
                let name = printable(&certificate.common_name());
                let known = microsoft::CERTIFICATES.iter().find(|known| known.der == der);
                let end = certificate.end();
                let subject = format!("{variable}: {}", certificate.fingerprint().to_hex());
                match known {
                    // Its end changes nothing, and what it has signed is in the field.
                    Some(known) => {
                        let successor = microsoft::successor(known);
                        let lacks = successor.filter(|new| !database.contains(SignatureType::X509, new.der));
                        outcome.findings.extend(lacks.map(|new| {
                            let text = format!(
                                "{variable} holds \"{name}\" and not its successor \"{}\"",
                                new.common_name
                            );
                            Finding::new(subject, text, format!("bootseal enroll add {variable} {}", new.name))
                        }));
                    }
                    None if end <= now => outcome.findings.push(Finding::new(
                        subject,
                        format!("\"{name}\" in {variable} has expired on {}", certificate.not_after()),
                        format!("bootseal keys rotate {variable}"),
                    )),
                    None if end.saturating_sub(now) < SOON => outcome.findings.push(Finding::new(
                        subject,
                        format!("\"{name}\" in {variable} expires on {}", certificate.not_after()),
                        format!("bootseal keys rotate {variable}"),
                    )),
                    None => outcome
                        .evidence
                        .push(format!("{variable}: \"{name}\" until {}", certificate.not_after())),
                }
            }
        }
        Ok(outcome)
    })
}

fn revocations(machine: &Machine<'_>) -> Outcome {
    with_store(machine, |store| {
        let present = store.database(VariableName::Dbx)?;
        let known = microsoft::revocations()?;
        let missing = without(&known, &present).len();
        let total = known.entries().count();
        if missing == 0 {
            return Ok(Outcome::pass(format!(
                "all {total} of the list that bootseal brings along"
            )));
        }
        let list = HashAlgorithm::Sha256.digest(&[&known.to_bytes()]).to_hex();
        Ok(Outcome::found(Finding::new(
            "dbx",
            format!("dbx lacks {missing} of the {total} revocations of Microsoft's list (SHA-256 {list})"),
            "bootseal enroll add dbx DBXUpdate-x64.bin",
        )))
    })
}
