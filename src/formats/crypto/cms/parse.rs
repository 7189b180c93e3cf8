//! Reading SignedData as other tools write it, keeping the exact bytes that signatures cover.

use const_oid::db::rfc5911::{ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA};
use const_oid::db::rfc5912::{
    RSA_ENCRYPTION, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use der::asn1::{AnyRef, ObjectIdentifier};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};

use crate::formats::crypto::certificate::{Certificate, CertificateError};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::crypto::rsa_public_key::{RsaPublicKey, SignatureMismatch};

/// First byte of a DER object identifier.
const OBJECT_IDENTIFIER: u8 = 0x06;
/// First byte of a DER SET OF.
const SET_OF: u8 = 0x31;
/// Signers of one SignedData that are looked at; real ones have one.
const MAX_SIGNERS: usize = 16;
/// Certificates of one SignedData that are looked at; real ones have up to five.
const MAX_CERTIFICATES: usize = 64;

/// Why bytes are not a SignedData that can be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CmsError {
    /// Not DER, or a field is missing or of another type. Offsets are those of the error's position.
    #[error("not a CMS SignedData: {0}")]
    Der(#[from] der::Error),
    /// A ContentInfo with something else inside.
    #[error("CMS content type {0} is not SignedData")]
    NotSignedData(ObjectIdentifier),
    /// One of the certificates inside cannot be read.
    #[error("a certificate inside the CMS cannot be read: {0}")]
    Certificate(#[from] CertificateError),
    /// More of something than any honest signature has.
    #[error("CMS with more than {limit} {what}")]
    TooMany {
        /// The things that are too many.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// No signature inside.
    #[error("the CMS has no signer")]
    NoSigner,
}

/// Why a signer's signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The digest algorithm is unknown or broken (MD5, SHA-1).
    #[error("digest algorithm {0} is not accepted")]
    DigestAlgorithm(ObjectIdentifier),
    /// The signature algorithm is not RSA with PKCS#1 v1.5.
    #[error("signature algorithm {0} is not supported")]
    SignatureAlgorithm(ObjectIdentifier),
    /// The message digest among the signed attributes is that of other content.
    #[error("the signed message digest is that of other content")]
    MessageDigest,
    /// A signed attribute that must be there is missing or malformed.
    #[error("the signed attributes lack a valid {0}")]
    SignedAttribute(&'static str),
    /// The signature is not the key's.
    #[error(transparent)]
    Signature(#[from] SignatureMismatch),
}

/// A parsed SignedData.
#[derive(Debug, Clone)]
pub struct SignedData<'a> {
    /// `version` of the SignedData.
    pub version: u8,
    /// The digest algorithms that it announces. Some verifiers go by these rather than by the signer's.
    pub digest_algorithms: Vec<ObjectIdentifier>,
    /// Type of the signed content.
    pub content_type: ObjectIdentifier,
    /// The content with tag and length, unless detached.
    pub content: Option<AnyRef<'a>>,
    /// The certificates inside, in order.
    pub certificates: Vec<Certificate>,
    /// The signers, at least one.
    pub signers: Vec<SignerInfo<'a>>,
}

/// The certificate that a signer names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignerId<'a> {
    /// Issuer (DER) and serial number (DER content octets).
    IssuerAndSerial {
        /// DER of the issuer's name.
        issuer: &'a [u8],
        /// Content octets of the serial number.
        serial: &'a [u8],
    },
    /// Subject key identifier.
    SubjectKeyId(&'a [u8]),
}

/// One signature.
#[derive(Debug, Clone)]
pub struct SignerInfo<'a> {
    /// `version` of the SignerInfo.
    pub version: u8,
    /// The certificate it names.
    pub id: SignerId<'a>,
    /// The digest algorithm's identifier.
    pub digest_algorithm: ObjectIdentifier,
    /// The signature algorithm's identifier.
    pub signature_algorithm: ObjectIdentifier,
    /// The signed attributes, if any.
    pub signed_attributes: Option<SignedAttributes<'a>>,
    /// The signature.
    pub signature: &'a [u8],
}

/// Signed attributes. The signature covers them with the tag of a SET OF in place of their own (RFC 5652, section 5.4).
#[derive(Debug, Clone, Copy)]
pub struct SignedAttributes<'a> {
    /// The octets after the tag.
    pub length_and_content: &'a [u8],
    /// The attributes.
    pub content: &'a [u8],
}

impl<'a> SignedAttributes<'a> {
    fn parse(fields: &mut SliceReader<'a>) -> Result<Self, der::Error> {
        let content = tagged(&mut fields.clone(), 0)?.value();
        let mut field = SliceReader::new(fields.tlv_bytes()?)?;
        field.read_byte()?;
        let length_and_content = field.read_slice(field.remaining_len())?;
        Ok(Self {
            length_and_content,
            content,
        })
    }
}

impl<'a> SignedData<'a> {
    /// Reads a ContentInfo with SignedData, or a bare SignedData. `bytes` must hold nothing else.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CmsError> {
        let outer = AnyRef::from_der(bytes)?;
        outer.tag().assert_eq(Tag::Sequence)?;
        let mut fields = SliceReader::new(outer.value())?;
        if fields.peek_byte() == Some(OBJECT_IDENTIFIER) {
            let content_type = ObjectIdentifier::decode(&mut fields)?;
            if content_type != ID_SIGNED_DATA {
                return Err(CmsError::NotSignedData(content_type));
            }
            let explicit = tagged(&mut fields, 0)?;
            fields.finish()?;
            return Self::parse_fields(sequence(explicit.value())?);
        }
        Self::parse_fields(outer.value())
    }

    fn parse_fields(bytes: &'a [u8]) -> Result<Self, CmsError> {
        let mut fields = SliceReader::new(bytes)?;
        let version = u8::decode(&mut fields)?;
        let mut announced = SliceReader::new(expect(&mut fields, Tag::Set)?.value())?;
        let mut digest_algorithms = Vec::new();
        while !announced.is_finished() {
            digest_algorithms.push(algorithm(&mut announced)?);
        }
        let (content_type, content) = encapsulated(expect(&mut fields, Tag::Sequence)?.value())?;
        let mut certificates = Vec::new();
        if is_tagged(&fields, 0) {
            let mut rest = tagged(&mut fields, 0)?.value();
            while !rest.is_empty() {
                if certificates.len() == MAX_CERTIFICATES {
                    return Err(CmsError::TooMany {
                        what: "certificates",
                        limit: MAX_CERTIFICATES,
                    });
                }
                let (certificate, after) = Certificate::from_der_prefix(rest)?;
                certificates.push(certificate);
                rest = after;
            }
        }
        if is_tagged(&fields, 1) {
            tagged(&mut fields, 1)?;
        }
        let mut infos = SliceReader::new(expect(&mut fields, Tag::Set)?.value())?;
        fields.finish()?;
        let mut signers = Vec::new();
        while !infos.is_finished() {
            if signers.len() == MAX_SIGNERS {
                return Err(CmsError::TooMany {
                    what: "signers",
                    limit: MAX_SIGNERS,
                });
            }
            signers.push(SignerInfo::parse(expect(&mut infos, Tag::Sequence)?.value())?);
        }
        if signers.is_empty() {
            return Err(CmsError::NoSigner);
        }
        Ok(Self {
            version,
            digest_algorithms,
            content_type,
            content,
            certificates,
            signers,
        })
    }

    /// The certificates inside that the signer names.
    pub fn certificates_named_by<'s>(&'s self, signer: &'s SignerInfo<'_>) -> impl Iterator<Item = &'s Certificate> {
        self.certificates.iter().filter(|certificate| signer.names(certificate))
    }
}

impl<'a> SignerInfo<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, CmsError> {
        let mut fields = SliceReader::new(bytes)?;
        let version = u8::decode(&mut fields)?;
        let id = if is_tagged(&fields, 0) {
            SignerId::SubjectKeyId(AnyRef::decode(&mut fields)?.value())
        } else {
            let mut named = SliceReader::new(expect(&mut fields, Tag::Sequence)?.value())?;
            let issuer = named.tlv_bytes()?;
            let serial = expect(&mut named, Tag::Integer)?.value();
            SignerId::IssuerAndSerial { issuer, serial }
        };
        let digest_algorithm = algorithm(&mut fields)?;
        let signed_attributes = if is_tagged(&fields, 0) {
            Some(SignedAttributes::parse(&mut fields)?)
        } else {
            None
        };
        let signature_algorithm = algorithm(&mut fields)?;
        let signature = expect(&mut fields, Tag::OctetString)?.value();
        if is_tagged(&fields, 1) {
            tagged(&mut fields, 1)?;
        }
        fields.finish()?;
        Ok(Self {
            version,
            id,
            digest_algorithm,
            signature_algorithm,
            signed_attributes,
            signature,
        })
    }

    /// The digest algorithm, if it is one that may be trusted.
    pub fn hash(&self) -> Result<HashAlgorithm, Refusal> {
        HashAlgorithm::from_oid(&self.digest_algorithm).ok_or(Refusal::DigestAlgorithm(self.digest_algorithm))
    }

    /// True if this signer names `certificate`.
    #[must_use]
    pub fn names(&self, certificate: &Certificate) -> bool {
        let tbs = certificate.parsed().tbs_certificate();
        match self.id {
            SignerId::IssuerAndSerial { issuer, serial } => {
                tbs.serial_number().as_bytes() == serial
                    && der::Encode::to_der(tbs.issuer()).is_ok_and(|name| name == issuer)
            }
            SignerId::SubjectKeyId(id) => certificate.subject_key_id().is_ok_and(|own| own.as_deref() == Some(id)),
        }
    }

    /// Checks the signature by `key` over content with this digest, signed attributes included where there are any.
    pub fn verify(&self, key: &RsaPublicKey, content_type: &ObjectIdentifier, content: &Digest) -> Result<(), Refusal> {
        let rsa = [
            RSA_ENCRYPTION,
            SHA_256_WITH_RSA_ENCRYPTION,
            SHA_384_WITH_RSA_ENCRYPTION,
            SHA_512_WITH_RSA_ENCRYPTION,
        ];
        if !rsa.contains(&self.signature_algorithm) {
            return Err(Refusal::SignatureAlgorithm(self.signature_algorithm));
        }
        let hash = self.hash()?;
        let signed = match self.signed_attributes {
            None => content.clone(),
            Some(attributes) => {
                let attribute = |wanted, tag| attribute(attributes.content, wanted, tag);
                if attribute(&ID_CONTENT_TYPE, Tag::ObjectIdentifier) != Some(content_type.as_bytes()) {
                    return Err(Refusal::SignedAttribute("content type"));
                }
                let digest = attribute(&ID_MESSAGE_DIGEST, Tag::OctetString)
                    .ok_or(Refusal::SignedAttribute("message digest"))?;
                if hash != content.algorithm() || digest != content.as_bytes() {
                    return Err(Refusal::MessageDigest);
                }
                hash.digest(&[&[SET_OF], attributes.length_and_content])
            }
        };
        Ok(key.verify(&signed, self.signature)?)
    }
}

/// Content octets of the single value of an attribute that occurs once.
fn attribute<'a>(attributes: &'a [u8], wanted: &ObjectIdentifier, tag: Tag) -> Option<&'a [u8]> {
    let mut reader = SliceReader::new(attributes).ok()?;
    let mut found = None;
    while !reader.is_finished() {
        let mut fields = SliceReader::new(expect(&mut reader, Tag::Sequence).ok()?.value()).ok()?;
        if ObjectIdentifier::decode(&mut fields).ok()? == *wanted {
            let value = AnyRef::from_der(expect(&mut fields, Tag::Set).ok()?.value()).ok()?;
            if found.is_some() || value.tag() != tag {
                return None;
            }
            found = Some(value.value());
        }
    }
    found
}

fn encapsulated(bytes: &[u8]) -> Result<(ObjectIdentifier, Option<AnyRef<'_>>), CmsError> {
    let mut fields = SliceReader::new(bytes)?;
    let content_type = ObjectIdentifier::decode(&mut fields)?;
    let content = if fields.is_finished() {
        None
    } else {
        Some(AnyRef::from_der(tagged(&mut fields, 0)?.value())?)
    };
    fields.finish()?;
    Ok((content_type, content))
}

fn algorithm(reader: &mut SliceReader<'_>) -> Result<ObjectIdentifier, CmsError> {
    let mut fields = SliceReader::new(expect(reader, Tag::Sequence)?.value())?;
    let identifier = ObjectIdentifier::decode(&mut fields)?;
    if !fields.is_finished() {
        AnyRef::decode(&mut fields)?;
    }
    fields.finish()?;
    Ok(identifier)
}

fn sequence(bytes: &[u8]) -> Result<&[u8], der::Error> {
    let any = AnyRef::from_der(bytes)?;
    any.tag().assert_eq(Tag::Sequence)?;
    Ok(any.value())
}

fn expect<'a>(reader: &mut SliceReader<'a>, tag: Tag) -> Result<AnyRef<'a>, der::Error> {
    let any = AnyRef::decode(reader)?;
    any.tag().assert_eq(tag)?;
    Ok(any)
}

const fn context(number: u32) -> Tag {
    Tag::ContextSpecific {
        constructed: true,
        number: TagNumber(number),
    }
}

fn tagged<'a>(reader: &mut SliceReader<'a>, number: u32) -> Result<AnyRef<'a>, der::Error> {
    expect(reader, context(number))
}

/// Reports that a context-specific field with this number comes next, constructed or not.
fn is_tagged(reader: &SliceReader<'_>, number: u8) -> bool {
    reader.peek_byte().is_some_and(|byte| byte & !0x20 == 0x80 | number)
}
