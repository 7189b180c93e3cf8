//! The signature lists that firmware takes (EDK2, `CheckSignatureListFormat`).

use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureList, SignatureType};

use super::refusal::Refusal;

/// Checks types and sizes of the entries, that every certificate is one with an RSA key, and that PK is a single entry.
pub fn check_lists(variable: VariableName, lists: &SignatureDatabase) -> Result<(), Refusal> {
    for list in &lists.lists {
        check_size(list)?;
        if list.signature_type() == SignatureType::X509 {
            for entry in list.entries() {
                check_certificate(&entry.data)?;
            }
        }
    }
    let count = lists.entries().count();
    if variable == VariableName::Pk && count > 1 {
        return Err(Refusal::TooManyPlatformKeys(count));
    }
    Ok(())
}

fn check_size(list: &SignatureList) -> Result<(), Refusal> {
    let kind = list.signature_type();
    let expected = match kind {
        SignatureType::X509 => list.data_size(),
        SignatureType::Sha1 => 20,
        SignatureType::Sha224 => 28,
        SignatureType::Sha256 => 32,
        SignatureType::Sha384 | SignatureType::X509Sha256 => 48,
        SignatureType::Sha512 | SignatureType::X509Sha384 => 64,
        SignatureType::X509Sha512 => 80,
        SignatureType::Rsa2048 | SignatureType::Rsa2048Sha256 | SignatureType::Rsa2048Sha1 => 256,
        SignatureType::ExternalManagement | SignatureType::Unknown(_) => return Err(Refusal::EntryType(kind)),
    };
    if list.data_size() == expected && list.header().is_empty() {
        return Ok(());
    }
    let size = list.data_size();
    Err(Refusal::EntrySize { kind, size })
}

fn check_certificate(der: &[u8]) -> Result<(), Refusal> {
    let (certificate, _) = Certificate::from_der_prefix(der)?;
    certificate.public_key().map_err(|reason| Refusal::Key {
        subject: certificate.common_name(),
        reason,
    })?;
    Ok(())
}
