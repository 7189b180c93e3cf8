//! ECDSA public keys over P-256 and P-384, and the verification of their signatures (FIPS 186-5, section 6.4), by
//! which some distributions sign modules. bootseal itself signs with RSA alone.

use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, SECP_256_R_1, SECP_384_R_1};
use der::Decode;
use der::asn1::ObjectIdentifier;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use spki::SubjectPublicKeyInfoRef;

use crate::formats::crypto::hash::Digest;
use crate::formats::crypto::rsa_public_key::SignatureMismatch;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::crypto::hash::HashAlgorithm;
    use p256::ecdsa::SigningKey;
    use p256::ecdsa::signature::hazmat::PrehashSigner;
    use p256::pkcs8::EncodePublicKey;
    use proptest::prelude::*;

    /// The key of RFC 6979, A.2.5.
    const PRIVATE: [u8; 32] = [
        0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21, 0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50,
        0xc3, 0xdb, 0x36, 0xe8, 0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21,
    ];
    /// Its signature over SHA-256 of "sample": r and s.
    const SIGNATURE: &str = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
                             f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8";

    fn spki() -> Vec<u8> {
        let key = SigningKey::from_slice(&PRIVATE).unwrap();
        key.verifying_key().to_public_key_der().unwrap().into_vec()
    }

    fn signature(hex: &str) -> Vec<u8> {
        let numbers = p256::ecdsa::Signature::from_slice(&hex::decode(hex).unwrap()).unwrap();
        numbers.to_der().as_bytes().to_vec()
    }

    #[test]
    fn the_standards_signature_holds_for_its_message_alone() {
        let key = EcdsaKey::from_spki_der(&spki()).unwrap();
        let signature = signature(SIGNATURE);
        let digest = |message: &[u8]| HashAlgorithm::Sha256.digest(&[message]);
        key.verify(&digest(b"sample"), &signature).unwrap();
        assert!(key.verify(&digest(b"simple"), &signature).is_err());
        assert!(key.verify(&digest(b"sample"), &signature[1..]).is_err());
        assert!(key.verify(&digest(b"sample"), &[]).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes: Vec<u8>, place: prop::sample::Index, value: u8) {
            let _ = EcdsaKey::from_spki_der(&bytes);
            let mut mutant = spki();
            let place = place.index(mutant.len());
            mutant[place] = value;
            let digest = HashAlgorithm::Sha512.digest(&[&bytes]);
            if let Ok(key) = EcdsaKey::from_spki_der(&mutant) {
                prop_assert!(key.verify(&digest, &bytes).is_err());
            }
        }

        #[test]
        fn what_is_signed_verifies(message: Vec<u8>) {
            let key = SigningKey::from_slice(&PRIVATE).unwrap();
            for hash in HashAlgorithm::ALL {
                let digest = hash.digest(&[&message]);
                let signature: p256::ecdsa::DerSignature = key.sign_prehash(digest.as_bytes()).unwrap();
                EcdsaKey::from_spki_der(&spki()).unwrap().verify(&digest, signature.as_bytes()).unwrap();
            }
        }
    }
}
