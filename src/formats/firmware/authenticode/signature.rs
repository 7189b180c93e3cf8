//! An Authenticode signature: a CMS `SignedData` over the digest of an image.

use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Reader, SliceReader};

use super::image::Image;
use super::padding::padding;
use super::spc::{self, ContentError};
use super::table::WinCertificate;
use crate::formats::crypto::cms::{CmsError, Refusal, SignedData};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};

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
    /// The content or its encoding is malformed.
    #[error("not an Authenticode signature: {0}")]
    Der(#[from] der::Error),
    /// More follows the PKCS#7 than zeros up to a multiple of 8 bytes.
    #[error("{0} bytes follow the PKCS#7 signature")]
    TrailingBytes(usize),
    /// The CMS around it is malformed.
    #[error(transparent)]
    Cms(#[from] CmsError),
    /// The signed content is something else.
    #[error("the signed content is {0}, not the digest of an image (SPC_INDIRECT_DATA)")]
    NotIndirectData(ObjectIdentifier),
    /// The signed content is not inside.
    #[error("the signature does not contain the content that it signs")]
    Detached,
    /// The signed content states no digest of an image that can be trusted.
    #[error(transparent)]
    Content(#[from] ContentError),
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
    /// Algorithm of the signed image digest.
    pub hash: HashAlgorithm,
    /// The signed image digest.
    pub image_digest: &'a [u8],
    /// The CMS, with the signers and their certificates.
    pub cms: SignedData<'a>,
    content: AnyRef<'a>,
    /// The DER that was read, without padding.
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

impl<'a> Signature<'a> {
    /// Reads a PKCS#7 signature. Up to 7 zeros may follow it: pesign and osslsigncode count the padding in `dwLength`,
    /// and firmware does not mind.
    pub fn parse(pkcs7: &'a [u8]) -> Result<Self, SignatureError> {
        let mut reader = SliceReader::new(pkcs7)?;
        let der = reader.tlv_bytes()?;
        let rest = reader.read_slice(reader.remaining_len())?;
        if rest.len() > padding(der.len()) || rest.iter().any(|byte| *byte != 0) {
            return Err(SignatureError::TrailingBytes(rest.len()));
        }
        let cms = SignedData::parse(der)?;
        if cms.content_type != spc::INDIRECT_DATA {
            return Err(SignatureError::NotIndirectData(cms.content_type));
        }
        let content = cms.content.ok_or(SignatureError::Detached)?;
        let (hash, image_digest) = spc::decode(content)?;
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
        hash.digest(&[self.content.value()])
    }
}
