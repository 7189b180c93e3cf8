//! What a variable holds, for people and for JSON.

use std::path::Path;

use serde::Serialize;

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::formats::text::printable;
use crate::keys::KeyDirectory;
use crate::trust::microsoft::{self, SecurityVersion};

use super::mode::VendorDefault;

/// An entry of a variable, or several that differ in their bytes only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// A certificate.
    Certificate {
        /// The subject's common name.
        subject: String,
        /// SHA-256 of the certificate, lower-case hexadecimal.
        fingerprint: String,
        /// Size of its RSA key in bits; none if the key is not RSA.
        rsa_bits: Option<u32>,
        /// The last day of its validity, RFC 3339; firmware does not look at it.
        not_after: Option<String>,
        /// Who enrolled it.
        owner: String,
        /// Whose it is, as far as that is known.
        whose: Whose,
    },
    /// The lowest version of one of Windows' boot managers that its kind still starts; nothing to firmware.
    SecurityVersion {
        /// Program and number.
        version: String,
        /// Who enrolled it.
        owner: String,
        /// Whose it is: Microsoft's.
        whose: Whose,
        /// Its data, lower-case hexadecimal.
        data: String,
    },
    /// Entries of another type: digests of images, mostly.
    Others {
        /// The type: `sha256` and so on, or a GUID.
        signature_type: String,
        /// How many there are.
        count: usize,
        /// Who enrolled them.
        owner: String,
        /// Whose they are, as far as that is known.
        whose: Whose,
        /// Their data, lower-case hexadecimal, one by one.
        data: Vec<String>,
    },
}

/// Whose an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// It has the owner of the key directory.
    Own,
    /// Microsoft's, by the certificate itself or by its owner.
    Microsoft,
    /// The firmware shows it among its vendor's defaults.
    Vendor,
    /// Somebody else's.
    Other,
}

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It comes in.
    Added,
    /// It stays.
    Kept,
    /// It goes.
    Removed,
}

/// An entry, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryChange {
    /// What becomes of it.
    pub change: Change,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What tells whose an entry is.
#[derive(Debug, Default)]
pub(super) struct Owners<'a> {
    /// The owner of our entries.
    pub(super) own: Option<Guid>,
    /// The vendor's defaults.
    pub(super) vendor: &'a [VendorDefault],
}

impl Owners<'_> {
    /// The owner of a key directory's entries, if it tells.
    pub(super) fn owner_of(keys: &Path) -> Option<Guid> {
        KeyDirectory::open(keys).ok()?.owner().ok()
    }

    fn whose(&self, kind: SignatureType, owner: Guid, data: &[u8]) -> Whose {
        if self.own == Some(owner) {
            return Whose::Own;
        }
        if owner == Guid::MICROSOFT || microsoft::find(data).is_some() {
            return Whose::Microsoft;
        }
        if self.vendor.iter().any(|default| default.content.contains(kind, data)) {
            return Whose::Vendor;
        }
        Whose::Other
    }
}

/// Every entry of either database: what is added first, then what is kept, then what is removed.
pub(super) fn changes(before: &SignatureDatabase, after: &SignatureDatabase, owners: &Owners<'_>) -> Vec<EntryChange> {
    let part = |all: &SignatureDatabase, wanted: &dyn Fn(SignatureType, &[u8]) -> bool| {
        let mut part = SignatureDatabase::default();
        for (kind, entry) in all.entries().filter(|(kind, entry)| wanted(*kind, &entry.data)) {
            part.add(kind, entry.owner, &entry.data);
        }
        describe(&part, owners)
    };
    let added = part(after, &|kind, data| !before.contains(kind, data));
    let kept = part(after, &|kind, data| before.contains(kind, data));
    let removed = part(before, &|kind, data| !after.contains(kind, data));
    [(Change::Added, added), (Change::Kept, kept), (Change::Removed, removed)]
        .into_iter()
        .flat_map(|(change, entries)| entries.into_iter().map(move |entry| EntryChange { change, entry }))
        .collect()
}

/// Describes every entry: certificates one by one, others by type and owner.
pub(super) fn describe(database: &SignatureDatabase, owners: &Owners<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (kind, entry) in database.entries() {
        if kind == SignatureType::X509 {
            entries.push(certificate(entry.owner, &entry.data, owners));
            continue;
        }
        if let Some(version) = SecurityVersion::from_entry(kind, entry) {
            entries.push(Entry::SecurityVersion {
                version: version.to_string(),
                owner: entry.owner.to_string(),
                whose: Whose::Microsoft,
                data: hex::encode(&entry.data),
            });
            continue;
        }
        let whose = owners.whose(kind, entry.owner, &entry.data);
        let (wanted_type, wanted_owner) = (kind.to_string(), entry.owner.to_string());
        let same = entries.iter_mut().find_map(|entry| match entry {
            Entry::Others {
                signature_type,
                count,
                owner,
                data,
                ..
            } if *signature_type == wanted_type && *owner == wanted_owner => Some((count, data)),
            _ => None,
        });
        let text = hex::encode(&entry.data);
        match same {
            Some((count, data)) => {
                *count = count.saturating_add(1);
                data.push(text);
            }
            None => entries.push(Entry::Others {
                signature_type: wanted_type,
                count: 1,
                owner: wanted_owner,
                whose,
                data: vec![text],
            }),
        }
    }
    entries
}

fn certificate(owner: Guid, der: &[u8], owners: &Owners<'_>) -> Entry {
    let parsed = Certificate::from_der(der);
    Entry::Certificate {
        subject: parsed.as_ref().map_or_else(
            |error| format!("unreadable: {}", printable(&error.to_string())),
            Certificate::common_name,
        ),
        fingerprint: HashAlgorithm::Sha256.digest(&[der]).to_hex(),
        rsa_bits: parsed
            .as_ref()
            .ok()
            .and_then(|parsed| Some(parsed.public_key().ok()?.bits())),
        not_after: parsed.as_ref().ok().map(Certificate::not_after),
        owner: owner.to_string(),
        whose: owners.whose(SignatureType::X509, owner, der),
    }
}
