//! ML-DSA public keys and the verification of their signatures (FIPS 204), by which Linux 7 can sign modules. bootseal
//! itself signs with RSA alone.

use der::asn1::ObjectIdentifier;
use ml_dsa::{EncodedVerifyingKey, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, VerifyingKey};

use super::asn1::Asn1Error;
use super::rsa_public_key::SignatureMismatch;
use super::x509::read_public_key;

/// Identifiers of ML-DSA-44, ML-DSA-65 and ML-DSA-87, of keys as well as of signatures (RFC 9881).
const SETS: [(ObjectIdentifier, ParameterSetName); 3] = [
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17"),
        ParameterSetName::MlDsa44,
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18"),
        ParameterSetName::MlDsa65,
    ),
    (
        ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19"),
        ParameterSetName::MlDsa87,
    ),
];

/// The parameters of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterSetName {
    /// ML-DSA-44.
    MlDsa44,
    /// ML-DSA-65.
    MlDsa65,
    /// ML-DSA-87.
    MlDsa87,
}

impl ParameterSetName {
    /// The parameters with this identifier.
    #[must_use]
    pub fn from_oid(kind: &[u8]) -> Option<Self> {
        let mut known = SETS.iter().filter(|(oid, _)| oid.as_bytes() == kind);
        known.next().map(|(_, name)| *name)
    }

    /// The name in FIPS 204.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }
}

/// Why a public key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MlDsaKeyError {
    /// Not a SubjectPublicKeyInfo.
    #[error("not a SubjectPublicKeyInfo: {0}")]
    Malformed(#[from] Asn1Error),
    /// Another algorithm.
    #[error("the public key is not one of ML-DSA")]
    NotMlDsa,
    /// Another length than keys of these parameters have.
    #[error("the public key has {length} bytes, which is no key of {name}")]
    Length {
        /// The parameters.
        name: &'static str,
        /// The length, in bytes.
        length: usize,
    },
}

/// An ML-DSA public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MlDsaKey {
    parameters: ParameterSetName,
    key: Vec<u8>,
}

impl MlDsaKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 9881).
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, MlDsaKeyError> {
        let (algorithm, key) = read_public_key(spki)?;
        let parameters = ParameterSetName::from_oid(&algorithm.kind).ok_or(MlDsaKeyError::NotMlDsa)?;
        let is_key = match parameters {
            ParameterSetName::MlDsa44 => verifying_key::<MlDsa44>(&key).is_some(),
            ParameterSetName::MlDsa65 => verifying_key::<MlDsa65>(&key).is_some(),
            ParameterSetName::MlDsa87 => verifying_key::<MlDsa87>(&key).is_some(),
        };
        if is_key {
            return Ok(Self { parameters, key });
        }
        Err(MlDsaKeyError::Length {
            name: parameters.name(),
            length: key.len(),
        })
    }

    /// The parameters.
    #[must_use]
    pub const fn parameters(&self) -> ParameterSetName {
        self.parameters
    }

    /// Checks a signature over `message` itself, with an empty context.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureMismatch> {
        let held = match self.parameters {
            ParameterSetName::MlDsa44 => holds::<MlDsa44>(&self.key, message, signature),
            ParameterSetName::MlDsa65 => holds::<MlDsa65>(&self.key, message, signature),
            ParameterSetName::MlDsa87 => holds::<MlDsa87>(&self.key, message, signature),
        };
        if held { Ok(()) } else { Err(SignatureMismatch) }
    }
}

fn verifying_key<P: MlDsaParams>(key: &[u8]) -> Option<VerifyingKey<P>> {
    let encoded = EncodedVerifyingKey::<P>::try_from(key).ok()?;
    Some(VerifyingKey::decode(&encoded))
}

fn holds<P: MlDsaParams>(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let signature = Signature::<P>::try_from(signature).ok();
    let key = verifying_key::<P>(key);
    key.zip(signature)
        .is_some_and(|(key, signature)| key.verify_with_context(message, &[], &signature))
}
