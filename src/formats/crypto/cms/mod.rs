//! CMS SignedData (RFC 5652): the one assembler behind Authenticode, authenticated variables and module signatures,
//! and a parser that also takes the output of other tools.

mod parse;

use const_oid::db::rfc5911::{ID_CONTENT_TYPE, ID_DATA, ID_MESSAGE_DIGEST, ID_SIGNED_DATA};
use const_oid::db::rfc5912::RSA_ENCRYPTION;
use der::asn1::{ObjectIdentifier, SetOfVec};
use der::{Any, Encode, Tag};
use x509_cert::attr::Attribute;

use crate::formats::crypto::asn1::{encode, tag};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};

pub use parse::{CmsError, Refusal, SignedAttributes, SignedData, SignerId, SignerInfo};

/// Identifier octet of `[0]`, constructed.
const CONTEXT_0: u8 = 0xa0;
/// DER of NULL.
const NULL: [u8; 2] = [5, 0];

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
        let fields = self.certificate.fields();
        let version = encode(tag::INTEGER, &[&[1]]);
        let digest_algorithm = self.digest_algorithm();
        let serial = encode(tag::INTEGER, &[&fields.serial]);
        let named = encode(tag::SEQUENCE, &[fields.issuer.as_der(), &serial]);
        let attributes = self.signed_attributes_der()?.unwrap_or_default();
        // Signed as a SET OF, written with a tag of their own.
        let attributes = attributes
            .split_first()
            .map_or(Vec::new(), |(_, rest)| [&[0xa0], rest].concat());
        let rsa = encode(tag::OBJECT_IDENTIFIER, &[RSA_ENCRYPTION.as_bytes()]);
        let rsa = encode(tag::SEQUENCE, &[&rsa, &NULL]);
        let signature = encode(tag::OCTET_STRING, &[signature]);
        let signer = [&version, &named, &digest_algorithm, &attributes, &rsa, &signature];
        let signer = encode(tag::SEQUENCE, &signer.map(Vec::as_slice));
        // Byte for byte: encoded anew, an odd certificate would be another one.
        let certificates = match self.shape {
            Shape::Module => Vec::new(),
            Shape::Variable | Shape::Authenticode { .. } => encode(CONTEXT_0, &[self.certificate.as_der()]),
        };
        let content = match &self.shape {
            Shape::Module | Shape::Variable => encode(tag::OBJECT_IDENTIFIER, &[ID_DATA.as_bytes()]),
            Shape::Authenticode { content_type, content } => {
                let kind = encode(tag::OBJECT_IDENTIFIER, &[content_type.as_bytes()]);
                [kind, encode(CONTEXT_0, &[&content.to_der()?])].concat()
            }
        };
        let digest_algorithms = encode(tag::SET, &[&digest_algorithm]);
        let content = encode(tag::SEQUENCE, &[&content]);
        let signers = encode(tag::SET, &[&signer]);
        let signed_data = [&version, &digest_algorithms, &content, &certificates, &signers];
        let signed_data = encode(tag::SEQUENCE, &signed_data.map(Vec::as_slice));
        match self.shape {
            Shape::Variable => Ok(signed_data),
            Shape::Module | Shape::Authenticode { .. } => {
                let kind = encode(tag::OBJECT_IDENTIFIER, &[ID_SIGNED_DATA.as_bytes()]);
                Ok(encode(tag::SEQUENCE, &[&kind, &encode(CONTEXT_0, &[&signed_data])]))
            }
        }
    }

    fn hash(&self) -> HashAlgorithm {
        self.content_digest.algorithm()
    }

    fn digest_algorithm(&self) -> Vec<u8> {
        let kind = encode(tag::OBJECT_IDENTIFIER, &[self.hash().oid().as_bytes()]);
        // CMS leaves the parameters out (RFC 5754); the PKCS#7 tools of the firmware world write NULL.
        let parameters: &[u8] = match self.shape {
            Shape::Module => &[],
            Shape::Variable | Shape::Authenticode { .. } => &NULL,
        };
        encode(tag::SEQUENCE, &[&kind, parameters])
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
