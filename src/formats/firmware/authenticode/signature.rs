//! An Authenticode signature: a CMS `SignedData` over the digest of an image, as EDK2 reads it (`AuthenticodeVerify`).

use der::asn1::ObjectIdentifier;

use super::image::Image;
use super::spc;
use super::table::WinCertificate;
use crate::formats::crypto::asn1::tag;
use crate::formats::crypto::cms::{CmsError, Refusal, SignedData};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};

/// Offset at which EDK2 looks for the identifier of the first digest algorithm, whatever is there.
const ANNOUNCED: usize = 32;
/// The bits of a DER length that EDK2 asks for: one of two octets has them.
const TWO_OCTETS: u8 = 0x82;
/// The hashes that EDK2 makes of an image.
const IMAGE_HASHES: [HashAlgorithm; 3] = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512];

/// Why an entry of the certificate table is not a signature of the image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The entry is of a type that firmware does not verify.
    #[error("WIN_CERTIFICATE at offset {offset:#x} is of type {certificate_type:#06x}, not a PKCS#7 signature")]
    NotPkcs7 {
        /// Where the entry starts, in bytes from the start of the file.
        offset: usize,
        /// Its `wCertificateType`.
        certificate_type: u16,
    },
    /// No hash that firmware makes of an image is announced: it passes over the entry.
    #[error(
        "it does not announce SHA-256, SHA-384 or SHA-512 at offset 0x20, where firmware looks for the algorithm; firmware passes over it"
    )]
    NotHashed,
    /// The CMS around it is malformed.
    #[error(transparent)]
    Cms(#[from] CmsError),
    /// The signed content is something else.
    #[error("the signed content is {0}, not the digest of an image (SPC_INDIRECT_DATA)")]
    NotIndirectData(ObjectIdentifier),
    /// The signed content is not inside.
    #[error("the signature does not contain the content that it signs")]
    Detached,
    /// The signed content is too short for a digest, or has no length that firmware reads.
    #[error("the signed content (SpcIndirectDataContent) states no digest of an image")]
    Content,
    /// The image was changed after it was signed.
    #[error("the image was changed after signing: its digest is {actual}, but {signed} was signed")]
    ImageChanged {
        /// The digest that was signed, hexadecimal.
        signed: String,
        /// The image's digest, hexadecimal.
        actual: String,
    },
    /// The CMS signature does not hold.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// A parsed Authenticode signature.
#[derive(Debug, Clone)]
pub struct Signature<'a> {
    /// Algorithm of the signed image digest: the one that the SignedData announces first.
    pub hash: HashAlgorithm,
    /// The signed image digest: the last bytes of the content, whatever is before them.
    pub image_digest: &'a [u8],
    /// The CMS, with the signers and their certificates.
    pub cms: SignedData<'a>,
    /// The octets that a signer signs: the content without tag and length (RFC 2315, section 9.3).
    pub content: &'a [u8],
    /// The bytes that were read, without what follows.
    pub der: &'a [u8],
}

impl<'a> WinCertificate<'a> {
    /// Reads the entry as an Authenticode signature.
    pub fn signature(&self) -> Result<Signature<'a>, SignatureError> {
        let pkcs7 = self.pkcs7().ok_or(SignatureError::NotPkcs7 {
            offset: self.offset,
            certificate_type: self.certificate_type,
        })?;
        Signature::parse(pkcs7)
    }
}

/// The hash that EDK2 makes of an image for this signature (`HashPeImageByType`): it does not parse, it compares bytes at a
/// fixed place. `None` if it makes none, and passes over the signature.
#[must_use]
pub fn announced_hash(pkcs7: &[u8]) -> Option<HashAlgorithm> {
    let is_long = pkcs7.get(1).is_some_and(|length| length & TWO_OCTETS == TWO_OCTETS);
    let place = pkcs7.get(ANNOUNCED..).filter(|_| is_long)?;
    IMAGE_HASHES
        .into_iter()
        .find(|hash| place.starts_with(hash.oid().as_bytes()))
}

impl<'a> Signature<'a> {
    /// Reads a PKCS#7 signature. What follows it does not count: pesign and osslsigncode count padding in `dwLength`, and
    /// firmware does not mind.
    pub fn parse(pkcs7: &'a [u8]) -> Result<Self, SignatureError> {
        let hash = announced_hash(pkcs7).ok_or(SignatureError::NotHashed)?;
        let (cms, rest) = SignedData::parse_prefix(pkcs7)?;
        let (der, _) = pkcs7.split_at(pkcs7.len() - rest.len());
        if cms.content_type != spc::INDIRECT_DATA {
            return Err(SignatureError::NotIndirectData(cms.content_type));
        }
        let content = cms.content.ok_or(SignatureError::Detached)?;
        if content.identifier != tag::SEQUENCE {
            return Err(SignatureError::Content);
        }
        let content = signed_octets(content.raw).ok_or(SignatureError::Content)?;
        let start = content.len().checked_sub(hash.len()).ok_or(SignatureError::Content)?;
        let (_, image_digest) = content.split_at(start);
        Ok(Self {
            hash,
            image_digest,
            cms,
            content,
            der,
        })
    }

    /// Checks that the signed digest is that of the image. Says nothing about who signed.
    pub fn verify_integrity(&self, image: &Image<'_>) -> Result<(), SignatureError> {
        self.verify_digest(&image.digest(self.hash))
    }

    /// As [`Self::verify_integrity`], for who has the image's [`Image::digest`] with [`Self::hash`] already.
    pub fn verify_digest(&self, actual: &Digest) -> Result<(), SignatureError> {
        if actual.algorithm() == self.hash && actual.as_bytes() == self.image_digest {
            return Ok(());
        }
        Err(SignatureError::ImageChanged {
            signed: hex::encode(self.image_digest),
            actual: actual.to_hex(),
        })
    }

    /// The digest over the signed content that a signer with this hash algorithm has signed, tag and length left out
    /// (RFC 2315, section 9.3).
    #[must_use]
    pub fn content_digest(&self, hash: HashAlgorithm) -> Digest {
        hash.digest(&[self.content])
    }
}

/// The content octets of the signed SEQUENCE, by the lengths that EDK2 reads.
fn signed_octets(sequence: &[u8]) -> Option<&[u8]> {
    let (start, length) = match *sequence.get(1)? {
        short if short & 0x80 == 0 => (2, usize::from(short)),
        long if long & 0x81 == 0x81 => (3, usize::from(*sequence.get(2)?)),
        long if long & 0x82 == 0x82 => {
            let [high, low] = [*sequence.get(2)?, *sequence.get(3)?];
            (4, usize::from(u16::from_be_bytes([high, low])))
        }
        _ => return None,
    };
    sequence.get(start..)?.get(..length)
}
