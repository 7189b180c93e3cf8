//! `EFI_VARIABLE_AUTHENTICATION_2` (UEFI 2.10, section 8.2.2): the content of an `.auth` file, a time and a signature
//! before the variable's new data.

mod name;
#[cfg(test)]
mod tests;
mod time;

use crate::formats::bytes::{Reader, Truncated, index};
use crate::formats::crypto::cms::{CmsError, SignedData};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::guid::Guid;

pub use name::VariableName;
pub use time::{EfiTime, InvalidTime};

/// Non-volatile, boot service access, runtime access, time-based authenticated: the attributes of PK, KEK, db and dbx.
pub const ATTRIBUTES: u32 = 0x27;
/// `EFI_VARIABLE_APPEND_WRITE`; never stored, only part of a write and of its signed bytes.
pub const APPEND: u32 = 0x40;
/// Attributes of a write that appends.
pub const APPEND_ATTRIBUTES: u32 = ATTRIBUTES | APPEND;

/// Type of the certificate: a PKCS#7 `SignedData`.
const PKCS7: Guid = Guid::from_fields(
    0x4aaf_d29d,
    0x68df,
    0x49ee,
    [0x8a, 0xa9, 0x34, 0x7d, 0x37, 0x56, 0x65, 0xa7],
);
/// Revision of `WIN_CERTIFICATE`.
const REVISION: u16 = 0x0200;
/// `WIN_CERT_TYPE_EFI_GUID`.
const CERTIFICATE_TYPE: u16 = 0x0ef1;
/// Size of `WIN_CERTIFICATE_UEFI_GUID` before its data: length, revision, type, GUID.
const CERTIFICATE_HEADER: u32 = 24;

/// Why bytes are not an authenticated variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticatedVariableError {
    /// A field reaches past the end.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// A stated length that does not hold the certificate's own header.
    #[error("WIN_CERTIFICATE at offset 0x10 states a length of {0} bytes; its header takes 24")]
    CertificateLength(u32),
    /// Another revision than 0x0200.
    #[error("WIN_CERTIFICATE at offset 0x10 has revision {0:#06x}, not 0x0200")]
    Revision(u16),
    /// Another type than `WIN_CERT_TYPE_EFI_GUID`.
    #[error("WIN_CERTIFICATE at offset 0x10 has type {0:#06x}, not 0x0ef1")]
    CertificateType(u16),
    /// Another kind of certificate than PKCS#7.
    #[error("the certificate at offset 0x18 is of type {0}, not PKCS#7")]
    NotPkcs7(Guid),
}

/// A variable's new data with the time and the signature that authorise it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatedVariable {
    /// The time of the signature; firmware refuses one that is not later than the variable's present time.
    pub time: EfiTime,
    /// DER of the `SignedData`, bare or in a `ContentInfo`.
    pub signed_data: Vec<u8>,
    /// The new data: signature lists for PK, KEK, db and dbx.
    pub payload: Vec<u8>,
}

impl AuthenticatedVariable {
    /// Reads an `.auth` file. The signature is kept as it is; [`Self::cms`] reads it.
    pub fn parse(bytes: &[u8]) -> Result<Self, AuthenticatedVariableError> {
        let mut reader = Reader::new(bytes);
        let time = EfiTime::from_bytes(reader.array("TimeStamp")?);
        let length = reader.u32("dwLength")?;
        let data_length = length
            .checked_sub(CERTIFICATE_HEADER)
            .ok_or(AuthenticatedVariableError::CertificateLength(length))?;
        let revision = reader.u16("wRevision")?;
        if revision != REVISION {
            return Err(AuthenticatedVariableError::Revision(revision));
        }
        let certificate_type = reader.u16("wCertificateType")?;
        if certificate_type != CERTIFICATE_TYPE {
            return Err(AuthenticatedVariableError::CertificateType(certificate_type));
        }
        let kind = Guid::from_bytes(reader.array("CertType")?);
        if kind != PKCS7 {
            return Err(AuthenticatedVariableError::NotPkcs7(kind));
        }
        let signed_data = reader.take("CertData", index(data_length))?.to_vec();
        let payload = reader.rest().to_vec();
        Ok(Self {
            time,
            signed_data,
            payload,
        })
    }

    /// The `.auth` file, byte for byte as it was parsed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // A SignedData has a few kilobytes. With a size that fits 32 bits no more, every reader refuses the file as
        // truncated.
        let length = u32::try_from(self.signed_data.len())
            .unwrap_or(u32::MAX)
            .saturating_add(CERTIFICATE_HEADER);
        let mut bytes = self.time.to_bytes().to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&REVISION.to_le_bytes());
        bytes.extend_from_slice(&CERTIFICATE_TYPE.to_le_bytes());
        bytes.extend_from_slice(PKCS7.as_bytes());
        bytes.extend_from_slice(&self.signed_data);
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// The signature, parsed, and what follows it, which firmware does not look at.
    pub fn cms_prefix(&self) -> Result<(SignedData<'_>, &[u8]), CmsError> {
        SignedData::parse_prefix(&self.signed_data)
    }

    /// The signature, parsed.
    pub fn cms(&self) -> Result<SignedData<'_>, CmsError> {
        SignedData::parse(&self.signed_data)
    }

    /// The digest that the signature must cover if this is a write of the named variable with these attributes.
    #[must_use]
    pub fn signed_digest(&self, name: VariableName, attributes: u32) -> Digest {
        signed_digest(name.name(), &name.vendor(), attributes, &self.time, &self.payload)
    }
}

/// SHA-256 over the bytes that the signature of an authenticated write covers: name in UTF-16LE without terminator, vendor,
/// attributes with the append bit, time, new data.
#[must_use]
pub fn signed_digest(name: &str, vendor: &Guid, attributes: u32, time: &EfiTime, payload: &[u8]) -> Digest {
    HashAlgorithm::Sha256.digest(&[&signed_bytes(name, vendor, attributes, time), payload])
}

/// The bytes that the signature of an authenticated write covers before the new data.
#[must_use]
pub fn signed_bytes(name: &str, vendor: &Guid, attributes: u32, time: &EfiTime) -> Vec<u8> {
    let mut bytes: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes.extend_from_slice(vendor.as_bytes());
    bytes.extend_from_slice(&attributes.to_le_bytes());
    bytes.extend_from_slice(&time.to_bytes());
    bytes
}
