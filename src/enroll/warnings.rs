//! Warnings before the keys of a machine change.

use serde::{Deserialize, Serialize};

use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::trust::image::Policy;
use crate::trust::microsoft;

use super::lists::Lists;
use super::planned_write::PlannedWrite;

/// Free memory for variables, in bytes, below which firmware is known to fail (fwupd's gates).
const SPACE: [(VariableName, u64); 4] = [
    (VariableName::Kek, 4 << 10),
    (VariableName::Pk, 8 << 10),
    (VariableName::Db, 16 << 10),
    (VariableName::Dbx, 30 << 10),
];

/// A fact to know before a plan is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// A stable name, `snake_case`.
    pub id: &'static str,
    /// The level: a note, a danger or a reason to stop.
    pub level: Level,
    /// The consequence, and the remedy if it is no command.
    pub message: String,
    /// Commands that help, most useful first.
    pub hints: Vec<String>,
}

/// The level of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// A fact that is good to know.
    Note,
    /// The machine may fail to start, or to show a picture, afterwards.
    Danger,
    /// A reason to write nothing.
    Stop,
}

impl Warning {
    fn new(id: &'static str, level: Level, message: impl Into<String>) -> Self {
        Self {
            id,
            level,
            message: message.into(),
            hints: Vec::new(),
        }
    }

    pub(super) fn note(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(id, Level::Note, message)
    }

    pub(super) fn danger(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(id, Level::Danger, message)
    }

    pub(super) fn stop(id: &'static str, message: impl Into<String>) -> Self {
        Self::new(id, Level::Stop, message)
    }

    /// Adds a command that helps.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Turns a stop into a danger, if the user has said to go on regardless.
    pub(super) fn unless(mut self, allowed: bool) -> Self {
        if allowed && self.level == Level::Stop {
            self.level = Level::Danger;
        }
        self
    }
}

/// The warnings that follow from the writes themselves. `before` and `after` are the content of the variables, and
/// `free_space` the bytes that the firmware has left for variables, if it tells.
pub(super) fn of_writes(
    before: &Lists,
    after: &Lists,
    writes: &[PlannedWrite],
    free_space: Option<u64>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let db = &after.db;
    if after.pk.is_empty() {
        warnings.push(Warning::danger(
            "no_platform_key",
            "without a platform key the firmware starts every file, and any program that runs on this machine can enroll \
             other keys",
        ));
    } else {
        if after.kek.is_empty() || db.is_empty() {
            warnings.push(Warning::stop(
                "keys_missing",
                "KEK or db is empty: with this platform key the firmware would start no file, or never accept an update",
            ));
        }
        warnings.extend(option_roms(db));
        warnings.extend(own_certificate(db));
        warnings.extend(revoked_certificates(db, &after.dbx));
    }
    warnings.extend(new_revocations(&before.dbx, &after.dbx));
    for write in writes.iter().filter(|write| !write.already_there) {
        warnings.extend(unusual_keys(write));
        warnings.extend(time(write));
        warnings.extend(space(write, free_space));
    }
    warnings
}

fn option_roms(db: &SignatureDatabase) -> Option<Warning> {
    let any = db
        .certificates()
        .any(|(_, der)| microsoft::find(der).is_some_and(|known| known.option_roms));
    (!any).then(|| {
        Warning::danger(
            "no_option_rom_authority",
            "db holds none of Microsoft's third-party certificates: graphics and network cards whose Option ROM is \
             signed under them are refused, and the machine may show no picture, not even in the firmware's setup",
        )
    })
}

fn own_certificate(db: &SignatureDatabase) -> Option<Warning> {
    let own = db.certificates().any(|(_, der)| microsoft::find(der).is_none());
    (!own).then(|| {
        Warning::danger(
            "no_own_certificate",
            "db holds no certificate of your own: files that you sign will not boot",
        )
    })
}

/// Warnings of new revocations that Microsoft itself does not roll out to every machine yet.
fn new_revocations(before: &SignatureDatabase, after: &SignatureDatabase) -> Vec<Warning> {
    let is_new = |kind: SignatureType, data: &[u8]| !before.contains(kind, data);
    let revokes_windows = after.certificates().any(|(_, der)| {
        is_new(SignatureType::X509, der) && microsoft::find(der).is_some_and(|known| known.name == "windows-2011")
    });
    let versions: Vec<String> = after
        .entries()
        .filter(|(kind, entry)| is_new(*kind, &entry.data))
        .filter_map(|(kind, entry)| Some(microsoft::SecurityVersion::from_entry(kind, entry)?.to_string()))
        .collect();
    let windows = revokes_windows.then(|| {
        Warning::danger(
            "revokes_windows_2011",
            "dbx will revoke Microsoft Windows Production PCA 2011: Windows and its installation and recovery media will start \
             only with boot managers that are signed under Windows UEFI CA 2023",
        )
    });
    let svn = (!versions.is_empty()).then(|| {
        Warning::note(
            "raises_svn",
            format!(
                "dbx will hold security version numbers, by which the boot managers of Windows refuse older boot managers: {}",
                versions.join(", ")
            ),
        )
    });
    windows.into_iter().chain(svn).collect()
}

fn revoked_certificates(db: &SignatureDatabase, dbx: &SignatureDatabase) -> Vec<Warning> {
    let policy = Policy::new(db, dbx);
    db.certificates()
        .filter_map(|(_, der)| Certificate::from_der(der).ok())
        .filter(|certificate| policy.revokes(certificate))
        .map(|certificate| {
            Warning::danger(
                "revoked_by_dbx",
                format!(
                    "dbx revokes {}, which is in db: files that it signed do not boot",
                    certificate.common_name()
                ),
            )
        })
        .collect()
}

fn unusual_keys(write: &PlannedWrite) -> Vec<Warning> {
    write
        .content
        .certificates()
        .filter_map(|(_, der)| Certificate::from_der(der).ok())
        .filter(|certificate| !certificate.public_key().is_ok_and(|key| key.bits() == 2048))
        // All firmware holds Microsoft's certificates of other sizes already.
        .filter(|certificate| microsoft::find(certificate.as_der()).is_none())
        .map(|certificate| {
            Warning::note(
                "not_rsa_2048",
                format!(
                    "{} in {} is not RSA-2048, the one size that all firmware takes; firmware from before 2023-09 may \
                     refuse it",
                    certificate.common_name(),
                    write.variable
                ),
            )
        })
        .collect()
}

fn time(write: &PlannedWrite) -> Option<Warning> {
    let invalid = write.time.check().err()?;
    Some(Warning::note(
        "odd_time",
        format!(
            "the time stamp of {} is odd ({invalid}); some firmware may refuse it",
            write.origin
        ),
    ))
}

fn space(write: &PlannedWrite, free: Option<u64>) -> Option<Warning> {
    let free = free?;
    let (_, needed) = SPACE.into_iter().find(|(variable, _)| *variable == write.name)?;
    (free < needed).then(|| {
        Warning::danger(
            "low_space",
            format!(
                "the firmware has {free} bytes left for variables; below {needed} a write of {} may fail. Remove old \
                 boot entries and /sys/fs/pstore/*, and reboot",
                write.variable
            ),
        )
    })
}
