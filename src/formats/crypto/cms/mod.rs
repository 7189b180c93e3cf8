//! CMS SignedData (RFC 5652): the one assembler behind Authenticode, authenticated variables and module signatures,
//! and a parser that also takes the output of other tools.

mod parse;

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData as CmsSignedData, SignerIdentifier,
    SignerInfo as CmsSignerInfo, SignerInfos,
};
use const_oid::db::rfc5911::{ID_CONTENT_TYPE, ID_DATA, ID_MESSAGE_DIGEST, ID_SIGNED_DATA};
use const_oid::db::rfc5912::RSA_ENCRYPTION;
use der::asn1::{ObjectIdentifier, OctetString, SetOfVec};
use der::{Any, Encode, Tag};
use spki::AlgorithmIdentifierOwned;
use x509_cert::attr::Attribute;

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};

pub use parse::{CmsError, Refusal, SignedAttributes, SignedData, SignerId, SignerInfo};

/// The shapes of SignedData that the verifiers of the chain demand.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A Linux module signature: ContentInfo, detached, no certificates, no signed attributes (with them the kernel
    /// answers EKEYREJECTED), digest algorithm without parameters.
    Module,
    /// `EFI_VARIABLE_AUTHENTICATION_2`: a bare SignedData (older EDK2 refuses the ContentInfo), detached, with the
    /// signer's certificate and no signed attributes.
    Variable,
    /// Authenticode: ContentInfo, the given content inside, certificate and signed attributes.
    Authenticode {
        /// Type of the content (`SPC_INDIRECT_DATA`).
        content_type: ObjectIdentifier,
        /// The content's DER.
        content: Any,
    },
}

/// A SignedData without its signature: everything about it is fixed, and signing it twice gives the same bytes.
#[derive(Debug)]
pub struct Unsigned<'a> {
    shape: Shape,
    certificate: &'a Certificate,
    content_digest: Digest,
}

impl<'a> Unsigned<'a> {
    /// Prepares a SignedData by the key of `certificate` over content with this digest. For [`Shape::Authenticode`] the
    /// digest covers the content octets of the DER content, without its tag and length (RFC 2315, section 9.3).
    #[must_use]
    pub const fn new(shape: Shape, certificate: &'a Certificate, content_digest: Digest) -> Self {
        Self {
            shape,
            certificate,
            content_digest,
        }
    }

    /// The digest that the signer signs.
    pub fn to_be_signed(&self) -> Result<Digest, CmsError> {
        match self.signed_attributes_der()? {
            None => Ok(self.content_digest.clone()),
            Some(attributes) => Ok(self.hash().digest(&[&attributes])),
        }
    }

    /// The bytes whose digest is [`Self::to_be_signed`]: the DER of the signed attributes. `None` for shapes without
    /// them, where the content itself is signed.
    pub fn signed_attributes_der(&self) -> Result<Option<Vec<u8>>, CmsError> {
        let attributes = self.signed_attributes()?;
        Ok(attributes.map(|attributes| attributes.to_der()).transpose()?)
    }

    /// Completes the SignedData with the signature over [`Self::to_be_signed`]; returns its DER.
    pub fn assemble(&self, signature: &[u8]) -> Result<Vec<u8>, CmsError> {
        let tbs = self.certificate.parsed().tbs_certificate();
        let signer = CmsSignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: tbs.issuer().clone(),
                serial_number: tbs.serial_number().clone(),
            }),
            digest_alg: self.digest_algorithm(),
            signed_attrs: self.signed_attributes()?,
            signature_algorithm: AlgorithmIdentifierOwned {
                oid: RSA_ENCRYPTION,
                parameters: Some(Any::null()),
            },
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        };
        let certificates = match self.shape {
            Shape::Module => None,
            Shape::Variable | Shape::Authenticode { .. } => {
                let certificate = CertificateChoices::Certificate(self.certificate.parsed().clone());
                Some(CertificateSet::try_from(vec![certificate])?)
            }
        };
        let (econtent_type, econtent) = match &self.shape {
            Shape::Module | Shape::Variable => (ID_DATA, None),
            Shape::Authenticode { content_type, content } => (*content_type, Some(content.clone())),
        };
        let signed_data = CmsSignedData {
            version: CmsVersion::V1,
            digest_algorithms: SetOfVec::try_from(vec![self.digest_algorithm()])?,
            encap_content_info: EncapsulatedContentInfo {
                econtent_type,
                econtent,
            },
            certificates,
            crls: None,
            signer_infos: SignerInfos::try_from(vec![signer])?,
        };
        match self.shape {
            Shape::Variable => Ok(signed_data.to_der()?),
            Shape::Module | Shape::Authenticode { .. } => Ok(ContentInfo {
                content_type: ID_SIGNED_DATA,
                content: Any::encode_from(&signed_data)?,
            }
            .to_der()?),
        }
    }

    fn hash(&self) -> HashAlgorithm {
        self.content_digest.algorithm()
    }

    fn digest_algorithm(&self) -> AlgorithmIdentifierOwned {
        AlgorithmIdentifierOwned {
            oid: self.hash().oid(),
            // CMS leaves the parameters out (RFC 5754); the PKCS#7 tools of the firmware world write NULL.
            parameters: match self.shape {
                Shape::Module => None,
                Shape::Variable | Shape::Authenticode { .. } => Some(Any::null()),
            },
        }
    }

    /// Content type and message digest, and no signing time, so that output is reproducible.
    fn signed_attributes(&self) -> Result<Option<SetOfVec<Attribute>>, CmsError> {
        let Shape::Authenticode { content_type, .. } = &self.shape else {
            return Ok(None);
        };
        let attribute = |oid, value| -> Result<Attribute, der::Error> {
            Ok(Attribute {
                oid,
                values: SetOfVec::try_from(vec![value])?,
            })
        };
        let digest = Any::new(Tag::OctetString, self.content_digest.as_bytes())?;
        Ok(Some(SetOfVec::try_from(vec![
            attribute(ID_CONTENT_TYPE, Any::encode_from(content_type)?)?,
            attribute(ID_MESSAGE_DIGEST, digest)?,
        ])?))
    }
}
