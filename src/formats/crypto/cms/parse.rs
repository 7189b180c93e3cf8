//! Reading SignedData as other tools write it and OpenSSL reads it, keeping the exact bytes that signatures cover.

use std::borrow::Cow;

use const_oid::db::rfc5911::{ID_CONTENT_TYPE, ID_DATA, ID_MESSAGE_DIGEST, ID_SIGNED_DATA};
use const_oid::db::rfc5912::{
    RSA_ENCRYPTION, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use der::asn1::ObjectIdentifier;

use crate::formats::crypto::asn1::{Asn1Error, Element, Reader, tag};
use crate::formats::crypto::certificate::{Certificate, CertificateError};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::crypto::rsa_public_key::{RsaPublicKey, SignatureMismatch};
use crate::formats::crypto::x509::algorithm::Algorithm;
use crate::formats::crypto::x509::name::Name;

/// Signers of one SignedData that are looked at; real ones have one.
const MAX_SIGNERS: usize = 16;
/// Certificates of one SignedData that are looked at; real ones have up to five.
const MAX_CERTIFICATES: usize = 64;

/// Why bytes are not a SignedData that can be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CmsError {
    /// Not ASN.1, or a field is missing or of another type. Offsets count from the start of the SignedData.
    #[error("not a CMS SignedData: {0}")]
    Asn1(#[from] Asn1Error),
    /// Something that was to be written, and has no DER.
    #[error("cannot encode a CMS SignedData: {0}")]
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
    /// `version` of the SignedData, content octets. OpenSSL does not look at it.
    pub version: &'a [u8],
    /// The digest algorithms that it announces. Some verifiers go by these rather than by the signer's.
    pub digest_algorithms: Vec<ObjectIdentifier>,
    /// Type of the signed content.
    pub content_type: ObjectIdentifier,
    /// The content with tag and length, unless detached.
    pub content: Option<Element<'a>>,
    /// The certificates inside, in order.
    pub certificates: Vec<Certificate>,
    /// The signers, at least one.
    pub signers: Vec<SignerInfo<'a>>,
}

/// The certificate that a signer names.
#[derive(Debug, Clone, PartialEq)]
pub enum SignerId<'a> {
    /// Issuer and serial number.
    IssuerAndSerial {
        /// The issuer's name.
        issuer: Box<Name>,
        /// Content octets of the serial number.
        serial: &'a [u8],
    },
    /// Subject key identifier.
    SubjectKeyId(&'a [u8]),
}

/// One signature.
#[derive(Debug, Clone)]
pub struct SignerInfo<'a> {
    /// `version` of the SignerInfo, content octets. OpenSSL does not look at it.
    pub version: &'a [u8],
    /// The certificate it names.
    pub id: SignerId<'a>,
    /// The digest algorithm's identifier.
    pub digest_algorithm: ObjectIdentifier,
    /// The signature algorithm's identifier.
    pub signature_algorithm: ObjectIdentifier,
    /// The signed attributes, if any.
    pub signed_attributes: Option<SignedAttributes<'a>>,
    /// The signature.
    pub signature: Cow<'a, [u8]>,
}

/// Signed attributes. The signature covers them with the tag of a SET OF in place of their own (RFC 5652, section 5.4).
#[derive(Debug, Clone)]
pub struct SignedAttributes<'a> {
    /// The bytes that are signed.
    pub der: Vec<u8>,
    attributes: Vec<(ObjectIdentifier, Vec<Element<'a>>)>,
}

impl<'a> SignedAttributes<'a> {
    fn parse(field: &Element<'a>) -> Result<Self, Asn1Error> {
        let mut reader = field.list();
        let mut attributes = Vec::new();
        while !reader.is_empty() {
            let mut attribute = reader.sequence("signed attribute")?;
            let kind = attribute.oid("signed attribute")?;
            let mut set = attribute.set("signed attribute")?;
            attribute.finish("signed attribute")?;
            let mut values = Vec::new();
            while !set.is_empty() {
                values.push(set.any("signed attribute")?.checked()?);
            }
            attributes.push((kind, values));
        }
        Ok(Self {
            der: field.to_der_as(tag::SET)?,
            attributes,
        })
    }

    /// True if there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The message digest, as OpenSSL takes it: the first value of the first attribute of this type.
    #[must_use]
    pub fn message_digest(&self) -> Option<Cow<'a, [u8]>> {
        let mut attributes = self.attributes.iter();
        let (_, values) = attributes.find(|(kind, _)| *kind == ID_MESSAGE_DIGEST)?;
        values.first()?.string().ok()
    }

    /// Content octets of the single value of an attribute that occurs once.
    fn single(&self, wanted: &ObjectIdentifier, tag: u8) -> Option<&'a [u8]> {
        let mut found = self.attributes.iter().filter(|(kind, _)| kind == wanted);
        match (found.next()?.1.as_slice(), found.next()) {
            ([value], None) if value.identifier == tag => Some(value.content),
            _ => None,
        }
    }
}

impl<'a> SignedData<'a> {
    /// Reads a ContentInfo with SignedData, or a bare SignedData, which fills `bytes`.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, CmsError> {
        let (parsed, rest) = Self::parse_prefix(bytes)?;
        if rest.is_empty() {
            return Ok(parsed);
        }
        Err(Asn1Error {
            field: "SignedData",
            offset: bytes.len() - rest.len(),
            fault: "goes on where it should end",
        }
        .into())
    }

    /// As [`Self::parse`], from the start of `bytes`; returns the rest too.
    pub fn parse_prefix(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), CmsError> {
        let mut reader = Reader::new(bytes);
        let mut fields = reader.sequence("ContentInfo")?;
        if fields.peek() != Some(tag::OBJECT_IDENTIFIER) {
            return Ok((Self::parse_fields(fields)?, reader.rest()));
        }
        let content_type = fields.oid("contentType")?;
        if content_type != ID_SIGNED_DATA {
            return Err(CmsError::NotSignedData(content_type));
        }
        let mut explicit = fields.context("content", 0)?;
        fields.finish("ContentInfo")?;
        let signed = explicit.sequence("SignedData")?;
        explicit.finish("content")?;
        Ok((Self::parse_fields(signed)?, reader.rest()))
    }

    fn parse_fields(mut fields: Reader<'a>) -> Result<Self, CmsError> {
        let version = fields.integer("version")?;
        let mut announced = fields.set("digestAlgorithms")?;
        let mut digest_algorithms = Vec::new();
        while !announced.is_empty() {
            digest_algorithms.push(algorithm(&mut announced, "digestAlgorithms")?);
        }
        let (content_type, content) = encapsulated(fields.sequence("encapContentInfo")?)?;
        let mut certificates = Vec::new();
        if fields.is_context(0) {
            let mut rest = fields.any("certificates")?.list().rest();
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
        if fields.is_context(1) {
            fields.any("crls")?;
        }
        let mut infos = fields.set("signerInfos")?;
        fields.finish("SignedData")?;
        let mut signers = Vec::new();
        while !infos.is_empty() {
            if signers.len() == MAX_SIGNERS {
                return Err(CmsError::TooMany {
                    what: "signers",
                    limit: MAX_SIGNERS,
                });
            }
            signers.push(SignerInfo::parse(infos.sequence("SignerInfo")?)?);
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
    fn parse(mut fields: Reader<'a>) -> Result<Self, CmsError> {
        let version = fields.integer("version")?;
        let id = if fields.is_context(0) {
            SignerId::SubjectKeyId(fields.any("subjectKeyIdentifier")?.content)
        } else {
            let mut named = fields.sequence("issuerAndSerialNumber")?;
            let issuer = Box::new(Name::read(&mut named, "issuer")?);
            let serial = named.integer("serialNumber")?;
            named.finish("issuerAndSerialNumber")?;
            SignerId::IssuerAndSerial { issuer, serial }
        };
        let digest_algorithm = algorithm(&mut fields, "digestAlgorithm")?;
        let signed_attributes = if fields.is_context(0) {
            Some(SignedAttributes::parse(&fields.any("signedAttrs")?)?)
        } else {
            None
        };
        let signature_algorithm = algorithm(&mut fields, "signatureAlgorithm")?;
        let signature = fields.string("signature", tag::OCTET_STRING)?.string()?;
        if fields.is_context(1) {
            SignedAttributes::parse(&fields.any("unsignedAttrs")?)?;
        }
        fields.finish("SignerInfo")?;
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

    /// True if this signer names `certificate`, names compared as OpenSSL does.
    #[must_use]
    pub fn names(&self, certificate: &Certificate) -> bool {
        match &self.id {
            SignerId::IssuerAndSerial { issuer, serial } => {
                certificate.serial() == *serial && certificate.fields().issuer == **issuer
            }
            SignerId::SubjectKeyId(id) => certificate.subject_key_id() == Some(id),
        }
    }

    /// True if this signer names `certificate` byte for byte, as the kernel compares.
    #[must_use]
    pub fn names_exactly(&self, certificate: &Certificate) -> bool {
        match &self.id {
            SignerId::IssuerAndSerial { issuer, serial } => {
                certificate.serial() == *serial && certificate.fields().issuer.as_der() == issuer.as_der()
            }
            SignerId::SubjectKeyId(id) => certificate.subject_key_id() == Some(id),
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
        let signed = match &self.signed_attributes {
            None => content.clone(),
            Some(attributes) => {
                if attributes.single(&ID_CONTENT_TYPE, tag::OBJECT_IDENTIFIER) != Some(content_type.as_bytes()) {
                    return Err(Refusal::SignedAttribute("content type"));
                }
                let digest = attributes
                    .single(&ID_MESSAGE_DIGEST, tag::OCTET_STRING)
                    .ok_or(Refusal::SignedAttribute("message digest"))?;
                if hash != content.algorithm() || digest != content.as_bytes() {
                    return Err(Refusal::MessageDigest);
                }
                hash.digest(&[&attributes.der])
            }
        };
        Ok(key.verify(&signed, &self.signature)?)
    }
}

fn encapsulated(mut fields: Reader<'_>) -> Result<(ObjectIdentifier, Option<Element<'_>>), Asn1Error> {
    let content_type = fields.oid("eContentType")?;
    let content = if fields.is_empty() {
        None
    } else {
        let mut explicit = fields.context("eContent", 0)?;
        let content = explicit.any("eContent")?.checked()?;
        if content_type == ID_DATA && content.string_tag() != tag::OCTET_STRING {
            return Err(content.error("is data and no OCTET STRING"));
        }
        explicit.finish("eContent")?;
        Some(content)
    };
    fields.finish("encapContentInfo")?;
    Ok((content_type, content))
}

fn algorithm(reader: &mut Reader<'_>, field: &'static str) -> Result<ObjectIdentifier, Asn1Error> {
    let start = reader.clone();
    let algorithm = Algorithm::read(reader, field)?;
    algorithm.oid().ok_or_else(|| Asn1Error {
        field,
        offset: start.offset(),
        fault: "is an object identifier that nobody uses",
    })
}
