//! A private key in this process's memory, from a file or just made.

use std::path::Path;

use der::{Decode, SecretDocument};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::hash::Digest;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::text::Shown;
use crate::system::{self, Context};

#[cfg(feature = "aws-lc")]
use super::aws_lc::AwsLcKey;
use super::passphrase::Passphrase;
use super::pkcs8::{self, KeyFile, KeyFileError, Protection};
use super::portable::PortableKey;
use super::signer::Signer;

/// The text whose HMAC-SHA-256 under the key's DER is the secret of the manifests.
const MANIFEST: &[u8] = b"bootseal manifest of signed files";

/// An RSA private key. AWS-LC makes its signatures where the build has it, else the `rsa` crate; both make the same
/// bytes, and both check them against faults before they hand them out.
pub struct SoftwareKey {
    /// DER `RSAPrivateKey` (RFC 8017, appendix A.1.2).
    pkcs1: SecretDocument,
    public: RsaPublicKey,
    engine: Engine,
}

/// The implementation of RSA that makes the signatures.
enum Engine {
    #[cfg(feature = "aws-lc")]
    AwsLc(AwsLcKey),
    Portable(Box<PortableKey>),
}

impl Engine {
    /// The fastest of this build; `None` if the numbers do not fit together.
    #[cfg(feature = "aws-lc")]
    fn new(pkcs1: &[u8]) -> Option<Self> {
        AwsLcKey::new(pkcs1).map(Self::AwsLc)
    }

    #[cfg(not(feature = "aws-lc"))]
    fn new(pkcs1: &[u8]) -> Option<Self> {
        PortableKey::new(pkcs1).map(|key| Self::Portable(Box::new(key)))
    }

    fn sign(&self, digest: &Digest) -> Option<Vec<u8>> {
        match self {
            #[cfg(feature = "aws-lc")]
            Self::AwsLc(key) => key.sign(digest),
            Self::Portable(key) => key.sign(digest),
        }
    }
}

impl SoftwareKey {
    /// The same key with its signatures made by the `rsa` crate, to check one implementation by the other.
    pub fn portable(self) -> Result<Self> {
        let engine = PortableKey::new(self.pkcs1.as_bytes()).map(|key| Engine::Portable(Box::new(key)));
        let engine = engine.ok_or_else(|| Error::bug("the rsa crate does not take a key that was in use"))?;
        Ok(Self { engine, ..self })
    }

    pub(super) fn from_pkcs1(pkcs1: SecretDocument) -> std::result::Result<Self, KeyFileError> {
        let parts = rsa::pkcs1::RsaPrivateKeyRef::from_der(pkcs1.as_bytes()).map_err(|_| KeyFileError::Invalid)?;
        let public = RsaPublicKey::from_parts(parts.modulus.as_bytes(), parts.public_exponent.as_bytes())
            .map_err(|_| KeyFileError::Invalid)?;
        let engine = Engine::new(pkcs1.as_bytes()).ok_or(KeyFileError::Invalid)?;
        Ok(Self { pkcs1, public, engine })
    }

    /// Reads a key file: PKCS#8, PEM or DER. `ask` is called only if the file is encrypted. A file that others than its
    /// owner can read is refused.
    pub fn load(path: &Path, ask: &mut dyn FnMut() -> Result<Passphrase>) -> Result<Self> {
        Self::parse(&system::read_secret(path)?, path, ask)
    }

    /// Reads the content of a key file. `path` says in errors where it is from.
    pub fn parse(bytes: &[u8], path: &Path, ask: &mut dyn FnMut() -> Result<Passphrase>) -> Result<Self> {
        let file = KeyFile::parse(bytes).map_err(|reason| unusable(path, reason))?;
        let passphrase = if file.is_encrypted() { Some(ask()?) } else { None };
        file.open(passphrase.as_ref())
            .and_then(Self::from_pkcs1)
            .map_err(|reason| unusable(path, reason))
    }

    /// The protection of a key file at rest.
    pub fn protection(path: &Path) -> Result<Protection> {
        let file = KeyFile::parse(&system::read_secret(path)?).map_err(|reason| unusable(path, reason))?;
        Ok(file.protection())
    }

    /// The content of a key file, PKCS#8 PEM: encrypted where there is a passphrase, else the secret itself.
    pub fn to_pem(&self, context: &Context, passphrase: Option<&Passphrase>) -> Result<Zeroizing<String>> {
        let pkcs1 = self.pkcs1.as_bytes();
        match passphrase {
            None => pkcs8::encode(pkcs1),
            Some(passphrase) => pkcs8::encode_encrypted(pkcs1, passphrase, &context.random()?, context.random()?),
        }
        .or_bug(|| "cannot encode a private key".to_owned())
    }

    /// The numbers of the key for a token, which takes them over (PKCS#11, `CKO_PRIVATE_KEY` of `CKK_RSA`).
    pub(super) fn numbers(&self) -> Result<rsa::pkcs1::RsaPrivateKeyRef<'_>> {
        rsa::pkcs1::RsaPrivateKeyRef::from_der(self.pkcs1.as_bytes())
            .or_bug(|| "a key that was in use does not read".to_owned())
    }
}

impl Signer for SoftwareKey {
    fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    fn sign(&self, digest: &Digest) -> Result<Vec<u8>> {
        let failed = || Error::bug("the RSA computation went wrong; there is no signature");
        self.engine.sign(digest).ok_or_else(failed)
    }

    fn manifest_secret(&self) -> Result<Option<Zeroizing<[u8; 32]>>> {
        let mac = Hmac::<Sha256>::new_from_slice(self.pkcs1.as_bytes());
        let mut mac = mac.or_bug(|| "HMAC refuses a key".to_owned())?;
        mac.update(MANIFEST);
        Ok(Some(Zeroizing::new(mac.finalize().into_bytes().into())))
    }
}

/// The error for a key file that is of no use, with the remedy.
fn unusable(path: &Path, reason: KeyFileError) -> Error {
    let file = quoted(path);
    let hint = match reason {
        KeyFileError::Pkcs1 => Some(format!(
            "openssl pkcs8 -topk8 -scrypt -in {file} -out {file}.new && mv -f {file}.new {file}"
        )),
        KeyFileError::WrongPassphrase => Some(format!(
            "openssl pkey -in {file} -noout asks for the passphrase and tells whether it is the right one"
        )),
        // DES, RC2 and MD5 are with OpenSSL 3 in a library of their own.
        KeyFileError::Unsupported(_) | KeyFileError::Encryption | KeyFileError::Cost => Some(format!(
            "openssl pkcs8 -provider default -provider legacy -topk8 -scrypt -in {file} -out {file}.new && mv -f {file}.new {file}"
        )),
        KeyFileError::NotRsa(_) | KeyFileError::TooSmall(_) | KeyFileError::Invalid => {
            Some("bootseal ceremony run makes keys that firmware, kernel and GRUB take".to_owned())
        }
        _ => None,
    };
    let error = Error::refused(format!("cannot use the private key {}", path.shown())).caused_by(reason);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
