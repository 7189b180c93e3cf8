//! The fields of an X.509 certificate (RFC 5280), read from raw bytes as OpenSSL reads them: dates of every year, serial
//! numbers of every length, names in any order. Nothing is encoded anew.

pub mod algorithm;
pub mod extensions;
pub mod general_name;
pub mod name;
pub mod time;

use crate::formats::crypto::asn1::{Asn1Error, Reader, tag};

use algorithm::Algorithm;
use extensions::{Extension, Extensions};
use name::Name;
use time::Time;

/// The fields of a certificate.
#[derive(Debug, Clone)]
pub struct Fields {
    /// The to-be-signed part with tag and length, byte for byte.
    pub tbs: Vec<u8>,
    /// True for version 1, which has no extensions as a rule.
    pub is_v1: bool,
    /// Content octets of the serial number.
    pub serial: Vec<u8>,
    /// The algorithm of the signature, as the signed part states it.
    pub signed_algorithm: Algorithm,
    /// The issuer's name.
    pub issuer: Name,
    /// Begin of validity.
    pub not_before: Time,
    /// End of validity.
    pub not_after: Time,
    /// The subject's name.
    pub subject: Name,
    /// The public key, a `SubjectPublicKeyInfo`, byte for byte.
    pub spki: Vec<u8>,
    /// Every extension.
    pub extensions: Vec<Extension>,
    /// The extensions that decide.
    pub decisive: Extensions,
    /// The algorithm of the signature.
    pub algorithm: Algorithm,
    /// The signature.
    pub signature: Vec<u8>,
    /// Unused bits at the end of the signature; no signature that holds has any.
    pub unused_bits: u8,
}

impl Fields {
    /// Reads the next value as a certificate.
    pub fn read(reader: &mut Reader<'_>) -> Result<Self, Asn1Error> {
        let mut whole = reader.sequence("certificate")?;
        let signed = whole.typed("tbsCertificate", tag::SEQUENCE)?;
        let algorithm = Algorithm::read(&mut whole, "signatureAlgorithm")?;
        let (unused_bits, signature) = whole.string("signatureValue", tag::BIT_STRING)?.bit_string()?;
        whole.finish("certificate")?;

        let mut fields = signed.inner()?;
        let is_v1 = if fields.is_context(0) {
            let mut version = fields.context("version", 0)?;
            let number = version.integer("version")?;
            version.finish("version")?;
            number == [0]
        } else {
            true
        };
        let serial = fields.integer("serialNumber")?.to_vec();
        let signed_algorithm = Algorithm::read(&mut fields, "signature")?;
        let issuer = Name::read(&mut fields, "issuer")?;
        let mut validity = fields.sequence("validity")?;
        let not_before = Time::read(&mut validity, "notBefore")?;
        let not_after = Time::read(&mut validity, "notAfter")?;
        validity.finish("validity")?;
        let subject = Name::read(&mut fields, "subject")?;
        let spki = fields.typed("subjectPublicKeyInfo", tag::SEQUENCE)?;
        public_key(&mut spki.inner()?)?;
        for (number, field) in [(1, "issuerUniqueID"), (2, "subjectUniqueID")] {
            if fields.is_context(number) {
                fields.any(field)?.bit_string()?;
            }
        }
        let mut extensions = Vec::new();
        if fields.is_context(3) {
            let mut tagged = fields.context("extensions", 3)?;
            let mut list = tagged.list("extensions", tag::SEQUENCE)?;
            tagged.finish("extensions")?;
            while !list.is_empty() {
                extensions.push(Extension::read(&mut list)?);
            }
        }
        fields.finish("tbsCertificate")?;
        Ok(Self {
            tbs: signed.raw.to_vec(),
            is_v1,
            serial,
            signed_algorithm,
            issuer,
            not_before,
            not_after,
            subject,
            spki: spki.raw.to_vec(),
            decisive: Extensions::read(&extensions),
            extensions,
            algorithm,
            signature,
            unused_bits,
        })
    }
}

/// The algorithm of a `SubjectPublicKeyInfo`, and the octets of the key, from the values inside it.
fn public_key(fields: &mut Reader<'_>) -> Result<(Algorithm, Vec<u8>), Asn1Error> {
    let algorithm = Algorithm::read(fields, "subjectPublicKeyInfo")?;
    let (_, key) = fields.string("subjectPublicKey", tag::BIT_STRING)?.bit_string()?;
    fields.finish("subjectPublicKeyInfo")?;
    Ok((algorithm, key))
}

/// The algorithm of a `SubjectPublicKeyInfo`, and the octets of its key.
pub fn read_public_key(spki: &[u8]) -> Result<(Algorithm, Vec<u8>), Asn1Error> {
    public_key(&mut Reader::new(spki).sequence("subjectPublicKeyInfo")?)
}
