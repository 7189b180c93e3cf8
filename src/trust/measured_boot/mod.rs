//! The event log of the last start, as far as it concerns Secure Boot: which Option ROMs ran and on whose word, and
//! what PCR 7 will hold once the variables have changed. The rules are those of EDK2 (`Tcg2Dxe`,
//! `DxeImageVerificationLib`).

#[cfg(test)]
mod tests;

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::event_log::{Event, EventLog, EventType, UefiVariable, extend};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{Signature, SignatureDatabase, SignatureType};

use super::microsoft;

/// The PCR of Secure Boot.
pub const PCR: u32 = 7;
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

/// The entries of db that let Option ROMs in: each is measured when it is first used, right before the image that it
/// lets in, so those after the last Option ROM are for boot loaders only.
#[must_use]
pub fn authorities(log: &EventLog) -> Vec<UefiVariable> {
    let last = drivers(log).next_back().map_or(0, |(position, _)| position);
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

/// The verdict of a firmware with these databases on the Option ROM.
#[must_use]
pub fn coverage(rom: &OptionRom, log: &EventLog, db: &SignatureDatabase, dbx: &SignatureDatabase) -> Coverage {
    let listed = |database: &SignatureDatabase| {
        rom.sha256
            .as_ref()
            .is_some_and(|digest| database.contains(SignatureType::Sha256, digest.as_bytes()))
    };
    if listed(dbx) {
        return Coverage::Forbidden;
    }
    if listed(db) {
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
fn entry_of<'d>(database: &'d SignatureDatabase, authority: &UefiVariable) -> Option<&'d Signature> {
    let data = authority.data.get(OWNER..)?;
    database
        .entries()
        .map(|(_, entry)| entry)
        .find(|entry| entry.data == data)
}

/// The certificates by which db lets the Option ROMs in, in the order of their use. Hashes are left out: OVMF 2022.11
/// starts an Option ROM whose hash is in db, and measures no entry for it.
#[must_use]
pub fn option_rom_entries(log: &EventLog, db: &SignatureDatabase) -> Vec<Signature> {
    let authorities = authorities(log);
    let entries = authorities.iter().filter_map(|authority| entry_of(db, authority));
    entries.cloned().collect()
}

/// The reason for which PCR 7 cannot be told before the start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unpredictable {
    /// The log is not for this bank.
    #[error("the event log has no {} bank", .0.name())]
    Bank(HashAlgorithm),
    /// Something else is measured into it as well.
    #[error("PCR 7 also holds an event of type {0:#x}, as boot loaders such as shim measure them")]
    Foreign(u32),
    /// The log does not look as EDK2 writes it.
    #[error("the event log does not show the variables of Secure Boot as EDK2 measures them")]
    NotEdk2,
}

/// PCR 7 at the next start, if the four variables hold this and these certificates of db let in what starts, in this
/// order.
pub fn predict(
    log: &EventLog,
    algorithm: HashAlgorithm,
    data: impl Fn(VariableName) -> Vec<u8>,
    secure_boot: bool,
    entries: &[Signature],
) -> Result<Digest, Unpredictable> {
    if !log.algorithms().contains(&algorithm) {
        return Err(Unpredictable::Bank(algorithm));
    }
    let mut value = Digest::new(algorithm, vec![0; algorithm.len()]).ok_or(Unpredictable::Bank(algorithm))?;
    let mut replaced = 0_usize;
    let mut separated = false;
    for event in log.events().iter().filter(|event| event.pcr == PCR) {
        match event.kind {
            EventType::VARIABLE_AUTHORITY => {
                // shim measures its own databases in the same way.
                if event
                    .variable()
                    .is_some_and(|variable| variable.name() == VariableName::Db.name())
                {
                    continue;
                }
                return Err(Unpredictable::Foreign(event.kind.0));
            }
            EventType::SEPARATOR => separated = true,
            EventType::VARIABLE_DRIVER_CONFIG => {}
            EventType(other) => return Err(Unpredictable::Foreign(other)),
        }
        let measured = event.variable().and_then(|variable| {
            let name = variable.name();
            if name == "SecureBoot" {
                return Some(UefiVariable {
                    data: vec![u8::from(secure_boot)],
                    ..variable
                });
            }
            let known = VariableName::ALL.into_iter().find(|known| known.name() == name)?;
            Some(UefiVariable {
                data: data(known),
                ..variable
            })
        });
        let digest = match measured {
            Some(measured) => {
                replaced += 1;
                algorithm.digest(&[&measured.to_bytes()])
            }
            None => event.digest(algorithm).cloned().ok_or(Unpredictable::NotEdk2)?,
        };
        value = extend(&value, &digest);
    }
    if replaced != VariableName::ALL.len() + 1 || !separated {
        return Err(Unpredictable::NotEdk2);
    }
    let mut used: Vec<&Signature> = Vec::new();
    for entry in entries {
        if !used.contains(&entry) {
            used.push(entry);
            let authority = authority(entry).to_bytes();
            value = extend(&value, &algorithm.digest(&[&authority]));
        }
    }
    Ok(value)
}

/// The data that is measured when an entry of db lets an image in: owner and data of the entry.
fn authority(entry: &Signature) -> UefiVariable {
    let data = [entry.owner.as_bytes().as_slice(), &entry.data].concat();
    UefiVariable::new(VariableName::Db.name(), Guid::IMAGE_SECURITY_DATABASE, &data)
}
