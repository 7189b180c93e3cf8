//! The firmware's variables: its enforcement, and its trusted keys compared with those of the ceremony.

mod named;
mod quirks;
mod revocations;
mod store;
mod unrecorded;
mod variables;
mod writable;

use crate::finding::{Finding, Kind, Outcome};

use crate::audit::check::{Check, Group};
use crate::audit::machine::Machine;

use store::with_store;

/// Secure Boot is off.
const SECURE_BOOT_OFF: Kind = Kind::error("secure_boot_off");
/// The firmware knows nothing of Secure Boot.
const NO_SECURE_BOOT: Kind = Kind::error("no_secure_boot");
/// There is no platform key.
const SETUP_MODE: Kind = Kind::error("setup_mode");
/// Refused images are started all the same.
const AUDIT_MODE: Kind = Kind::error("audit_mode");

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "firmware.secure_boot",
        group: Group::Firmware,
        title: "Secure Boot",
        kind: SECURE_BOOT_OFF,
        proves: "The firmware said at the last start that it verifies what it starts (SecureBoot is 1).",
        remedy: "Switch Secure Boot on in the firmware's setup; without keys, enroll them first: bootseal enroll plan",
        run: secure_boot,
    },
    Check {
        id: "firmware.mode",
        group: Group::Firmware,
        title: "Mode of the firmware",
        kind: SETUP_MODE,
        proves: "There is a platform key (SetupMode is 0), and refused images are not started all the same (AuditMode is 0).",
        remedy: "bootseal enroll apply; AuditMode is switched off in the firmware's setup",
        run: mode,
    },
    Check {
        id: "firmware.variables",
        group: Group::Firmware,
        title: "Content of PK, KEK, db and dbx, compared with what the ceremony made",
        kind: variables::ENTRY_MISSING,
        proves: "The firmware trusts what the key directory says, entry by entry, and nothing else; dbx may hold more.",
        remedy: "bootseal enroll plan shows the difference; bootseal enroll remove VARIABLE ENTRY and bootseal enroll add VARIABLE WHAT change single entries",
        run: variables::variables,
    },
    Check {
        id: "firmware.attributes",
        group: Group::Firmware,
        title: "Attributes of PK, KEK, db and dbx",
        kind: variables::WRONG_ATTRIBUTES,
        proves: "Each has the attributes of an authenticated variable (0x27), all 32 bits compared.",
        remedy: "Reset the keys in the firmware's setup and enroll again; if they come back so, update the firmware",
        run: variables::attributes,
    },
    Check {
        id: "firmware.certificates",
        group: Group::Firmware,
        title: "Validity and successors of the certificates in PK, KEK and db",
        kind: variables::NO_SUCCESSOR,
        proves: "None has expired or will within 90 days, and each of Microsoft's of 2011 has its successor beside it. \
                 The evidence tells what the board takes of that which Microsoft signs since June 2026, and which of its \
                 certificates vouch for the present images. Firmware itself looks at no dates.",
        remedy: "bootseal keys rotate KEY for your own; bootseal enroll add db uefi-2023 and the like for Microsoft's",
        run: variables::certificates,
    },
    Check {
        id: "firmware.revocations",
        group: Group::Firmware,
        title: "Microsoft's revocations in dbx",
        kind: revocations::REVOCATIONS_MISSING,
        proves: "Every required entry of the revocation list that bootseal brings along is in dbx, and of the one that [audit] of \
                 the configuration or --dbx names. Entries that Microsoft marks as optional are only told.",
        remedy: "bootseal enroll add dbx microsoft; a newer list: bootseal enroll add dbx FILE, with Microsoft's dbx_x64.efiauth2 \
                 (secureboot_objects, PostSignedObjects/SignedByKEK2023)",
        run: revocations::check,
    },
    Check {
        id: "firmware.writable",
        group: Group::Firmware,
        title: "Protection of PK, KEK, db and dbx from writes by accident",
        kind: writable::NOT_IMMUTABLE,
        proves: "The file of each is immutable, as the kernel makes it, or efivarfs is mounted read-only. What is written all \
                 the same needs a signature.",
        remedy: "chattr +i FILE; mounting efivarfs anew does so as well",
        run: writable::check,
    },
    Check {
        id: "firmware.quirks",
        group: Group::Firmware,
        title: "Known faults of this firmware",
        kind: quirks::QUIRK,
        proves: "No entry of the table of firmware that misbehaves, nor of /etc/bootseal/quirks.toml, matches what DMI says of \
                 the machine and strikes with the present variables.",
        remedy: "As the entry says; bootseal enroll plan tells of it as well",
        run: quirks::check,
    },
];

fn secure_boot(machine: &Machine<'_>) -> Outcome {
    with_store(machine, |store| {
        Ok(match store.secure_boot()? {
            Some(true) => Outcome::pass("SecureBoot is 1"),
            Some(false) => Outcome::found(
                Finding::new(
                    SECURE_BOOT_OFF,
                    "SecureBoot",
                    "Secure Boot is off: the firmware starts anything",
                )
                .remedy("switch it on in the firmware's setup"),
            ),
            None => Outcome::found(
                Finding::new(
                    NO_SECURE_BOOT,
                    "SecureBoot",
                    "the firmware has no variable SecureBoot: it cannot verify what it starts",
                )
                .remedy("look for Secure Boot in the firmware's setup, or for an update"),
            ),
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
                .push(Finding::new(SETUP_MODE, "SetupMode", text).remedy("bootseal enroll apply"));
        } else {
            outcome.evidence.push("SetupMode is 0".to_owned());
        }
        if store.flag("AuditMode")? == Some(true) {
            let text = "it is in Audit Mode: images that are refused are only written down, and started";
            outcome
                .findings
                .push(Finding::new(AUDIT_MODE, "AuditMode", text).remedy("leave Audit Mode in the firmware's setup"));
        }
        match store.flag("DeployedMode")? {
            Some(true) => outcome.evidence.push("DeployedMode is 1".to_owned()),
            Some(false) => outcome.evidence.push("DeployedMode is 0: User Mode".to_owned()),
            None => {}
        }
        Ok(outcome)
    })
}
