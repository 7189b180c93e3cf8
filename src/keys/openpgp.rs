//! GRUB keys that GnuPG made: secret keys as `gpg --export-secret-keys` writes them, armored or not.

use std::path::{Path, PathBuf};

use crypto_bigint::BoxedUint;
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use sequoia_openpgp::Cert;
use sequoia_openpgp::cert::amalgamation::key::PrimaryKey;
use sequoia_openpgp::crypto::{Password, mpi};
use sequoia_openpgp::packet::key::{SecretKeyMaterial, SecretParts, UnspecifiedRole};
use sequoia_openpgp::packet::{Key, key::Key4};
use sequoia_openpgp::parse::Parse;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::{HashAlgorithm, Timestamp};

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::text::Shown;
use crate::system;

use super::name::KeyName;
use super::passphrase::Passphrase;
use super::pkcs8::KeyFileError;
use super::software::SoftwareKey;

/// A secret key in the file of another program, not opened yet.
pub struct OpenPgpKey {
    path: PathBuf,
    secret: Key4<SecretParts, UnspecifiedRole>,
    public: GrubKey,
}

impl OpenPgpKey {
    /// Reads the one key in a file that signs: GnuPG signs with the newest subkey that may, before the primary key. A file that
    /// others than its owner can read is refused.
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = system::read_secret(path)?;
        let refused = |reason: &str| Error::refused(format!("cannot use the key {}: {reason}", path.shown()));
        let export = "gpg --armor --export-secret-keys KEY-ID >FILE, with mode 0600";
        let certificate = Cert::from_bytes(&bytes).map_err(|error| {
            refused("it holds no OpenPGP key, or several")
                .caused_by(error.to_string())
                .hint(export)
        })?;
        // GRUB looks at no self-signature; here they tell what the key is for, and old ones were made over SHA-1.
        let mut policy = StandardPolicy::new();
        policy.accept_hash(HashAlgorithm::SHA1);
        let mut signing = Vec::new();
        for found in certificate.keys().with_policy(&policy, None).for_signing().secret() {
            if is_there(found.key()) {
                signing.push((
                    found.primary(),
                    found.key().creation_time(),
                    found.key().clone().role_into_unspecified(),
                ));
            }
        }
        if signing.is_empty() {
            return Err(refused("it holds no secret key that signs").hint(export));
        }
        signing.sort_by_key(|(is_primary, created, _)| (!is_primary, *created));
        let newest = signing.pop().ok_or_else(|| Error::bug("a list without an end"))?;
        let Key::V4(secret) = newest.2 else {
            return Err(refused("it is not of version 4, the only one that GRUB reads"));
        };
        let mpi::PublicKey::RSA { e, n } = secret.mpis() else {
            return Err(refused(&format!(
                "its algorithm is {}; GRUB needs RSA",
                secret.pk_algo()
            )));
        };
        let cannot = || format!("cannot use the key {}", path.shown());
        let public = RsaPublicKey::from_parts(n.value(), e.value()).or_refuse(cannot)?;
        let created = Timestamp::try_from(secret.creation_time()).or_refuse(cannot)?;
        let public = GrubKey::new(&public, created.into()).or_refuse(cannot)?;
        if public.fingerprint() != secret.fingerprint().to_hex() {
            return Err(refused(
                "it is for signatures alone by its algorithm (RSA, 3), which is out of use",
            ));
        }
        let (bits, least) = (public.public_key().bits(), KeyName::Grub.least_bits());
        if bits < least || bits > MOST_BITS {
            return Err(refused(&format!(
                "it has {bits} bits; an image of GRUB embeds keys of {least} and {MOST_BITS}"
            )));
        }
        Ok(Self {
            path: path.to_path_buf(),
            secret,
            public,
        })
    }

    /// The public half, with the moment that its fingerprint is made of.
    #[must_use]
    pub const fn public(&self) -> &GrubKey {
        &self.public
    }

    /// The file that it was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The private key. `ask` is called only if it is encrypted.
    pub fn open(&self, ask: &mut dyn FnMut(&str) -> Result<Passphrase>) -> Result<SoftwareKey> {
        let cannot = |reason: KeyFileError| {
            Error::refused(format!("cannot use the private key {}", self.path.shown())).caused_by(reason)
        };
        let secret = match self.secret.secret() {
            SecretKeyMaterial::Unencrypted(_) => self.secret.clone(),
            SecretKeyMaterial::Encrypted(_) => {
                let passphrase = ask(&format!("Passphrase of {}", self.path.shown()))?;
                let password = Password::from(passphrase.danger_reveal());
                let opened = self.secret.clone().decrypt_secret(&password);
                opened.map_err(|_| {
                    cannot(KeyFileError::WrongPassphrase).hint(format!(
                        "gpg --list-packets {} asks for the passphrase and tells whether it is the right one",
                        quoted(&self.path)
                    ))
                })?
            }
        };
        let SecretKeyMaterial::Unencrypted(numbers) = secret.secret() else {
            return Err(Error::bug("a key that was opened is encrypted"));
        };
        let public = self.public.public_key();
        let private = numbers.map(|numbers| match numbers {
            mpi::SecretKeyMaterial::RSA { d, p, q, .. } => private(public, [d.value(), p.value(), q.value()]),
            _ => None,
        });
        private
            .ok_or(KeyFileError::Invalid)
            .and_then(SoftwareKey::from_pkcs1)
            .map_err(cannot)
    }
}

/// Largest key that GRUB's readers are tried with, in bits.
const MOST_BITS: u32 = 4096;

/// True if the secret is in the file, and not on a card or left out.
fn is_there<R: sequoia_openpgp::packet::key::KeyRole>(key: &Key<SecretParts, R>) -> bool {
    match key.secret() {
        SecretKeyMaterial::Unencrypted(_) => true,
        SecretKeyMaterial::Encrypted(secret) => secret.s2k().is_supported(),
    }
}

/// The key as a DER `RSAPrivateKey`; none if the numbers do not fit together.
fn private(public: &RsaPublicKey, [exponent, p, q]: [&[u8]; 3]) -> Option<der::SecretDocument> {
    let number = BoxedUint::from_be_slice_vartime;
    let (modulus, e) = (number(&public.modulus()), number(&public.exponent()));
    let key = RsaPrivateKey::from_components(modulus, e, number(exponent), vec![number(p), number(q)]).ok()?;
    key.to_pkcs1_der().ok()
}
