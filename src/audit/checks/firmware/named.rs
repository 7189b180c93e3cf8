//! The entries in which two contents of a variable differ, for people and as commands name them.

use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::formats::text::printable;

/// An entry of a variable.
pub(super) struct Named {
    /// SHA-256 of a certificate, or the data of a hash, lower-case hexadecimal.
    pub(super) name: String,
    pub(super) text: String,
}

/// The entries that are in the first and not in the second, whoever owns them.
pub(super) fn without(one: &SignatureDatabase, other: &SignatureDatabase) -> Vec<Named> {
    let entries = one
        .entries()
        .filter(|(kind, entry)| !other.contains(*kind, &entry.data));
    entries
        .map(|(kind, entry)| match Certificate::from_der(&entry.data) {
            Ok(certificate) if kind == SignatureType::X509 => Named {
                name: certificate.fingerprint().to_hex(),
                text: format!("the certificate \"{}\"", printable(&certificate.common_name())),
            },
            _ => Named {
                name: hex::encode(&entry.data),
                text: format!("an entry of type {kind}"),
            },
        })
        .collect()
}
