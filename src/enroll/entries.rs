//! What a variable holds, for people and for JSON.

use serde::Serialize;

use crate::formats::certificate::{Certificate, printable};
use crate::formats::guid::Guid;
use crate::formats::hash::HashAlgorithm;
use crate::formats::signature_list::{SignatureDatabase, SignatureType};

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
    },
    /// Entries of another type: digests of images, mostly.
    Others {
        /// The type: `sha256` and so on, or a GUID.
        signature_type: String,
        /// How many there are.
        count: usize,
        /// Who enrolled them.
        owner: String,
    },
}

/// Describes every entry: certificates one by one, others by type and owner.
pub(super) fn describe(database: &SignatureDatabase) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (kind, entry) in database.entries() {
        if kind == SignatureType::X509 {
            entries.push(certificate(entry.owner, &entry.data));
            continue;
        }
        let (wanted_type, wanted_owner) = (kind.to_string(), entry.owner.to_string());
        let same = entries.iter_mut().find_map(|entry| match entry {
            Entry::Others {
                signature_type,
                count,
                owner,
            } if *signature_type == wanted_type && *owner == wanted_owner => Some(count),
            _ => None,
        });
        match same {
            Some(count) => *count = count.saturating_add(1),
            None => entries.push(Entry::Others {
                signature_type: wanted_type,
                count: 1,
                owner: wanted_owner,
            }),
        }
    }
    entries
}

fn certificate(owner: Guid, der: &[u8]) -> Entry {
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
    }
}
