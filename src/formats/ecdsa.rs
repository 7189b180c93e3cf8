//! ECDSA public keys over P-256 and P-384, and the verification of their signatures (FIPS 186-5, section 6.4): what
//! some distributions sign modules with. bootseal itself signs with RSA alone.

use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, SECP_256_R_1, SECP_384_R_1};
use der::Decode;
use der::asn1::ObjectIdentifier;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use spki::SubjectPublicKeyInfoRef;

use super::hash::Digest;
use super::public_key::SignatureMismatch;

/// Why a public key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EcdsaKeyError {
    /// Not a SubjectPublicKeyInfo.
    #[error("not a SubjectPublicKeyInfo: {0}")]
    Malformed(der::Error),
    /// Another algorithm than ECDSA.
    #[error("public key algorithm {0} is not ECDSA")]
    NotEcdsa(ObjectIdentifier),
    /// A curve other than P-256 and P-384, or one that is spelt out.
    #[error("the key's curve is neither P-256 nor P-384")]
    Curve,
    /// A point that is not on the curve.
    #[error("the key is not a point of {0}")]
    Point(&'static str),
}

/// An ECDSA public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EcdsaKey {
    /// Over NIST P-256.
    P256(p256::ecdsa::VerifyingKey),
    /// Over NIST P-384.
    P384(p384::ecdsa::VerifyingKey),
}

impl EcdsaKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 5480).
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, EcdsaKeyError> {
        let info = SubjectPublicKeyInfoRef::from_der(spki).map_err(EcdsaKeyError::Malformed)?;
        if info.algorithm.oid != ID_EC_PUBLIC_KEY {
            return Err(EcdsaKeyError::NotEcdsa(info.algorithm.oid));
        }
        let point = info.subject_public_key.raw_bytes();
        match info.algorithm.parameters_oid() {
            Ok(SECP_256_R_1) => p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
                .map(Self::P256)
                .map_err(|_| EcdsaKeyError::Point("P-256")),
            Ok(SECP_384_R_1) => p384::ecdsa::VerifyingKey::from_sec1_bytes(point)
                .map(Self::P384)
                .map_err(|_| EcdsaKeyError::Point("P-384")),
            _ => Err(EcdsaKeyError::Curve),
        }
    }

    /// Checks a signature, the DER of its two numbers (RFC 3279, section 2.2.3), over `digest`, of which no more counts
    /// than the curve has bits.
    pub fn verify(&self, digest: &Digest, signature: &[u8]) -> Result<(), SignatureMismatch> {
        let digest = digest.as_bytes();
        let verified = match self {
            Self::P256(key) => p256::ecdsa::DerSignature::from_bytes(signature)
                .and_then(|signature| key.verify_prehash(digest, &signature)),
            Self::P384(key) => p384::ecdsa::DerSignature::from_bytes(signature)
                .and_then(|signature| key.verify_prehash(digest, &signature)),
        };
        verified.map_err(|_| SignatureMismatch)
    }
}
