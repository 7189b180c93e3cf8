//! New RSA keys, with more checks than the library makes, since they live for ten years.

use crypto_primes::Flavor;
use crypto_primes::fips::{FipsOptions, is_prime};
use getrandom::SysRng;
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::rand_core::UnwrapErr;
use rsa::traits::PrivateKeyParts;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::system::Context;

use super::portable::PortableKey;
use super::signer::Signer;
use super::software::SoftwareKey;

/// Chance that a composite number passes for a prime, as a negative power of two.
const PRIME_ERROR_BOUND: u32 = 128;
/// The primes differ in their first 100 bits (FIPS 186-5, appendix A.1.3), or factoring by Fermat's method is easy.
const PRIME_DISTANCE: u32 = 100;

impl SoftwareKey {
    /// Makes a key with a modulus of `bits` bits and the exponent 65537, and checks it: Miller-Rabin rounds with random
    /// bases and the distance of the primes, as FIPS 186-5 asks for, and that two implementations of RSA make the same
    /// signature with it.
    pub fn generate(context: &Context, bits: u32) -> Result<Self> {
        let cannot = || format!("cannot make an RSA-{bits} key");
        // The library's generator panics when the kernel gives no random bytes; asking first makes that an error.
        let nonce = HashAlgorithm::Sha256.digest(&[&context.random::<32>()?]);
        let size = usize::try_from(bits).or_bug(cannot)?;
        let private = RsaPrivateKey::new(&mut UnwrapErr(SysRng), size).or_bug(cannot)?;
        check_primes(&private, bits)?;
        let pkcs1 = private.to_pkcs1_der().or_bug(cannot)?;
        let portable = PortableKey::new(pkcs1.as_bytes()).and_then(|key| key.sign(&nonce));
        let key = Self::from_pkcs1(pkcs1).or_bug(cannot)?;
        if portable == Some(key.sign(&nonce)?) {
            Ok(key)
        } else {
            Err(Error::bug("two implementations of RSA differ over a new key"))
        }
    }
}

/// The checks of FIPS 186-5, appendix A.1.3, that the library leaves out.
fn check_primes(key: &RsaPrivateKey, bits: u32) -> Result<()> {
    let [p, q] = key.primes() else {
        return Err(Error::bug("a new RSA key does not have two primes"));
    };
    let half = bits / 2;
    let (larger, smaller) = if p > q { (p, q) } else { (q, p) };
    let distance = larger.as_ref().wrapping_sub(smaller.as_ref());
    let least = half.checked_sub(PRIME_DISTANCE);
    let least = least.ok_or_else(|| Error::bug(format!("an RSA key of {bits} bits is too small to be checked")))?;
    if distance.bits() <= least {
        return Err(Error::bug("the primes of a new RSA key are too close"));
    }
    if key.d().bits() <= half {
        return Err(Error::bug("the private exponent of a new RSA key is too small"));
    }
    let options = FipsOptions::with_error_bound(half, PRIME_ERROR_BOUND)
        .ok_or_else(|| Error::bug(format!("no number of Miller-Rabin rounds is enough for {half} bits")))?
        .with_lucas_test();
    for prime in [p, q] {
        if !is_prime(&mut UnwrapErr(SysRng), Flavor::Any, prime.as_ref(), options) {
            return Err(Error::bug("a number that passed for a prime is none"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rsa::BoxedUint;

    #[test]
    fn a_new_key_is_of_the_size_asked_for_and_comes_back_from_its_file() {
        let context = Context::host();
        let key = SoftwareKey::generate(&context, 2048).unwrap();
        assert_eq!(key.public_key().bits(), 2048);
        assert_eq!(key.public_key().exponent(), [1, 0, 1]);
        let path = std::path::Path::new("db.key");
        let mut never = || panic!("the key is not encrypted");
        let loaded = SoftwareKey::parse(key.to_pem(&context, None).unwrap().as_bytes(), path, &mut never).unwrap();
        assert_eq!(loaded.public_key(), key.public_key());
    }

    #[test]
    fn both_implementations_make_the_same_signatures() {
        let private = RsaPrivateKey::new(&mut UnwrapErr(SysRng), 2048).unwrap();
        let pkcs1 = private.to_pkcs1_der().unwrap();
        let key = SoftwareKey::from_pkcs1(pkcs1.clone()).unwrap();
        let portable = SoftwareKey::from_pkcs1(pkcs1).unwrap().portable().unwrap();
        for hash in HashAlgorithm::ALL {
            let digest = hash.digest(&[hash.name().as_bytes()]);
            let signature = key.sign(&digest).unwrap();
            assert_eq!(portable.sign(&digest).unwrap(), signature);
            assert!(key.public_key().verify(&digest, &signature).is_ok());
        }
    }

    #[test]
    fn numbers_that_do_not_fit_together_are_no_key() {
        let private = RsaPrivateKey::new(&mut UnwrapErr(SysRng), 2048).unwrap();
        let mut der = private.to_pkcs1_der().unwrap().as_bytes().to_vec();
        // Far behind the modulus and the exponents: in the first prime.
        let place = der.len() * 6 / 10;
        der[place] ^= 2;
        assert!(PortableKey::new(&der).is_none());
        let document = der::SecretDocument::try_from(der.as_slice()).unwrap();
        assert!(SoftwareKey::from_pkcs1(document).is_err());
    }

    /// A key whose second prime is the next one after the first.
    fn close_primes() -> Option<RsaPrivateKey> {
        let p = crypto_primes::random_prime::<BoxedUint, _>(&mut UnwrapErr(SysRng), Flavor::Any, 1024);
        let two = BoxedUint::from(2_u8);
        let mut q = p.wrapping_add(&two);
        while !crypto_primes::is_prime(Flavor::Any, &q) {
            q = q.wrapping_add(&two);
        }
        // One prime in 65,537 does not go with the exponent.
        RsaPrivateKey::from_p_q(p, q, BoxedUint::from(65_537_u32)).ok()
    }

    #[test]
    fn primes_that_are_close_are_refused() {
        let key = std::iter::repeat_with(close_primes).flatten().next().unwrap();
        let error = check_primes(&key, 2048).unwrap_err();
        assert!(error.to_string().contains("too close"), "{error}");
    }
}
