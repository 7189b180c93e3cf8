//! X.509 certificates (RFC 5280) as the chain uses them: kept byte for byte, with the few fields that decide.

use std::sync::OnceLock;

use der::asn1::ObjectIdentifier;
use der::{Decode, Encode, Reader, SliceReader};
use x509_cert::ext::pkix::{BasicConstraints, SubjectKeyIdentifier};

use crate::formats::crypto::ecdsa::{EcdsaKey, EcdsaKeyError};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::crypto::rsa_public_key::{RsaPublicKey, RsaPublicKeyError, SignatureMismatch};
use crate::formats::text::printable;

/// Why bytes are not a usable certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not a DER certificate.
    #[error("not an X.509 certificate: {0}")]
    Malformed(der::Error),
    /// Bytes after the certificate.
    #[error("{0} bytes follow the certificate")]
    TrailingBytes(usize),
    /// A PEM text without a certificate in it.
    #[error("not a PEM certificate: {0}")]
    Pem(der::pem::Error),
}

/// Why a certificate was not issued by another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotIssuedBy {
    /// The issuer's name differs from the other's subject.
    #[error("the issuer's name differs")]
    Name,
    /// The other certificate may not issue certificates.
    #[error("the issuer is not a certificate authority")]
    NotAnAuthority,
    /// The issuer's key cannot be used.
    #[error(transparent)]
    Key(#[from] RsaPublicKeyError),
    /// The signature algorithm is unknown or too weak for firmware.
    #[error("signature algorithm {0} is not supported")]
    Algorithm(ObjectIdentifier),
    /// The signature is not the issuer's.
    #[error(transparent)]
    Signature(#[from] SignatureMismatch),
}

/// A certificate and its exact DER bytes.
#[derive(Debug, Clone)]
pub struct Certificate {
    der: Vec<u8>,
    /// The first field, whose bytes the issuer signed.
    tbs: Vec<u8>,
    parsed: x509_cert::Certificate,
    /// The RSA key, once it was asked for: to prepare it costs about as much as to verify.
    key: OnceLock<RsaPublicKey>,
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl Certificate {
    /// Reads one DER certificate that fills `der`.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (certificate, rest) = Self::from_der_prefix(der)?;
        if rest.is_empty() {
            Ok(certificate)
        } else {
            Err(CertificateError::TrailingBytes(rest.len()))
        }
    }

    /// Reads a DER certificate at the start of `bytes`; returns it and the rest.
    pub fn from_der_prefix(bytes: &[u8]) -> Result<(Self, &[u8]), CertificateError> {
        let mut reader = SliceReader::new(bytes).map_err(CertificateError::Malformed)?;
        let der = reader.tlv_bytes().map_err(CertificateError::Malformed)?;
        let rest = reader
            .read_slice(reader.remaining_len())
            .map_err(CertificateError::Malformed)?;
        let parsed = x509_cert::Certificate::from_der(der).map_err(CertificateError::Malformed)?;
        let tbs = to_be_signed(der).map_err(CertificateError::Malformed)?.to_vec();
        Ok((
            Self {
                der: der.to_vec(),
                tbs,
                parsed,
                key: OnceLock::new(),
            },
            rest,
        ))
    }

    /// Reads a PEM certificate.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let (label, der) = der::pem::decode_vec(pem).map_err(CertificateError::Pem)?;
        if label != "CERTIFICATE" {
            return Err(CertificateError::Pem(der::pem::Error::Label));
        }
        Self::from_der(&der)
    }

    /// PEM, 64 characters a line.
    pub fn to_pem(&self) -> Result<String, CertificateError> {
        der::pem::encode_string("CERTIFICATE", der::pem::LineEnding::LF, &self.der).map_err(CertificateError::Pem)
    }

    /// The exact DER bytes.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The DER bytes of the to-be-signed part; revocation lists hash these.
    #[must_use]
    pub fn tbs_der(&self) -> &[u8] {
        &self.tbs
    }

    /// The parsed fields.
    #[must_use]
    pub fn parsed(&self) -> &x509_cert::Certificate {
        &self.parsed
    }

    /// SHA-256 over the whole certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        HashAlgorithm::Sha256.digest(&[&self.der])
    }

    /// The subject's name on one line, control characters replaced.
    #[must_use]
    pub fn subject(&self) -> String {
        printable(&self.parsed.tbs_certificate().subject().to_string())
    }

    /// The subject's common name, or the whole subject where there is none.
    #[must_use]
    pub fn common_name(&self) -> String {
        match self.parsed.tbs_certificate().subject().common_name() {
            Ok(Some(name)) => printable(&name.value()),
            _ => self.subject(),
        }
    }

    /// The last day of validity, RFC 3339 UTC.
    #[must_use]
    pub fn not_after(&self) -> String {
        let validity = self.parsed.tbs_certificate().validity();
        validity.not_after.to_date_time().to_string()
    }

    /// The end of validity, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn end(&self) -> u64 {
        let validity = self.parsed.tbs_certificate().validity();
        validity.not_after.to_date_time().unix_duration().as_secs()
    }

    /// True if the issuer's name is the subject's.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        let tbs = self.parsed.tbs_certificate();
        tbs.issuer() == tbs.subject()
    }

    /// The public key, which is RSA.
    pub fn public_key(&self) -> Result<RsaPublicKey, RsaPublicKeyError> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let key = RsaPublicKey::from_spki_der(&self.spki_der().map_err(RsaPublicKeyError::Malformed)?)?;
        Ok(self.key.get_or_init(|| key).clone())
    }

    /// The public key, which is ECDSA.
    pub fn ecdsa_key(&self) -> Result<EcdsaKey, EcdsaKeyError> {
        EcdsaKey::from_spki_der(&self.spki_der().map_err(EcdsaKeyError::Malformed)?)
    }

    fn spki_der(&self) -> Result<Vec<u8>, der::Error> {
        self.parsed.tbs_certificate().subject_public_key_info().to_der()
    }

    /// The subject key identifier, if the certificate states one.
    pub fn subject_key_id(&self) -> Result<Option<Vec<u8>>, CertificateError> {
        let extension = self.parsed.tbs_certificate().get_extension::<SubjectKeyIdentifier>();
        let extension = extension.map_err(CertificateError::Malformed)?;
        Ok(extension.map(|(_, id)| id.0.as_bytes().to_vec()))
    }

    /// The identifier by which the kernel lists the certificate's key (`x509_key_preparse`): the subject key identifier,
    /// or the serial number of a certificate without one.
    pub fn kernel_key_id(&self) -> Result<Vec<u8>, CertificateError> {
        let serial = self.parsed.tbs_certificate().serial_number();
        Ok(self.subject_key_id()?.unwrap_or_else(|| serial.as_bytes().to_vec()))
    }

    /// Checks that `issuer` issued this certificate: name, authority and signature. Validity periods are not compared
    /// with the clock, as firmware and kernel do not.
    pub fn verify_issued_by(&self, issuer: &Self) -> Result<(), NotIssuedBy> {
        if self.parsed.tbs_certificate().issuer() != issuer.parsed.tbs_certificate().subject() {
            return Err(NotIssuedBy::Name);
        }
        if !issuer.may_issue() {
            return Err(NotIssuedBy::NotAnAuthority);
        }
        self.verify_signed_with(&issuer.public_key()?).map(drop)
    }

    /// Checks that the certificate's own key signed it; returns the hash of the signature. Names are not compared.
    pub fn verify_signed_by_itself(&self) -> Result<HashAlgorithm, NotIssuedBy> {
        self.verify_signed_with(&self.public_key()?)
    }

    fn verify_signed_with(&self, key: &RsaPublicKey) -> Result<HashAlgorithm, NotIssuedBy> {
        let algorithm = self.parsed.signature_algorithm().oid;
        let hash = signature_hash(&algorithm).ok_or(NotIssuedBy::Algorithm(algorithm))?;
        key.verify(&hash.digest(&[self.tbs_der()]), self.parsed.signature().raw_bytes())?;
        Ok(hash)
    }

    /// True if the basic constraints let this certificate issue others.
    fn may_issue(&self) -> bool {
        matches!(
            self.parsed.tbs_certificate().get_extension::<BasicConstraints>(),
            Ok(Some((_, BasicConstraints { ca: true, .. })))
        )
    }
}

/// The first field of a certificate, with tag and length.
fn to_be_signed(certificate: &[u8]) -> Result<&[u8], der::Error> {
    let mut reader = SliceReader::new(certificate)?;
    der::Header::decode(&mut reader)?;
    reader.tlv_bytes()
}

const RSA_WITH_SHA3_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.14");
const RSA_WITH_SHA3_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.15");
const RSA_WITH_SHA3_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.16");

/// The hash of an RSASSA-PKCS1-v1_5 signature algorithm (RFC 8017, RFC 8702).
fn signature_hash(algorithm: &ObjectIdentifier) -> Option<HashAlgorithm> {
    use const_oid::db::rfc5912;
    [
        (rfc5912::SHA_256_WITH_RSA_ENCRYPTION, HashAlgorithm::Sha256),
        (rfc5912::SHA_384_WITH_RSA_ENCRYPTION, HashAlgorithm::Sha384),
        (rfc5912::SHA_512_WITH_RSA_ENCRYPTION, HashAlgorithm::Sha512),
        (RSA_WITH_SHA3_256, HashAlgorithm::Sha3_256),
        (RSA_WITH_SHA3_384, HashAlgorithm::Sha3_384),
        (RSA_WITH_SHA3_512, HashAlgorithm::Sha3_512),
    ]
    .into_iter()
    .find_map(|(oid, hash)| (oid == *algorithm).then_some(hash))
}
