//! X.509 certificates (RFC 5280) as the chain uses them: kept byte for byte, with the fields that decide.

use std::sync::OnceLock;

use der::Decode;
use der::asn1::ObjectIdentifier;

use crate::formats::crypto::asn1::{Asn1Error, Reader};
use crate::formats::crypto::ecdsa::{EcdsaKey, EcdsaKeyError};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::crypto::rsa_public_key::{RsaPublicKey, RsaPublicKeyError, SignatureMismatch};
use crate::formats::crypto::signed_hash::SignedHash;
use crate::formats::crypto::x509::Fields;
use crate::formats::text::printable;

/// Why bytes are not a usable certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not a certificate that OpenSSL reads.
    #[error("not an X.509 certificate: {0}")]
    Malformed(#[from] Asn1Error),
    /// A certificate that firmware reads, and strict readers such as the kernel's do not.
    #[error("a certificate that not every reader takes, as its encoding is not the strict one (DER, RFC 5280): {0}")]
    Loose(der::Error),
    /// A subject key identifier that does not read, or two.
    #[error("its subject key identifier cannot be read")]
    KeyId,
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
    Algorithm(String),
    /// The signed part and the signature state different algorithms.
    #[error("the certificate states two algorithms for one signature")]
    Algorithms,
    /// The signature is not the issuer's.
    #[error(transparent)]
    Signature(#[from] SignatureMismatch),
}

/// A certificate and its exact bytes.
#[derive(Debug, Clone)]
pub struct Certificate {
    der: Vec<u8>,
    fields: Box<Fields>,
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
    /// Reads one certificate that fills `der`.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (certificate, rest) = Self::from_der_prefix(der)?;
        if rest.is_empty() {
            Ok(certificate)
        } else {
            Err(CertificateError::TrailingBytes(rest.len()))
        }
    }

    /// Reads a certificate at the start of `bytes`; returns it and the rest.
    pub fn from_der_prefix(bytes: &[u8]) -> Result<(Self, &[u8]), CertificateError> {
        let mut reader = Reader::new(bytes);
        let fields = Box::new(Fields::read(&mut reader)?);
        let rest = reader.rest();
        let (der, _) = bytes.split_at(bytes.len() - rest.len());
        let certificate = Self {
            der: der.to_vec(),
            fields,
            key: OnceLock::new(),
        };
        Ok((certificate, rest))
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

    /// The exact bytes.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The bytes of the to-be-signed part; revocation lists hash these.
    #[must_use]
    pub fn tbs_der(&self) -> &[u8] {
        &self.fields.tbs
    }

    /// The fields.
    #[must_use]
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// True if a date of it is so short that OpenSSL reads the certificate up to 3.2, and neither it nor what holds it from 3.3 on.
    #[must_use]
    pub fn has_short_date(&self) -> bool {
        self.fields.not_before.is_short() || self.fields.not_after.is_short()
    }

    /// The certificate by a reader that takes nothing but DER and RFC 5280.
    pub fn strict(&self) -> Result<x509_cert::Certificate, CertificateError> {
        x509_cert::Certificate::from_der(&self.der).map_err(CertificateError::Loose)
    }

    /// Content octets of the serial number.
    #[must_use]
    pub fn serial(&self) -> &[u8] {
        &self.fields.serial
    }

    /// SHA-256 over the whole certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        HashAlgorithm::Sha256.digest(&[&self.der])
    }

    /// The subject's name on one line, control characters replaced.
    #[must_use]
    pub fn subject(&self) -> String {
        printable(&self.fields.subject.to_line())
    }

    /// The issuer's name on one line, control characters replaced.
    #[must_use]
    pub fn issuer(&self) -> String {
        printable(&self.fields.issuer.to_line())
    }

    /// The subject's common name, or the whole subject where there is none.
    #[must_use]
    pub fn common_name(&self) -> String {
        let name = self.fields.subject.common_name();
        name.map_or_else(|| self.subject(), |name| printable(&name))
    }

    /// The last day of validity, RFC 3339 UTC.
    #[must_use]
    pub fn not_after(&self) -> String {
        printable(&self.fields.not_after.to_string())
    }

    /// The end of validity, in seconds since 1970-01-01 UTC; 0 for one that is before, or no date.
    #[must_use]
    pub fn end(&self) -> u64 {
        let seconds = self.fields.not_after.seconds();
        seconds.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or(0)
    }

    /// True if the issuer's name is the subject's.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.fields.issuer == self.fields.subject
    }

    /// The public key, which is RSA.
    pub fn public_key(&self) -> Result<RsaPublicKey, RsaPublicKeyError> {
        if let Some(key) = self.key.get() {
            return Ok(key.clone());
        }
        let key = RsaPublicKey::from_spki_der(&self.fields.spki)?;
        Ok(self.key.get_or_init(|| key).clone())
    }

    /// The public key, which is ECDSA.
    pub fn ecdsa_key(&self) -> Result<EcdsaKey, EcdsaKeyError> {
        EcdsaKey::from_spki_der(&self.fields.spki)
    }

    /// The subject key identifier, if the certificate states one.
    #[must_use]
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.fields.decisive.subject_key_id.as_deref()
    }

    /// The identifier by which the kernel lists the certificate's key (`x509_key_preparse`): the subject key identifier,
    /// or the serial number of a certificate without one.
    pub fn kernel_key_id(&self) -> Result<Vec<u8>, CertificateError> {
        match (self.subject_key_id(), self.fields.decisive.broken) {
            (None, Some("subjectKeyIdentifier")) => Err(CertificateError::KeyId),
            (id, _) => Ok(id.unwrap_or_else(|| self.serial()).to_vec()),
        }
    }

    /// Checks that `issuer`, an authority by its basic constraints, issued this certificate: name and signature. Validity
    /// periods are not compared with the clock.
    pub fn verify_issued_by(&self, issuer: &Self) -> Result<(), NotIssuedBy> {
        if self.fields.issuer != issuer.fields.subject {
            return Err(NotIssuedBy::Name);
        }
        if issuer.fields.decisive.authority != Some(true) {
            return Err(NotIssuedBy::NotAnAuthority);
        }
        match self.verify_signed_with(&issuer.public_key()?)? {
            SignedHash::Sound(_) => Ok(()),
            weak => Err(NotIssuedBy::Algorithm(format!("{weak:?}"))),
        }
    }

    /// Checks that the certificate's own key signed it; returns the hash of the signature. Names are not compared.
    pub fn verify_signed_by_itself(&self) -> Result<HashAlgorithm, NotIssuedBy> {
        match self.verify_signed_with(&self.public_key()?)? {
            SignedHash::Sound(hash) => Ok(hash),
            weak => Err(NotIssuedBy::Algorithm(format!("{weak:?}"))),
        }
    }

    /// Checks that this key signed the certificate, under any hash that OpenSSL takes; returns that.
    pub fn verify_signed_with(&self, key: &RsaPublicKey) -> Result<SignedHash, NotIssuedBy> {
        let Fields {
            algorithm,
            signed_algorithm,
            ..
        } = self.fields();
        if algorithm != signed_algorithm {
            return Err(NotIssuedBy::Algorithms);
        }
        let hash = SignedHash::of_rsa_signature(&algorithm.kind).ok_or_else(|| {
            let identifier = algorithm.oid().as_ref().map(ObjectIdentifier::to_string);
            NotIssuedBy::Algorithm(identifier.unwrap_or_else(|| hex::encode(&algorithm.kind)))
        })?;
        if self.fields.unused_bits != 0 {
            return Err(SignatureMismatch.into());
        }
        key.verify_digest_info(
            &hash.digest_info(&hash.digest(&[self.tbs_der()])),
            &self.fields.signature,
        )?;
        Ok(hash)
    }
}
