//! The drivers that the firmware took from devices at the last start, and the entries of db that let them in.

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::event_log::{Event, EventLog, EventType, UefiVariable};
use crate::formats::firmware::signature_list::{Signature, SignatureDatabase, SignatureType};

use crate::trust::microsoft;

/// Size of the owner before the data of a signature, in bytes.
const OWNER: usize = 16;

/// A driver that the firmware took from a device and started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionRom {
    /// The place that it was loaded from.
    pub device: String,
    /// Its Authenticode hash, as far as the log has the bank of SHA-256.
    pub sha256: Option<Digest>,
}

/// The verdict on an Option ROM: started in future, or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// db lists its hash.
    Hash,
    /// db keeps every entry that let Option ROMs in.
    Authority,
    /// The log was written with Secure Boot off, so it does not say who signed it; db holds Microsoft's certificates
    /// for Option ROMs, old and new.
    Likely,
    /// No entry of db lets it in.
    None,
    /// dbx forbids its hash.
    Forbidden,
}

/// The Option ROMs of the last start, in their order. What the firmware takes out of its own volumes is none.
#[must_use]
pub fn option_roms(log: &EventLog) -> Vec<OptionRom> {
    drivers(log)
        .map(|(_, event)| OptionRom {
            device: event
                .image()
                .map_or_else(|| "an unknown device".to_owned(), |image| image.device_path.to_string()),
            sha256: event.digest(HashAlgorithm::Sha256).cloned(),
        })
        .collect()
}

fn drivers(log: &EventLog) -> impl DoubleEndedIterator<Item = (usize, &Event)> {
    let is_driver = |event: &Event| {
        [EventType::BOOT_SERVICES_DRIVER, EventType::RUNTIME_SERVICES_DRIVER].contains(&event.kind)
            && !event.image().is_some_and(|image| image.device_path.is_of_firmware())
    };
    log.events()
        .iter()
        .enumerate()
        .filter(move |(_, event)| is_driver(event))
}

/// The place of the last Option ROM among the events.
pub(super) fn last_driver(log: &EventLog) -> Option<usize> {
    drivers(log).next_back().map(|(position, _)| position)
}

/// The entries of db that let Option ROMs in: each is measured when it is first used, right before the image that it
/// lets in, so those after the last Option ROM are for boot loaders only.
#[must_use]
pub fn authorities(log: &EventLog) -> Vec<UefiVariable> {
    let last = last_driver(log).unwrap_or(0);
    let before = log.events().iter().take(last);
    before
        .filter(|event| event.kind == EventType::VARIABLE_AUTHORITY)
        .filter_map(Event::variable)
        .filter(|variable| variable.name() == VariableName::Db.name())
        .collect()
}

/// The name of an authority that was measured: the common name of its certificate, or else its data.
#[must_use]
pub fn name(authority: &UefiVariable) -> String {
    let data = authority.data.get(OWNER..).unwrap_or(&authority.data);
    Certificate::from_der(data).map_or_else(|_| hex::encode(data), |certificate| certificate.common_name())
}

/// True if images were judged at the last start.
#[must_use]
pub fn secure_boot_was_on(log: &EventLog) -> bool {
    log.events()
        .iter()
        .filter_map(Event::variable)
        .any(|variable| variable.name() == "SecureBoot" && variable.data == [1])
}

/// True if the database has the hash of the Option ROM.
#[must_use]
pub(super) fn is_listed(database: &SignatureDatabase, rom: &OptionRom) -> bool {
    let digest = rom.sha256.as_ref();
    digest.is_some_and(|digest| database.contains(SignatureType::Sha256, digest.as_bytes()))
}

/// The verdict of a firmware with these databases on the Option ROM.
#[must_use]
pub fn coverage(rom: &OptionRom, log: &EventLog, db: &SignatureDatabase, dbx: &SignatureDatabase) -> Coverage {
    if is_listed(dbx, rom) {
        return Coverage::Forbidden;
    }
    if is_listed(db, rom) {
        return Coverage::Hash;
    }
    if secure_boot_was_on(log) {
        let authorities = authorities(log);
        let kept = |authority: &UefiVariable| entry_of(db, authority).is_some();
        return if !authorities.is_empty() && authorities.iter().all(kept) {
            Coverage::Authority
        } else {
            Coverage::None
        };
    }
    let mut microsofts = microsoft::CERTIFICATES.iter().filter(|known| known.option_roms);
    if microsofts.all(|known| db.contains(SignatureType::X509, known.der)) {
        Coverage::Likely
    } else {
        Coverage::None
    }
}

/// The entry of the database that was measured as an authority, whoever owns it now.
#[must_use]
pub(super) fn entry_of<'d>(database: &'d SignatureDatabase, authority: &UefiVariable) -> Option<&'d Signature> {
    let data = authority.data.get(OWNER..)?;
    database
        .entries()
        .map(|(_, entry)| entry)
        .find(|entry| entry.data == data)
}
