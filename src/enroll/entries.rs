//! The entries of a variable, for people and for JSON.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde::Serialize;

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::formats::text::printable;
use crate::keys::KeyDirectory;
use crate::trust::microsoft::{self, SecurityVersion};

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
        /// The end of its validity, RFC 3339; firmware ignores it.
        not_after: Option<String>,
        /// The GUID of the owner who enrolled it.
        owner: String,
        /// The party that it belongs to, as far as that is known.
        whose: Whose,
    },
    /// The lowest version of a boot manager of Windows that boot managers of that kind still start. Firmware ignores it.
    SecurityVersion {
        /// The program and its version number.
        version: String,
        /// The GUID of the owner who enrolled it.
        owner: String,
        /// The party that it belongs to: Microsoft.
        whose: Whose,
        /// Its data, lower-case hexadecimal.
        data: String,
    },
    /// Entries of another type, mostly digests of images.
    Others {
        /// The type: `sha256` and so on, or a GUID.
        signature_type: String,
        /// Number of the entries.
        count: usize,
        /// The GUID of the owner who enrolled them.
        owner: String,
        /// The party that they belong to, as far as that is known.
        whose: Whose,
        /// Their data, lower-case hexadecimal, one by one.
        data: Vec<String>,
    },
}

/// The party that an entry belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// The owner of the key directory.
    Own,
    /// Microsoft, by the certificate itself or by the entry's owner.
    Microsoft,
    /// The vendor of the machine: the firmware shows the entry among its defaults.
    Vendor,
    /// Anybody else.
    Other,
}

/// The change of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The entry is new.
    Added,
    /// The entry stays.
    Kept,
    /// The entry is removed.
    Removed,
}

/// An entry and its change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryChange {
    /// The change.
    pub change: Change,
    /// The entry.
    #[serde(flatten)]
    pub entry: Entry,
}

/// The facts that tell which party an entry belongs to.
#[derive(Debug, Default)]
pub(super) struct Owners<'a> {
    /// The GUID of the key directory's owner.
    pub(super) own: Option<Guid>,
    /// The content of the vendor's default variables.
    pub(super) vendor: Vec<&'a SignatureDatabase>,
}

impl Owners<'_> {
    /// The GUID of a key directory's owner, if the directory can be read.
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
        if self.vendor.iter().any(|content| content.contains(kind, data)) {
            return Whose::Vendor;
        }
        Whose::Other
    }
}

/// The entries of both databases: the added ones, then the kept, then the removed.
pub(super) fn changes(before: &SignatureDatabase, after: &SignatureDatabase, owners: &Owners<'_>) -> Vec<EntryChange> {
    let (had, has) = (before.index(), after.index());
    let part = |all: &SignatureDatabase, wanted: &dyn Fn(SignatureType, &[u8]) -> bool| {
        let mut seen = HashSet::new();
        let mut part = all.clone();
        part.retain(|kind, entry| wanted(kind, &entry.data) && seen.insert((kind, entry.data.clone())));
        describe(&part, owners)
    };
    let added = part(after, &|kind, data| !had.contains(&(kind, data)));
    let kept = part(after, &|kind, data| had.contains(&(kind, data)));
    let removed = part(before, &|kind, data| !has.contains(&(kind, data)));
    [(Change::Added, added), (Change::Kept, kept), (Change::Removed, removed)]
        .into_iter()
        .flat_map(|(change, entries)| entries.into_iter().map(move |entry| EntryChange { change, entry }))
        .collect()
}

/// The entries of a database: each certificate alone, other entries together by type and owner.
pub(super) fn describe(database: &SignatureDatabase, owners: &Owners<'_>) -> Vec<Entry> {
    let mut entries = Vec::new();
    // The places of those that stand together.
    let mut others = HashMap::new();
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
        let text = hex::encode(&entry.data);
        let place = *others.entry((kind, entry.owner)).or_insert(entries.len());
        if let Some(Entry::Others { count, data, .. }) = entries.get_mut(place) {
            data.push(text);
            *count = data.len();
        } else {
            entries.push(Entry::Others {
                signature_type: kind.to_string(),
                count: 1,
                owner: entry.owner.to_string(),
                whose: owners.whose(kind, entry.owner, &entry.data),
                data: vec![text],
            });
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
