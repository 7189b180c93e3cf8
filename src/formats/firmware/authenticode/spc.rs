//! `SpcIndirectDataContent`, the content of an Authenticode signature (Authenticode, "Signed Data Content").

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, Tagged};

use crate::formats::crypto::hash::{Digest, HashAlgorithm};

/// `SPC_INDIRECT_DATA_OBJID`, the content type of an Authenticode signature.
pub const INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");
/// `SPC_PE_IMAGE_DATA_OBJID`.
const PE_IMAGE_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.15");

/// DER of the `SpcAttributeTypeAndOptionalValue` of a PE image, byte for byte that of sbsign: no flags, and as file
/// the Unicode string `<<<Obsolete>>>`.
const PE_IMAGE: [u8; 53] = *b"\x30\x33\
    \x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f\
    \x30\x25\x03\x01\x00\xa0\x20\xa2\x1e\x80\x1c\
    \0<\0<\0<\0O\0b\0s\0o\0l\0e\0t\0e\0>\0>\0>";

/// Why the content of a signature states no digest of an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The encoding is malformed.
    #[error("not an Authenticode signature: {0}")]
    Der(#[from] der::Error),
    /// The signed digest is that of something else than a PE file.
    #[error("the signed digest is that of {0}, not that of a PE image (SPC_PE_IMAGE_DATA)")]
    NotPeImage(ObjectIdentifier),
    /// The image digest's algorithm is unknown or broken (MD5, SHA-1).
    #[error("image digest algorithm {0} is not accepted")]
    DigestAlgorithm(ObjectIdentifier),
    /// The image digest has not the length that its algorithm makes.
    #[error("the signed {} image digest has {length} bytes", hash.name())]
    DigestLength {
        /// The algorithm.
        hash: HashAlgorithm,
        /// The digest's length, in bytes.
        length: usize,
    },
}

/// Content octets of the `SpcIndirectDataContent` for an image with this digest; the CMS hashes exactly these.
pub(super) fn encode(digest: &Digest) -> Vec<u8> {
    let mut content = PE_IMAGE.to_vec();
    content.extend_from_slice(&digest.algorithm().digest_info_prefix());
    content.extend_from_slice(digest.as_bytes());
    content
}

/// The image digest that a `SpcIndirectDataContent` states.
pub(super) fn decode(content: AnyRef<'_>) -> Result<(HashAlgorithm, &[u8]), ContentError> {
    content.tag().assert_eq(Tag::Sequence)?;
    let mut fields = SliceReader::new(content.value())?;
    let mut data = SliceReader::new(sequence(&mut fields)?)?;
    let kind = ObjectIdentifier::decode(&mut data)?;
    if kind != PE_IMAGE_DATA {
        return Err(ContentError::NotPeImage(kind));
    }
    let mut info = SliceReader::new(sequence(&mut fields)?)?;
    fields.finish()?;
    let mut algorithm = SliceReader::new(sequence(&mut info)?)?;
    let algorithm = ObjectIdentifier::decode(&mut algorithm)?;
    let digest = AnyRef::decode(&mut info)?;
    digest.tag().assert_eq(Tag::OctetString)?;
    info.finish()?;
    let hash = HashAlgorithm::from_oid(&algorithm).ok_or(ContentError::DigestAlgorithm(algorithm))?;
    if digest.value().len() != hash.len() {
        return Err(ContentError::DigestLength {
            hash,
            length: digest.value().len(),
        });
    }
    Ok((hash, digest.value()))
}

fn sequence<'a>(reader: &mut SliceReader<'a>) -> Result<&'a [u8], der::Error> {
    let any = AnyRef::decode(reader)?;
    any.tag().assert_eq(Tag::Sequence)?;
    Ok(any.value())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes() {
        for hash in HashAlgorithm::ALL {
            let digest = hash.digest(&[b"image"]);
            let content = encode(&digest);
            let content = AnyRef::new(Tag::Sequence, &content).unwrap();
            assert_eq!(decode(content), Ok((hash, digest.as_bytes())));
        }
    }

    #[test]
    fn other_content_is_refused() {
        let mut content = encode(&HashAlgorithm::Sha256.digest(&[]));
        content[13] = 0x10;
        let other = decode(AnyRef::new(Tag::Sequence, &content).unwrap());
        assert!(matches!(other, Err(ContentError::NotPeImage(_))), "{other:?}");
    }
}
