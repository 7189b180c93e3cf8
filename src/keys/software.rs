//! A private key in this process's memory, from a file or just made.

use std::path::Path;

use crypto_primes::Flavor;
use crypto_primes::fips::{FipsOptions, is_prime};
use getrandom::SysRng;
use rsa::RsaPrivateKey;
#[cfg(feature = "aws-lc")]
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::rand_core::UnwrapErr;
use rsa::traits::PrivateKeyParts;

use crate::error::{Error, Explain, Result};
use crate::formats::hash::{Digest, HashAlgorithm};
use crate::formats::public_key::{PublicKey, pkcs1v15};
use crate::system::{self, Context, NewFile};

#[cfg(feature = "aws-lc")]
use super::aws_lc::AwsLcKey;
use super::passphrase::Passphrase;
use super::pkcs8::{self, KeyFile, KeyFileError};
use super::signer::Signer;

/// Chance that a composite number passes for a prime, as a negative power of two.
const PRIME_ERROR_BOUND: u32 = 128;
/// The primes differ in their first 100 bits (FIPS 186-5, appendix A.1.3), or factoring by Fermat's method is easy.
const PRIME_DISTANCE: u32 = 100;
/// Permission bits of a private key file: nobody writes to it, and only the owner reads it.
const KEY_MODE: u32 = 0o400;

/// An RSA private key. AWS-LC makes its signatures where the build has it, else the `rsa` crate: blinded, with the
/// Chinese remainder theorem. Both make the same bytes.
pub struct SoftwareKey {
    private: RsaPrivateKey,
    public: PublicKey,
    #[cfg(feature = "aws-lc")]
    fast: AwsLcKey,
}

impl SoftwareKey {
    /// Makes a key with a modulus of `bits` bits and the exponent 65537, and checks it beyond what the library does:
    /// Miller-Rabin rounds with random bases and the distance of the primes, as FIPS 186-5 asks for, and that it
    /// verifies what it signs.
    pub fn generate(context: &Context, bits: u32) -> Result<Self> {
        let cannot = || format!("cannot make an RSA-{bits} key");
        // The library's generator panics when the kernel gives no random bytes; asking first makes that an error.
        context.random::<32>()?;
        let size = usize::try_from(bits).or_bug(cannot)?;
        let private = RsaPrivateKey::new(&mut UnwrapErr(SysRng), size).or_bug(cannot)?;
        check_primes(&private, bits)?;
        let key = Self::from_rsa(private)?;
        let nonce = HashAlgorithm::Sha256.digest(&[&context.random::<32>()?]);
        if key.sign(&nonce)? == key.sign_portably(&nonce)? {
            Ok(key)
        } else {
            Err(Error::bug("two implementations of RSA differ over a new key"))
        }
    }

    pub(super) fn from_rsa(private: RsaPrivateKey) -> Result<Self> {
        let public = PublicKey::from_rsa(private.to_public_key())
            .or_refuse(|| "the public half of the key cannot be used".to_owned())?;
        Ok(Self {
            #[cfg(feature = "aws-lc")]
            fast: fast(&private)?,
            private,
            public,
        })
    }

    /// Signs with the `rsa` crate.
    fn sign_portably(&self, digest: &Digest) -> Result<Vec<u8>> {
        let signature = self
            .private
            .sign(pkcs1v15(digest.algorithm()), digest.as_bytes())
            .or_bug(|| "the RSA signature cannot be made".to_owned())?;
        // A fault in one half of the computation would give the private key away to whoever sees the signature.
        self.public
            .verify(digest, &signature)
            .or_bug(|| "the RSA computation went wrong; the signature is withheld".to_owned())?;
        Ok(signature)
    }

    /// Reads a key file: PKCS#8, PEM or DER. `ask` is called only if the file is encrypted. A file that others than its
    /// owner can read is refused.
    pub fn load(path: &Path, ask: &mut dyn FnMut() -> Result<Passphrase>) -> Result<Self> {
        let bytes = system::read_secret(path)?;
        let file = KeyFile::parse(&bytes).map_err(|reason| unusable(path, reason))?;
        let passphrase = if file.is_encrypted() { Some(ask()?) } else { None };
        let private = file
            .open(passphrase.as_ref())
            .map_err(|reason| unusable(path, reason))?;
        Self::from_rsa(private)
    }

    /// Writes the key to a new file (PKCS#8 PEM, mode 0400), encrypted where there is a passphrase.
    pub fn save(&self, context: &Context, path: &Path, passphrase: Option<&Passphrase>) -> Result<()> {
        let cannot = || format!("cannot encode the key for {}", path.display());
        let pem = match passphrase {
            None => pkcs8::encode(&self.private),
            Some(passphrase) => {
                pkcs8::encode_encrypted(&self.private, passphrase, &context.random()?, context.random()?)
            }
        }
        .or_bug(cannot)?;
        NewFile {
            path,
            bytes: pem.as_bytes(),
            mode: KEY_MODE,
        }
        .create(context)
    }
}

impl Signer for SoftwareKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    #[cfg(feature = "aws-lc")]
    fn sign(&self, digest: &Digest) -> Result<Vec<u8>> {
        let failed = || Error::bug("the RSA signature cannot be made");
        self.fast.sign(digest).ok_or_else(failed)
    }

    #[cfg(not(feature = "aws-lc"))]
    fn sign(&self, digest: &Digest) -> Result<Vec<u8>> {
        self.sign_portably(digest)
    }
}

#[cfg(feature = "aws-lc")]
fn fast(private: &RsaPrivateKey) -> Result<AwsLcKey> {
    let cannot = || "the private key cannot be handed to AWS-LC".to_owned();
    let pkcs1 = private.to_pkcs1_der().or_bug(cannot)?;
    AwsLcKey::new(pkcs1.as_bytes()).ok_or_else(|| Error::bug(cannot()))
}

/// Says why a key file is of no use, and what to do about it.
fn unusable(path: &Path, reason: KeyFileError) -> Error {
    let file = path.display();
    let hint = match reason {
        KeyFileError::Pkcs1 => Some(format!("openssl pkcs8 -topk8 -scrypt -in {file} -out {file}.pkcs8")),
        KeyFileError::WrongPassphrase => Some(format!(
            "openssl pkey -in {file} -noout asks for the passphrase and tells whether it is the right one"
        )),
        KeyFileError::Unsupported(_) | KeyFileError::Cost => Some(format!(
            "openssl pkcs8 -in {file} -out {file}.plain && openssl pkcs8 -topk8 -scrypt -in {file}.plain -out {file}.new"
        )),
        KeyFileError::NotRsa(_) | KeyFileError::TooSmall(_) | KeyFileError::Invalid(_) => {
            Some("bootseal ceremony run makes keys that firmware, kernel and GRUB take".to_owned())
        }
        _ => None,
    };
    let error = Error::refused(format!("cannot use the private key {file}")).caused_by(reason);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
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
    if distance.bits() <= half.saturating_sub(PRIME_DISTANCE) {
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
    fn a_new_key_is_of_the_size_asked_for_and_saves_only_once() {
        let context = Context::host();
        let key = SoftwareKey::generate(&context, 2048).unwrap();
        assert_eq!(key.public_key().bits(), 2048);
        assert_eq!(key.public_key().exponent(), [1, 0, 1]);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("db.key");
        key.save(&context, &path, None).unwrap();
        assert!(key.save(&context, &path, None).is_err());
        let mut never = || panic!("the key is not encrypted");
        let loaded = SoftwareKey::load(&path, &mut never).unwrap();
        assert_eq!(loaded.public_key(), key.public_key());
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
