//! Warnings before the keys of a machine change.

use serde::{Serialize, Serializer};

use crate::finding::{Finding, Kind, Level};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::formats::text::printable;
use crate::trust::image::Policy;
use crate::trust::microsoft;

use super::lists::Lists;
use super::planned_write::PlannedWrite;

/// Without a platform key the firmware starts everything.
const NO_PLATFORM_KEY: Kind = Kind::warning("no_platform_key");
/// KEK or db would be empty under a platform key.
const KEYS_MISSING: Kind = Kind::error("keys_missing");
/// db would hold no certificate under which Option ROMs are signed.
const NO_OPTION_ROM_AUTHORITY: Kind = Kind::warning("no_option_rom_authority");
/// db would hold no certificate of the owner.
const NO_OWN_CERTIFICATE: Kind = Kind::warning("no_own_certificate");
/// dbx would revoke the certificate of older boot managers of Windows.
const REVOKES_WINDOWS_2011: Kind = Kind::warning("revokes_windows_2011");
/// dbx would hold higher security version numbers.
const RAISES_SVN: Kind = Kind::note("raises_svn");
/// dbx would revoke a certificate that db holds.
const REVOKED_BY_DBX: Kind = Kind::warning("revoked_by_dbx");
/// A certificate has a key that older firmware may not take.
const NOT_RSA_2048: Kind = Kind::note("not_rsa_2048");
/// db would lose the certificate of the module key.
const MODULE_KEY_GOES: Kind = Kind::warning("module_key_goes");
/// The time stamp of a write is odd.
const ODD_TIME: Kind = Kind::note("odd_time");
/// The firmware has little room left for variables.
const LOW_SPACE: Kind = Kind::warning("low_space");

/// A variable would be larger than every board takes.
const LARGE_VARIABLE: Kind = Kind::warning("large_variable");

/// Largest variable that every board takes, in bytes: Windows asks no more of one.
const LARGE: usize = 32 << 10;
/// Memory for variables that the kernel leaves alone, in bytes (`EFI_MIN_RESERVE` of arch/x86/platform/efi/quirks.c).
const RESERVE: u64 = 5 << 10;
/// Free memory for variables, in bytes, below which firmware is known to fail (fwupd's gates).
const SPACE: [(VariableName, u64); 4] = [
    (VariableName::Kek, 4 << 10),
    (VariableName::Pk, 8 << 10),
    (VariableName::Db, 16 << 10),
    (VariableName::Dbx, 30 << 10),
];

/// The word of enrolment for a level: `stop` for an error, since nothing is written while one stands, and `danger` for a
/// warning, after which the machine may not start, or show no picture.
pub(super) fn level_word(level: Level) -> &'static str {
    match level {
        Level::Note => "note",
        Level::Warning => "danger",
        Level::Error => "stop",
    }
}

/// The level for a word of enrolment; none for another word.
pub(super) fn level_of_word(word: &str) -> Option<Level> {
    let levels = [Level::Note, Level::Warning, Level::Error];
    levels.into_iter().find(|level| level_word(*level) == word)
}

/// The warning where db loses a certificate that signed the modules of the running kernel. `signers` tells which they are.
pub(super) fn module_key(
    before: &Lists,
    after: &Lists,
    depends: &dyn Fn(&Certificate) -> Option<String>,
) -> Vec<Finding> {
    let gone = before
        .db
        .certificates()
        .filter(|(_, der)| !after.db.contains(SignatureType::X509, der));
    let gone = gone.filter_map(|(_, der)| Certificate::from_der(der).ok());
    let told = gone.filter_map(|certificate| {
        let module = depends(&certificate)?;
        let name = printable(&certificate.common_name());
        let text = format!(
            "db would lose \"{name}\", whose key signed the modules of the running kernel ({module}): a kernel that asks db for it \
             refuses every one of them at the next start, and with them disks, network and screen"
        );
        let remedy = "keep it, by the option --keep-vendor db; or sign the modules by a key that the kernel holds itself first";
        Some(Finding::new(MODULE_KEY_GOES, name, text).remedy(remedy))
    });
    told.collect()
}

/// Warnings in the JSON of a plan or a report.
pub(super) fn serialize<S: Serializer>(warnings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(warnings.iter().map(|warning| Json {
        id: warning.kind.name(),
        level: level_word(warning.level),
        message: &warning.text,
        hints: &warning.remedies,
    }))
}

/// A warning as its schema has it.
#[derive(Serialize)]
struct Json<'a> {
    id: &'static str,
    level: &'static str,
    message: &'a str,
    hints: &'a [String],
}

/// The warnings that follow from the writes themselves. `before` and `after` are the content of the variables, and
/// `free_space` the bytes that the firmware has left for variables, if it tells.
pub(super) fn of_writes(
    before: &Lists,
    after: &Lists,
    writes: &[PlannedWrite],
    free_space: Option<u64>,
) -> Vec<Finding> {
    let mut warnings = Vec::new();
    let db = &after.db;
    if after.pk.is_empty() {
        warnings.push(Finding::new(NO_PLATFORM_KEY, "PK",
            "without a platform key the firmware starts every file, and any program that runs on this machine can enroll \
             other keys",
        ));
    } else {
        if after.kek.is_empty() || db.is_empty() {
            warnings.push(Finding::new(KEYS_MISSING, "KEK, db",
                "KEK or db is empty: with this platform key the firmware would start no file, or never accept an update",
            ));
        }
        warnings.extend(option_roms(db));
        warnings.extend(own_certificate(db));
        warnings.extend(revoked_certificates(db, &after.dbx));
    }
    warnings.extend(new_revocations(&before.dbx, &after.dbx));
    let mut left = free_space;
    for write in writes.iter().filter(|write| !write.already_there) {
        let size = after.get(write.name).to_bytes().len();
        warnings.extend(unusual_keys(write));
        warnings.extend(time(write));
        warnings.extend(large(write, size));
        warnings.extend(space(write, size as u64, left));
        // Much firmware gives the room of the old content back at the next start only.
        left = left.map(|left| left.saturating_sub(size as u64));
    }
    warnings
}

fn option_roms(db: &SignatureDatabase) -> Option<Finding> {
    let any = db
        .certificates()
        .any(|(_, der)| microsoft::find(der).is_some_and(|known| known.option_roms));
    (!any).then(|| {
        Finding::new(
            NO_OPTION_ROM_AUTHORITY,
            "db",
            "db holds none of Microsoft's third-party certificates: graphics and network cards whose Option ROM is \
             signed under them are refused, and the machine may show no picture, not even in the firmware's setup",
        )
    })
}

fn own_certificate(db: &SignatureDatabase) -> Option<Finding> {
    let own = db.certificates().any(|(_, der)| microsoft::find(der).is_none());
    (!own).then(|| {
        Finding::new(
            NO_OWN_CERTIFICATE,
            "db",
            "db holds no certificate of your own: files that you sign will not boot",
        )
    })
}

/// Warnings of new revocations that Microsoft itself does not roll out to every machine yet.
fn new_revocations(before: &SignatureDatabase, after: &SignatureDatabase) -> Vec<Finding> {
    let present = before.index();
    let is_new = |kind: SignatureType, data: &[u8]| !present.contains(&(kind, data));
    let revokes_windows = after.certificates().any(|(_, der)| {
        is_new(SignatureType::X509, der) && microsoft::find(der).is_some_and(|known| known.name == "windows-2011")
    });
    let versions: Vec<String> = after
        .entries()
        .filter(|(kind, entry)| is_new(*kind, &entry.data))
        .filter_map(|(kind, entry)| Some(microsoft::SecurityVersion::from_entry(kind, entry)?.to_string()))
        .collect();
    let windows = revokes_windows.then(|| {
        Finding::new(REVOKES_WINDOWS_2011, "dbx",
            "dbx will revoke Microsoft Windows Production PCA 2011: Windows and its installation and recovery media will start \
             only with boot managers that are signed under Windows UEFI CA 2023",
        )
    });
    let svn = (!versions.is_empty()).then(|| {
        Finding::new(RAISES_SVN, "dbx",
            format!(
                "dbx will hold security version numbers, by which the boot managers of Windows refuse older boot managers: {}",
                versions.join(", ")
            ),
        )
    });
    windows.into_iter().chain(svn).collect()
}

fn revoked_certificates(db: &SignatureDatabase, dbx: &SignatureDatabase) -> Vec<Finding> {
    let policy = Policy::new(db, dbx);
    db.certificates()
        .filter_map(|(_, der)| Certificate::from_der(der).ok())
        .filter(|certificate| policy.revokes(certificate))
        .map(|certificate| {
            Finding::new(
                REVOKED_BY_DBX,
                "dbx",
                format!(
                    "dbx revokes {}, which is in db: files that it signed do not boot",
                    certificate.common_name()
                ),
            )
        })
        .collect()
}

fn unusual_keys(write: &PlannedWrite) -> Vec<Finding> {
    write
        .content
        .certificates()
        .filter_map(|(_, der)| Certificate::from_der(der).ok())
        .filter(|certificate| !certificate.public_key().is_ok_and(|key| key.bits() == 2048))
        // All firmware holds Microsoft's certificates of other sizes already.
        .filter(|certificate| microsoft::find(certificate.as_der()).is_none())
        .map(|certificate| {
            Finding::new(
                NOT_RSA_2048,
                write.variable,
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

fn time(write: &PlannedWrite) -> Option<Finding> {
    let invalid = write.time.check().err()?;
    Some(Finding::new(
        ODD_TIME,
        write.variable,
        format!(
            "the time stamp of {} is odd ({invalid}); some firmware may refuse it",
            write.origin
        ),
    ))
}

fn large(write: &PlannedWrite, size: usize) -> Option<Finding> {
    let remedy = without_too_large(write.name, size)?;
    let text = format!(
        "{} would have {size} bytes; a board need not take more than {LARGE} in a variable, and one that does not refuses the whole write",
        write.variable
    );
    Some(Finding::new(LARGE_VARIABLE, write.variable, text).remedy(remedy))
}

/// The way on where a board does not take a variable of so many bytes; none if every board takes it.
pub(super) fn without_too_large(variable: VariableName, size: usize) -> Option<&'static str> {
    (size > LARGE).then_some(match variable {
        VariableName::Dbx => {
            "if the firmware refuses it for its size, enroll from a copy of the key directory without dbx.auth: the other \
             variables do not need it, and the firmware keeps the dbx that it has"
        }
        VariableName::Pk | VariableName::Kek | VariableName::Db => {
            "if the firmware refuses it for its size, enroll fewer entries"
        }
    })
}

/// `left` is the room before this write.
fn space(write: &PlannedWrite, size: u64, left: Option<u64>) -> Option<Finding> {
    let left = left?;
    let (_, known) = SPACE.into_iter().find(|(variable, _)| *variable == write.name)?;
    let needed = known.max(size.saturating_add(RESERVE));
    (left < needed).then(|| {
        Finding::new(
            LOW_SPACE,
            write.variable,
            format!(
                "the firmware has {left} bytes left for variables at the write of {}; below {needed} it may fail. Remove old \
                 boot entries and /sys/fs/pstore/*, and reboot",
                write.variable
            ),
        )
    })
}
