//! The log of the measurements that firmware made in the TPM (TCG PC Client Platform Firmware Profile, section 10), in its
//! crypto-agile form and in the SHA-1 form of TPM 1.2.

mod bank;
mod event;
#[cfg(test)]
mod tests;

use crate::formats::bytes::{Reader, Truncated, index};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};

pub use bank::Bank;
pub use event::{ImageLoad, UefiVariable};

/// Number of PCRs that the log may name.
const PCRS: u32 = 24;
/// Most algorithms that a log may announce.
const MAX_ALGORITHMS: usize = 16;
/// How the data of the first event begins in the crypto-agile form.
const SPEC_ID: &[u8; 16] = b"Spec ID Event03\0";
/// Size of a SHA-1 digest, in bytes.
const SHA1: usize = 20;
/// `EV_NO_ACTION`: nothing was extended.
const NO_ACTION: u32 = 3;
/// The locality that PCR 0 begins with after a start by hardware.
const HCRTM_LOCALITY: u8 = 4;
/// How the data of the event begins that says at which locality the TPM was started.
const STARTUP_LOCALITY: &[u8] = b"StartupLocality\0";

/// The kind of an event (section 10.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventType(pub u32);

impl EventType {
    /// `EV_SEPARATOR`: firmware hands over to the boot loader.
    pub const SEPARATOR: Self = Self(4);
    /// `EV_EFI_VARIABLE_DRIVER_CONFIG`: a variable of Secure Boot.
    pub const VARIABLE_DRIVER_CONFIG: Self = Self(0x8000_0001);
    /// `EV_EFI_ACTION`: a text of the firmware about its own state.
    pub const ACTION: Self = Self(0x8000_0007);
    /// `EV_EFI_HCRTM_EVENT`: the TPM was started by hardware, before the processor's first instruction.
    pub const HCRTM: Self = Self(0x8000_0010);
    /// `EV_EFI_BOOT_SERVICES_APPLICATION`: a boot loader.
    pub const BOOT_SERVICES_APPLICATION: Self = Self(0x8000_0003);
    /// `EV_EFI_BOOT_SERVICES_DRIVER`: a driver, such as an Option ROM's.
    pub const BOOT_SERVICES_DRIVER: Self = Self(0x8000_0004);
    /// `EV_EFI_RUNTIME_SERVICES_DRIVER`: a driver that stays.
    pub const RUNTIME_SERVICES_DRIVER: Self = Self(0x8000_0005);
    /// `EV_EFI_VARIABLE_AUTHORITY`: the entry of a database that let an image in.
    pub const VARIABLE_AUTHORITY: Self = Self(0x8000_00e0);
}

/// Why bytes are no event log. Offsets count from the start of the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventLogError {
    /// A field reaches past the end.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// No event at all.
    #[error("the event log is empty")]
    Empty,
    /// An event in a PCR that no TPM has.
    #[error("the event at offset {offset:#x} is in PCR {pcr}; a TPM has 0 to 23")]
    Pcr {
        /// Where the event starts.
        offset: usize,
        /// The PCR that it names.
        pcr: u32,
    },
    /// More algorithms than any TPM has.
    #[error("the log announces {0} digest algorithms")]
    TooManyAlgorithms(u32),
    /// A digest whose size the log does not announce, so that nothing after it can be found.
    #[error("the digest at offset {offset:#x} is of algorithm {algorithm:#06x}, which the log does not announce")]
    UnknownAlgorithm {
        /// Where the algorithm's number stands.
        offset: usize,
        /// The number (TCG Algorithm Registry).
        algorithm: u16,
    },
    /// A digest of another size than its algorithm has.
    #[error("the log announces {size} bytes for digests of algorithm {algorithm:#06x}")]
    DigestSize {
        /// The algorithm's number.
        algorithm: u16,
        /// The announced size, in bytes.
        size: u16,
    },
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The PCR that was extended.
    pub pcr: u32,
    /// The kind of the event.
    pub kind: EventType,
    /// The digests that the PCR was extended by, one for each algorithm that is known here.
    pub digests: Vec<Digest>,
    /// The digest of the bank of SHA-1, if the log has it.
    pub sha1: Option<[u8; SHA1]>,
    /// The data of the event.
    pub data: Vec<u8>,
}

impl Event {
    /// The digest that the PCR was extended by in the bank of this algorithm.
    #[must_use]
    pub fn digest(&self, algorithm: HashAlgorithm) -> Option<&Digest> {
        self.digests.iter().find(|digest| digest.algorithm() == algorithm)
    }

    /// True if it extended no register.
    #[must_use]
    pub fn is_no_action(&self) -> bool {
        self.kind.0 == NO_ACTION
    }

    /// The bytes that the PCR was extended by in a bank.
    #[must_use]
    pub fn extended_by(&self, bank: Bank) -> Option<&[u8]> {
        match bank {
            Bank::Sha1 => self.sha1.as_ref().map(<[u8; SHA1]>::as_slice),
            Bank::Sha2(algorithm) => self.digest(algorithm).map(Digest::as_bytes),
        }
    }

    /// The variable, if the event is of one.
    #[must_use]
    pub fn variable(&self) -> Option<UefiVariable> {
        let of_variable = [EventType::VARIABLE_DRIVER_CONFIG, EventType::VARIABLE_AUTHORITY].contains(&self.kind);
        of_variable.then(|| UefiVariable::parse(&self.data).ok()).flatten()
    }

    /// Where the image came from, if the event is of one.
    #[must_use]
    pub fn image(&self) -> Option<ImageLoad> {
        let of_image = [
            EventType::BOOT_SERVICES_APPLICATION,
            EventType::BOOT_SERVICES_DRIVER,
            EventType::RUNTIME_SERVICES_DRIVER,
        ]
        .contains(&self.kind);
        of_image.then(|| ImageLoad::parse(&self.data).ok()).flatten()
    }
}

/// All events, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventLog {
    events: Vec<Event>,
    banks: Vec<Bank>,
}

impl EventLog {
    /// Reads a log.
    pub fn parse(bytes: &[u8]) -> Result<Self, EventLogError> {
        let mut reader = Reader::new(bytes);
        if reader.is_empty() {
            return Err(EventLogError::Empty);
        }
        let first = sha1_event(&mut reader)?;
        let Some(announced) = first.data.strip_prefix(SPEC_ID) else {
            let mut events = vec![first];
            while !reader.is_empty() {
                events.push(sha1_event(&mut reader)?);
            }
            let banks = vec![Bank::Sha1];
            return Ok(Self { events, banks });
        };
        let sizes = announced_sizes(announced)?;
        let mut events = Vec::new();
        while !reader.is_empty() {
            events.push(agile_event(&mut reader, &sizes)?);
        }
        let banks = sizes
            .iter()
            .filter_map(|(algorithm, _)| Bank::from_tcg_number(*algorithm));
        Ok(Self {
            events,
            banks: banks.collect(),
        })
    }

    /// The events, in their order, without the one that announces the algorithms.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The banks that the log is for, as far as they are known here.
    #[must_use]
    pub fn banks(&self) -> &[Bank] {
        &self.banks
    }

    /// The algorithm to compare digests by: SHA-256 if the log has it, or else another of SHA-2.
    #[must_use]
    pub fn algorithm(&self) -> Option<HashAlgorithm> {
        let known = self.banks.iter().filter_map(|bank| match bank {
            Bank::Sha1 => None,
            Bank::Sha2(algorithm) => Some(*algorithm),
        });
        known.min()
    }

    /// The value of the PCR after all of its events; none if the log is not for this bank.
    #[must_use]
    pub fn replay(&self, algorithm: HashAlgorithm, pcr: u32) -> Option<Digest> {
        let bank = Bank::Sha2(algorithm);
        self.replay_in(bank, pcr).and_then(|value| bank.known(value))
    }

    /// The same, in any bank.
    #[must_use]
    pub fn replay_in(&self, bank: Bank, pcr: u32) -> Option<Vec<u8>> {
        if !self.banks.contains(&bank) {
            return None;
        }
        let mut value = self.start(bank, pcr);
        for event in self.extends(pcr) {
            value = bank.extend(&value, event.extended_by(bank)?);
        }
        Some(value)
    }

    /// The events that extended a PCR, in their order.
    pub fn extends(&self, pcr: u32) -> impl Iterator<Item = &Event> {
        let is_one = move |event: &&Event| event.pcr == pcr && event.kind.0 != NO_ACTION;
        self.events.iter().filter(is_one)
    }

    /// The value that a PCR begins with: zeros, but for PCR 0, which tells who started the TPM (PC Client Platform TPM Profile).
    #[must_use]
    pub fn start(&self, bank: Bank, pcr: u32) -> Vec<u8> {
        let mut value = vec![0; bank.len()];
        let started_by = match pcr {
            0 if self.extends(0).any(|event| event.kind == EventType::HCRTM) => Some(HCRTM_LOCALITY),
            0 => self.startup_locality(),
            _ => None,
        };
        if let (Some(locality), Some(last)) = (started_by, value.last_mut()) {
            *last = locality;
        }
        value
    }

    /// The locality at which the TPM was started, which PCR 0 begins with.
    fn startup_locality(&self) -> Option<u8> {
        let mut actions = self
            .events
            .iter()
            .filter(|event| event.kind.0 == NO_ACTION && event.pcr == 0);
        actions.find_map(|event| event.data.strip_prefix(STARTUP_LOCALITY)?.first().copied())
    }
}

/// `TCG_PCClientPCREvent`.
fn sha1_event(reader: &mut Reader<'_>) -> Result<Event, EventLogError> {
    let pcr = pcr(reader)?;
    let kind = EventType(reader.u32("eventType")?);
    let sha1 = Some(reader.array("digest")?);
    let size = index(reader.u32("eventDataSize")?);
    Ok(Event {
        pcr,
        kind,
        digests: Vec::new(),
        sha1,
        data: reader.take("event", size)?.to_vec(),
    })
}

/// `TCG_PCR_EVENT2`.
fn agile_event(reader: &mut Reader<'_>, sizes: &[(u16, u16)]) -> Result<Event, EventLogError> {
    let pcr = pcr(reader)?;
    let kind = EventType(reader.u32("eventType")?);
    let (mut digests, mut sha1) = (Vec::new(), None);
    for _ in 0..reader.u32("digests.count")? {
        let offset = reader.offset();
        let algorithm = reader.u16("digests.algorithmId")?;
        let size = sizes.iter().find(|(announced, _)| *announced == algorithm);
        let Some((_, size)) = size else {
            return Err(EventLogError::UnknownAlgorithm { offset, algorithm });
        };
        let digest = reader.take("digests.digest", usize::from(*size))?;
        match Bank::from_tcg_number(algorithm) {
            Some(Bank::Sha1) => sha1 = digest.try_into().ok(),
            Some(bank) => digests.extend(bank.known(digest.to_vec())),
            None => {}
        }
    }
    let size = index(reader.u32("eventSize")?);
    Ok(Event {
        pcr,
        kind,
        digests,
        sha1,
        data: reader.take("event", size)?.to_vec(),
    })
}

fn pcr(reader: &mut Reader<'_>) -> Result<u32, EventLogError> {
    let offset = reader.offset();
    let pcr = reader.u32("pcrIndex")?;
    // TPM 2.0 firmware logs what it extends nowhere as PCR 0xffffffff.
    if pcr >= PCRS && pcr != u32::MAX {
        return Err(EventLogError::Pcr { offset, pcr });
    }
    Ok(pcr)
}

/// Numbers and digest sizes of the algorithms, from `TCG_EfiSpecIDEvent` behind its signature.
fn announced_sizes(bytes: &[u8]) -> Result<Vec<(u16, u16)>, EventLogError> {
    let mut reader = Reader::new(bytes);
    reader.take("platformClass to uintnSize", 8)?;
    let count = reader.u32("numberOfAlgorithms")?;
    if index(count) > MAX_ALGORITHMS {
        return Err(EventLogError::TooManyAlgorithms(count));
    }
    let mut sizes = Vec::new();
    for _ in 0..count {
        let algorithm = reader.u16("algorithmId")?;
        let size = reader.u16("digestSize")?;
        if Bank::from_tcg_number(algorithm).is_some_and(|known| known.len() != usize::from(size)) {
            return Err(EventLogError::DigestSize { algorithm, size });
        }
        sizes.push((algorithm, size));
    }
    Ok(sizes)
}
