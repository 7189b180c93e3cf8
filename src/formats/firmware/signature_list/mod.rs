//! EFI signature lists (UEFI 2.10, section 32.4.1): the content of PK, KEK, db and dbx.

mod kind;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::formats::bytes::{Reader, Truncated, index};
use crate::formats::firmware::guid::Guid;

pub use kind::SignatureType;

/// Size of `EFI_SIGNATURE_LIST` up to its header: type, list size, header size, signature size.
const LIST_HEADER: usize = 28;
/// Most bytes of signature lists that are read: twenty times what any board has room for. Each entry is held with its owner,
/// twenty-five times what it takes in the file.
pub const MAX_SIZE: usize = 4 << 20;
/// Size of the owner's GUID before the data of a signature.
const OWNER: usize = 16;

/// Why bytes are not signature lists. Offsets count from the start of the variable's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureListError {
    /// A field or a whole list reaches past the end.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// More bytes than any firmware takes.
    #[error("signature lists of {0} bytes are not looked at: larger than {MAX_SIZE}")]
    TooLarge(usize),
    /// A list that states a size smaller than its own fields.
    #[error("signature list at offset {offset:#x} states a size of {size} bytes, less than its fields take")]
    ListSize {
        /// Where the list starts.
        offset: usize,
        /// The stated size, in bytes.
        size: u32,
    },
    /// A header that reaches past the end of its list.
    #[error("signature list at offset {offset:#x} states a header of {size} bytes, more than the list holds")]
    HeaderSize {
        /// Where the list starts.
        offset: usize,
        /// The stated size of the header, in bytes.
        size: u32,
    },
    /// A signature size that does not even hold the owner's GUID.
    #[error("signature list at offset {offset:#x} states signatures of {size} bytes; they take at least 16")]
    SignatureSize {
        /// Where the list starts.
        offset: usize,
        /// The stated size of one signature, in bytes.
        size: u32,
    },
    /// Bytes after the last whole signature of a list.
    #[error("signature list at offset {offset:#x} ends with {bytes} bytes that are no whole signature")]
    Remainder {
        /// Where the list starts.
        offset: usize,
        /// How many bytes are left over.
        bytes: usize,
    },
}

/// A signature whose size differs from the size that its list states for all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a signature with {actual} bytes of data does not fit a list of signatures with {expected}")]
pub struct WrongSize {
    /// Size of the data of every signature in the list, in bytes.
    pub expected: usize,
    /// Size of the data of this one, in bytes.
    pub actual: usize,
}

/// One entry: `EFI_SIGNATURE_DATA`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Signature {
    /// The owner, who added the entry.
    pub owner: Guid,
    /// A certificate, a digest, or other data of the list's type.
    pub data: Vec<u8>,
}

/// `EFI_SIGNATURE_LIST`: entries of one type and one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureList {
    signature_type: SignatureType,
    header: Vec<u8>,
    /// Size of each entry's data, in bytes, without the owner.
    data_size: usize,
    entries: Vec<Signature>,
}

impl SignatureList {
    /// An empty list for entries with `data_size` bytes of data each.
    #[must_use]
    pub const fn new(signature_type: SignatureType, data_size: usize) -> Self {
        Self {
            signature_type,
            header: Vec::new(),
            data_size,
            entries: Vec::new(),
        }
    }

    /// A list with one entry.
    #[must_use]
    pub fn single(signature_type: SignatureType, owner: Guid, data: &[u8]) -> Self {
        let data = data.to_vec();
        let mut list = Self::new(signature_type, data.len());
        list.entries.push(Signature { owner, data });
        list
    }

    /// Appends an entry.
    pub fn push(&mut self, signature: Signature) -> Result<(), WrongSize> {
        if signature.data.len() != self.data_size {
            return Err(WrongSize {
                expected: self.data_size,
                actual: signature.data.len(),
            });
        }
        self.entries.push(signature);
        Ok(())
    }

    /// The type of every entry.
    #[must_use]
    pub const fn signature_type(&self) -> SignatureType {
        self.signature_type
    }

    /// The type's own header; empty for all types of the specification.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// Size of each entry's data, in bytes, without the owner.
    #[must_use]
    pub const fn data_size(&self) -> usize {
        self.data_size
    }

    /// The entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Signature] {
        &self.entries
    }

    fn parse(reader: &mut Reader<'_>) -> Result<Self, SignatureListError> {
        let offset = reader.offset();
        let mut ahead = reader.clone();
        ahead.take("SignatureType", OWNER)?;
        let size = ahead.u32("SignatureListSize")?;
        if index(size) < LIST_HEADER {
            return Err(SignatureListError::ListSize { offset, size });
        }
        let mut list = Reader::new(reader.take("signature list", index(size))?);
        let signature_type = SignatureType::from_guid(Guid::from_bytes(list.array("SignatureType")?));
        list.u32("SignatureListSize")?;
        let header_size = list.u32("SignatureHeaderSize")?;
        let signature_size = list.u32("SignatureSize")?;
        let header = list
            .take("SignatureHeader", index(header_size))
            .map_err(|_| SignatureListError::HeaderSize {
                offset,
                size: header_size,
            })?;
        let Some(data_size) = index(signature_size).checked_sub(OWNER) else {
            return Err(SignatureListError::SignatureSize {
                offset,
                size: signature_size,
            });
        };
        let mut entries = Vec::new();
        while list.remaining() >= index(signature_size) {
            entries.push(Signature {
                owner: Guid::from_bytes(list.array("SignatureOwner")?),
                data: list.take("SignatureData", data_size)?.to_vec(),
            });
        }
        if !list.is_empty() {
            let bytes = list.remaining();
            return Err(SignatureListError::Remainder { offset, bytes });
        }
        Ok(Self {
            signature_type,
            header: header.to_vec(),
            data_size,
            entries,
        })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let signature_size = self.data_size + OWNER;
        let size = LIST_HEADER + self.header.len() + self.entries.len() * signature_size;
        bytes.extend_from_slice(self.signature_type.guid().as_bytes());
        for number in [size, self.header.len(), signature_size] {
            // Variables have at most a few hundred kilobytes. With a size that fits 32 bits no more, every reader refuses
            // the list as truncated.
            bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
        }
        bytes.extend_from_slice(&self.header);
        for entry in &self.entries {
            bytes.extend_from_slice(entry.owner.as_bytes());
            bytes.extend_from_slice(&entry.data);
        }
    }
}

/// The content of PK, KEK, db or dbx: signature lists one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignatureDatabase {
    /// The lists, in order.
    pub lists: Vec<SignatureList>,
}

impl SignatureDatabase {
    /// Reads all lists of a variable's data; no bytes at all are an empty database.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureListError> {
        if bytes.len() > MAX_SIZE {
            return Err(SignatureListError::TooLarge(bytes.len()));
        }
        let mut reader = Reader::new(bytes);
        let mut lists = Vec::new();
        while !reader.is_empty() {
            lists.push(SignatureList::parse(&mut reader)?);
        }
        Ok(Self { lists })
    }

    /// The variable's data, byte for byte as it was parsed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for list in &self.lists {
            list.write(&mut bytes);
        }
        bytes
    }

    /// True if there is no entry at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lists.iter().all(|list| list.entries.is_empty())
    }

    /// Every entry with its type.
    pub fn entries(&self) -> impl Iterator<Item = (SignatureType, &Signature)> {
        let typed = |list: &SignatureList| list.signature_type;
        self.lists
            .iter()
            .flat_map(move |list| list.entries.iter().map(move |entry| (typed(list), entry)))
    }

    /// Owner and data of every entry of this type.
    pub fn entries_of_type(&self, wanted: SignatureType) -> impl Iterator<Item = (Guid, &[u8])> {
        self.entries()
            .filter_map(move |(kind, entry)| (kind == wanted).then_some((entry.owner, entry.data.as_slice())))
    }

    /// Owner and DER of every certificate.
    pub fn certificates(&self) -> impl Iterator<Item = (Guid, &[u8])> {
        self.entries_of_type(SignatureType::X509)
    }

    /// True if an entry with this type and data is there, whoever owns it.
    #[must_use]
    pub fn contains(&self, signature_type: SignatureType, data: &[u8]) -> bool {
        self.entries_of_type(signature_type).any(|(_, present)| present == data)
    }

    /// Adds an entry unless one with its type and data is there already, whoever owns that. True if it was
    /// added. Certificates get a list each, as most firmware writes them; other entries join the last list if it fits.
    pub fn add(&mut self, signature_type: SignatureType, owner: Guid, data: &[u8]) -> bool {
        if self.contains(signature_type, data) {
            return false;
        }
        let list = self.lists.last_mut().filter(|list| {
            signature_type != SignatureType::X509
                && list.signature_type == signature_type
                && list.data_size == data.len()
                && list.header.is_empty()
        });
        match list {
            Some(list) => list.entries.push(Signature {
                owner,
                data: data.to_vec(),
            }),
            None => self.lists.push(SignatureList::single(signature_type, owner, data)),
        }
        true
    }

    /// Adds a DER certificate, as [`Self::add`] does.
    pub fn add_certificate(&mut self, owner: Guid, der: &[u8]) -> bool {
        self.add(SignatureType::X509, owner, der)
    }

    /// Adds the SHA-256 of an EFI image, as [`Self::add`] does.
    pub fn add_sha256(&mut self, owner: Guid, digest: &[u8; 32]) -> bool {
        self.add(SignatureType::Sha256, owner, digest)
    }

    /// Keeps the entries for which `wanted` says so; a list without any goes.
    pub fn retain(&mut self, mut wanted: impl FnMut(SignatureType, &Signature) -> bool) {
        for list in &mut self.lists {
            let kind = list.signature_type();
            list.entries.retain(|entry| wanted(kind, entry));
        }
        self.lists.retain(|list| !list.entries.is_empty());
    }

    /// Types and data of all entries, in which many are looked up without a walk through all for each.
    #[must_use]
    pub fn index(&self) -> HashSet<(SignatureType, &[u8])> {
        self.entries()
            .map(|(kind, entry)| (kind, entry.data.as_slice()))
            .collect()
    }

    /// Adds every entry of `other` that is not there yet, as an append write does. Returns how many were added.
    pub fn merge(&mut self, other: &Self) -> usize {
        let mut present = self.index();
        let mut lists = Vec::new();
        for list in &other.lists {
            let mut entries = Vec::new();
            for entry in &list.entries {
                if present.insert((list.signature_type, entry.data.as_slice())) {
                    entries.push(entry.clone());
                }
            }
            if !entries.is_empty() {
                lists.push(SignatureList {
                    signature_type: list.signature_type,
                    header: list.header.clone(),
                    data_size: list.data_size,
                    entries,
                });
            }
        }
        let added = lists.iter().map(|list| list.entries.len()).sum();
        self.lists.extend(lists);
        added
    }

    /// True if every entry of `other` is here, whoever owns it.
    #[must_use]
    pub fn contains_all(&self, other: &Self) -> bool {
        let present = self.index();
        other
            .entries()
            .all(|(kind, entry)| present.contains(&(kind, entry.data.as_slice())))
    }
}
