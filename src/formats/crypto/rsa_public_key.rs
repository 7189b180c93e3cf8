//! RSA public keys and the verification of PKCS#1 v1.5 signatures (RFC 8017, section 8.2).

use crypto_bigint::BoxedUint;
use crypto_bigint::modular::BoxedMontyForm;
use der::Decode;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::traits::PublicKeyParts;
use spki::{EncodePublicKey, SubjectPublicKeyInfoOwned};

use crate::formats::crypto::asn1::{Asn1Error, Reader, tag};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::crypto::x509::read_public_key;

/// Largest RSA modulus that is worked on, in bits: the one of OpenSSL (`OPENSSL_RSA_MAX_MODULUS_BITS`), and so of firmware.
const MAX_BITS: usize = 16_384;
/// Smallest RSA modulus that is worked on, in bits: the least that the kernel takes. A shorter one has no room for SHA-256.
const MIN_BITS: usize = 512;

/// Why a public key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RsaPublicKeyError {
    /// Not a SubjectPublicKeyInfo.
    #[error("not a SubjectPublicKeyInfo: {0}")]
    Malformed(#[from] Asn1Error),
    /// Another algorithm than RSA.
    #[error("public key algorithm {0} is not RSA")]
    NotRsa(der::asn1::ObjectIdentifier),
    /// An RSA key with a size or exponent that is not accepted.
    #[error("RSA key is not acceptable: {0}")]
    Unacceptable(String),
}

/// A signature that the key did not make over this digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature was not made by this key over this data")]
pub struct SignatureMismatch;

/// An RSA public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaPublicKey {
    rsa: rsa::RsaPublicKey,
    spki: Vec<u8>,
}

impl RsaPublicKey {
    /// Reads a DER SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7).
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, RsaPublicKeyError> {
        let (algorithm, key) = read_public_key(spki)?;
        if algorithm.kind != const_oid::db::rfc5912::RSA_ENCRYPTION.as_bytes() {
            let unknown =
                || RsaPublicKeyError::Unacceptable(format!("its algorithm is {}", hex::encode(&algorithm.kind)));
            return Err(algorithm.oid().map_or_else(unknown, RsaPublicKeyError::NotRsa));
        }
        let mut numbers = Reader::new(&key).sequence("RSAPublicKey")?;
        let [modulus, exponent] = ["modulus", "publicExponent"].map(|field| numbers.typed(field, tag::INTEGER));
        let (modulus, exponent) = (modulus?, exponent?);
        numbers.finish("RSAPublicKey")?;
        Self::from_parts(modulus.content, exponent.content)
    }

    /// From the modulus and the public exponent, both big-endian.
    pub fn from_parts(modulus: &[u8], exponent: &[u8]) -> Result<Self, RsaPublicKeyError> {
        let unacceptable = |reason: &dyn std::fmt::Display| RsaPublicKeyError::Unacceptable(reason.to_string());
        let number = |bytes: &[u8]| {
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
            let bytes = bytes.get(zeros..).unwrap_or_default();
            let bits = bytes.len() * 8;
            if bits > MAX_BITS {
                return Err(unacceptable(&format_args!("{bits} bits are more than {MAX_BITS}")));
            }
            let bits = u32::try_from(bits).map_err(|error| unacceptable(&error))?;
            BoxedUint::from_be_slice(bytes, bits.next_multiple_of(64).max(64)).map_err(|error| unacceptable(&error))
        };
        let rsa = rsa::RsaPublicKey::new_with_size_limits(number(modulus)?, number(exponent)?, MIN_BITS..=MAX_BITS)
            .map_err(|error| unacceptable(&error))?;
        Self::from_rsa(rsa)
    }

    /// From the `rsa` crate's key.
    pub fn from_rsa(rsa: rsa::RsaPublicKey) -> Result<Self, RsaPublicKeyError> {
        let spki = rsa
            .to_public_key_der()
            .map_err(|error| RsaPublicKeyError::Unacceptable(error.to_string()))?
            .into_vec();
        Ok(Self { rsa, spki })
    }

    /// The DER SubjectPublicKeyInfo.
    #[must_use]
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> Vec<u8> {
        self.rsa.n().to_be_bytes_trimmed_vartime().into()
    }

    /// The public exponent, big-endian, without leading zeros.
    #[must_use]
    pub fn exponent(&self) -> Vec<u8> {
        self.rsa.e().to_be_bytes_trimmed_vartime().into()
    }

    /// Size of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> u32 {
        self.rsa.n().bits_vartime()
    }

    /// Checks an RSASSA-PKCS1-v1_5 signature over `digest`. The content of the signature is compared as a whole with the
    /// content that it should have, and not taken apart.
    pub fn verify(&self, digest: &Digest, signature: &[u8]) -> Result<(), SignatureMismatch> {
        let info = [&digest.algorithm().digest_info_prefix(), digest.as_bytes()].concat();
        self.verify_digest_info(&info, signature)
    }

    /// As [`Self::verify`], over the DER of a `DigestInfo` of any hash.
    pub fn verify_digest_info(&self, info: &[u8], signature: &[u8]) -> Result<(), SignatureMismatch> {
        let width = self.rsa.size();
        let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, self.rsa.n_bits_precision()).ok();
        let is_in_range = |signature: &BoxedUint| signature < self.rsa.n().as_ref();
        let held = Some(signature).filter(|signature| signature.len() == width);
        let held = held
            .and_then(number)
            .filter(is_in_range)
            .map(|number| self.power(number));
        let expected = encoded(info, width).as_deref().and_then(number);
        if held.is_some() && held == expected {
            Ok(())
        } else {
            Err(SignatureMismatch)
        }
    }

    /// RSAVP1 (RFC 8017, section 5.2.2) for a signature below the modulus, by squaring and multiplying: nothing is secret
    /// here, and for 65537 that is less than half the work of an exponentiation that hides its exponent.
    fn power(&self, signature: BoxedUint) -> BoxedUint {
        let parameters = self.rsa.n_params();
        let exponent = self.rsa.e();
        let base = BoxedMontyForm::new(signature.clone(), parameters);
        // The highest bit is the base itself.
        let middle_bits = (1..exponent.bits_vartime()).rev().skip(1);
        let power = middle_bits.fold(base.clone(), |power, bit| {
            let square = power.square();
            if exponent.bit_vartime(bit) {
                square.mul(&base)
            } else {
                square
            }
        });
        // The product of a Montgomery form and a plain number is plain: the lowest bit, which the exponent has set or
        // the key is not accepted, also leads out of the form.
        let plain = BoxedMontyForm::from_montgomery(signature, parameters);
        power.square().mul(&plain).to_montgomery()
    }

    /// The SubjectPublicKeyInfo for a certificate.
    pub fn spki(&self) -> Result<SubjectPublicKeyInfoOwned, der::Error> {
        SubjectPublicKeyInfoOwned::from_der(&self.spki)
    }
}

/// EMSA-PKCS1-v1_5 (RFC 8017, section 9.2): the content of a signature of `width` bytes; `None` if it is too narrow.
fn encoded(info: &[u8], width: usize) -> Option<Vec<u8>> {
    let padding = width
        .checked_sub(info.len())?
        .checked_sub(3)
        .filter(|padding| *padding >= 8)?;
    Some([&[0, 1], vec![0xff; padding].as_slice(), &[0], info].concat())
}

/// The PKCS#1 v1.5 padding for digests of this algorithm.
#[must_use]
pub fn pkcs1v15(hash: HashAlgorithm) -> Pkcs1v15Sign {
    Pkcs1v15Sign {
        hash_len: Some(hash.len()),
        prefix: hash.digest_info_prefix().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn moduli_are_of_the_sizes_of_openssl_and_the_kernel_whatever_zeros_stand_before() {
        for (bytes, taken) in [
            (63, false),
            (64, true),
            (512, true),
            (1025, true),
            (2048, true),
            (2049, false),
        ] {
            let modulus = vec![0xff; bytes];
            for modulus in [&modulus, &[&[0; 9], modulus.as_slice()].concat()] {
                assert_eq!(RsaPublicKey::from_parts(modulus, &[1, 0, 1]).is_ok(), taken, "{bytes}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_power_is_that_of_a_plain_exponentiation(
            mut modulus in prop::collection::vec(any::<u8>(), 128..140),
            below in prop::collection::vec(any::<u8>(), 128),
            exponent in prop::sample::select(vec![3_u64, 5, 7, 17, 65_537, 65_539, 0x1_ffff_ffff]),
        ) {
            modulus.insert(0, 0x80);
            if let Some(last) = modulus.last_mut() {
                *last |= 1;
            }
            let key = RsaPublicKey::from_parts(&modulus, &exponent.to_be_bytes()).unwrap();
            let number = BoxedUint::from_be_slice(&below, key.rsa.n_bits_precision()).unwrap();
            let plain = BoxedMontyForm::new(number.clone(), key.rsa.n_params()).pow(key.rsa.e());
            prop_assert_eq!(key.power(number), plain.retrieve());
        }

        #[test]
        fn an_even_exponent_is_refused(half in 1_u64..1 << 32) {
            prop_assert!(RsaPublicKey::from_parts(&[0xff; 128], &(half * 2).to_be_bytes()).is_err());
        }
    }
}
