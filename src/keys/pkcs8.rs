//! Private keys at rest: PKCS#8 (RFC 5958), as it is or encrypted with PBES2 (RFC 8018), as PEM or DER, so that stock
//! OpenSSL opens what bootseal writes and the other way round.

use der::asn1::{ObjectIdentifier, OctetStringRef};
use der::pem::LineEnding;
use der::{Decode, SecretDocument, Sequence};
use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, SCRYPT_OID, Salt, ScryptParams};
use pkcs8::pkcs5::{self, EncryptionScheme as Pkcs5Scheme};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::passphrase::Passphrase;
use super::pem_blocks::{describe, key_block};

/// PEM label of a PKCS#8 key.
const PLAIN: &str = "PRIVATE KEY";
/// PEM label of an encrypted PKCS#8 key.
const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
/// scrypt's N. With r it takes 16 MiB; OpenSSL opens nothing over 32 MiB unless told to.
const SCRYPT_N: u64 = 1 << 14;
/// scrypt's r.
const SCRYPT_R: u16 = 8;
/// scrypt's p: five times the work, in the same memory.
const SCRYPT_P: u16 = 5;
/// Most memory that opening a key may take, in bytes.
const MAX_SCRYPT_MEMORY: u64 = 1 << 30;
/// Most passes over that memory.
const MAX_SCRYPT_P: u16 = 64;
/// Most rounds of PBKDF2: some ten seconds.
const MAX_PBKDF2_ROUNDS: u32 = 20_000_000;
/// The arcs of the encryptions in PKCS#5 (RFC 8018, appendix A) and PKCS#12 (RFC 7292, appendix C).
const PKCS5: &str = "1.2.840.113549.1.5.";
const PKCS12_PBE: &str = "1.2.840.113549.1.12.1.";
/// Smallest RSA key that signs anything, in bits.
const MIN_BITS: u32 = 2048;

/// The reason for which a file gives no private key. None of the texts quotes the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// PEM that is cut off or damaged.
    #[error("the PEM text is damaged: {0}")]
    Pem(der::Error),
    /// Not a key at all.
    #[error("it holds no private key")]
    NotAKey,
    /// The older format of RSA keys, in clear or encrypted in a way of its own (`DEK-Info`).
    #[error("it is a PKCS#1 key (\"RSA PRIVATE KEY\"), not PKCS#8")]
    Pkcs1,
    /// A PEM text with something else.
    #[error("it holds {0}, not a PKCS#8 private key")]
    OtherContent(String),
    /// Another algorithm than RSA.
    #[error("its algorithm is {0}; firmware and GRUB need RSA")]
    NotRsa(ObjectIdentifier),
    /// An RSA key whose numbers do not fit together.
    #[error("its RSA key is not valid")]
    Invalid,
    /// An RSA key that is too small.
    #[error("its RSA key has {0} bits; less than 2048 are not safe")]
    TooSmall(u32),
    /// An encryption that is not opened: DES, PBES1, HMAC with SHA-1.
    #[error("its encryption is not supported: {0}")]
    Unsupported(pkcs5::Error),
    /// An encryption that the library does not know at all, such as `des-ede3-cbc`, the default of older versions of
    /// `openssl req`.
    #[error("it is encrypted in an old way, with an algorithm such as des-ede3-cbc that is not read here")]
    Encryption,
    /// Key derivation that would take too long or too much memory.
    #[error("opening it would take an unreasonable amount of memory or time")]
    Cost,
    /// An encrypted key, and nobody gave a passphrase.
    #[error("it is encrypted, and there is no passphrase")]
    PassphraseNeeded,
    /// The wrong passphrase.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
}

/// The protection of a private key file at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// In clear.
    Plain,
    /// Encrypted, the key derived with scrypt.
    Scrypt,
    /// Encrypted, the key derived with PBKDF2.
    Pbkdf2,
    /// Encrypted in a way that is not read here.
    Other,
}

impl Protection {
    /// Name of [`Self::Plain`].
    pub const PLAIN: &str = "plain";
    /// Name of [`Self::Scrypt`].
    pub const SCRYPT: &str = "scrypt";
    /// The word in its place for a key on a token.
    pub const TOKEN: &str = "token";

    /// The name in reports and transcripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => Self::PLAIN,
            Self::Scrypt => Self::SCRYPT,
            Self::Pbkdf2 => "pbkdf2",
            Self::Other => "another encryption",
        }
    }
}

/// A private key file, not opened yet.
pub(super) struct KeyFile {
    der: SecretDocument,
    encrypted: bool,
}

impl KeyFile {
    /// Recognises PEM or DER; text before and after the first private key in PEM is skipped, as certificates are.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, KeyFileError> {
        match std::str::from_utf8(bytes).ok().and_then(key_block) {
            Some((label, block)) => Self::from_pem(label, block),
            None => Self::from_der(bytes),
        }
    }

    fn from_pem(label: &str, block: &str) -> Result<Self, KeyFileError> {
        // The label first: older formats have header lines that the decoder does not know.
        let encrypted = match label {
            PLAIN => false,
            ENCRYPTED => true,
            "RSA PRIVATE KEY" => return Err(KeyFileError::Pkcs1),
            other => return Err(KeyFileError::OtherContent(describe(other))),
        };
        let (_, der) = SecretDocument::from_pem(block).map_err(KeyFileError::Pem)?;
        Ok(Self { der, encrypted })
    }

    fn from_der(bytes: &[u8]) -> Result<Self, KeyFileError> {
        let encrypted = if PrivateKeyInfoRef::from_der(bytes).is_ok() {
            false
        } else if is_encrypted_key(bytes) {
            true
        } else if rsa::pkcs1::RsaPrivateKeyRef::from_der(bytes).is_ok() {
            return Err(KeyFileError::Pkcs1);
        } else {
            return Err(KeyFileError::NotAKey);
        };
        let der = SecretDocument::try_from(bytes).map_err(|_| KeyFileError::NotAKey)?;
        Ok(Self { der, encrypted })
    }

    /// True if a passphrase is needed.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// The protection of the file at rest.
    pub(super) fn protection(&self) -> Protection {
        if !self.encrypted {
            return Protection::Plain;
        }
        let info = EncryptedPrivateKeyInfoRef::from_der(self.der.as_bytes());
        let scheme = info.as_ref().ok().and_then(|info| info.encryption_algorithm.pbes2());
        match scheme.map(|parameters| &parameters.kdf) {
            Some(Kdf::Scrypt(_)) => Protection::Scrypt,
            Some(Kdf::Pbkdf2(_)) => Protection::Pbkdf2,
            _ => Protection::Other,
        }
    }

    /// The RSA key inside: a DER `RSAPrivateKey` (RFC 8017, appendix A.1.2), whose numbers are not checked yet.
    pub(super) fn open(&self, passphrase: Option<&Passphrase>) -> Result<SecretDocument, KeyFileError> {
        if !self.encrypted {
            let info = PrivateKeyInfoRef::from_der(self.der.as_bytes()).map_err(|_| KeyFileError::NotAKey)?;
            return rsa_key(&info);
        }
        let passphrase = passphrase.ok_or(KeyFileError::PassphraseNeeded)?;
        let plain = decrypt(self.der.as_bytes(), passphrase)?;
        // What decrypts to no key was decrypted with the wrong passphrase: one in 256 leaves valid padding.
        let info = PrivateKeyInfoRef::from_der(plain.as_bytes()).map_err(|_| KeyFileError::WrongPassphrase)?;
        rsa_key(&info)
    }
}

fn rsa_key(info: &PrivateKeyInfoRef<'_>) -> Result<SecretDocument, KeyFileError> {
    let algorithm = info.algorithm.oid;
    if algorithm != const_oid::db::rfc5912::RSA_ENCRYPTION {
        return Err(KeyFileError::NotRsa(algorithm));
    }
    let pkcs1 = info.private_key.as_bytes();
    let parts = rsa::pkcs1::RsaPrivateKeyRef::from_der(pkcs1).map_err(|_| KeyFileError::Invalid)?;
    let bytes = u32::from(parts.modulus.len());
    match bytes.saturating_mul(8) {
        bits if bits < MIN_BITS => Err(KeyFileError::TooSmall(bits)),
        _ => SecretDocument::try_from(pkcs1).map_err(|_| KeyFileError::Invalid),
    }
}

/// The parts of an `EncryptedPrivateKeyInfo` (RFC 5958, section 3), whatever its encryption is.
#[derive(Sequence)]
struct EncryptedKey<'a> {
    algorithm: AlgorithmIdentifierRef<'a>,
    data: &'a OctetStringRef,
}

/// True for an encrypted key, be it in a way that is not read here.
fn is_encrypted_key(der: &[u8]) -> bool {
    EncryptedKey::from_der(der).is_ok_and(|key| is_encryption(key.algorithm.oid))
}

/// True for the encryptions of PKCS#5 and PKCS#12.
fn is_encryption(algorithm: ObjectIdentifier) -> bool {
    [PKCS5, PKCS12_PBE]
        .iter()
        .any(|arc| algorithm.to_string().starts_with(arc))
}

fn decrypt(der: &[u8], passphrase: &Passphrase) -> Result<SecretDocument, KeyFileError> {
    let info = EncryptedPrivateKeyInfoRef::from_der(der).map_err(|_| encryption_of(der))?;
    check_cost(&info.encryption_algorithm)?;
    info.decrypt(passphrase.danger_reveal()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(reason) if reason != pkcs5::Error::DecryptFailed => {
            KeyFileError::Unsupported(reason)
        }
        _ => KeyFileError::WrongPassphrase,
    })
}

/// The reason for which the library does not read how a key is encrypted.
fn encryption_of(der: &[u8]) -> KeyFileError {
    match EncryptedKey::from_der(der) {
        Ok(_) => KeyFileError::Encryption,
        Err(error) => KeyFileError::Pem(error),
    }
}

/// Refuses parameters that would use up the machine, or that the library does not survive: the file states them itself.
fn check_cost(scheme: &Pkcs5Scheme) -> Result<(), KeyFileError> {
    let bearable = match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Scrypt(scrypt)) => {
            let (n, r) = (scrypt.cost_parameter, u64::from(scrypt.block_size));
            // RFC 7914, section 2; the library panics on an N of zero.
            if n < 2 || !n.is_power_of_two() || r == 0 || scrypt.parallelization == 0 {
                return Err(KeyFileError::Unsupported(pkcs5::Error::AlgorithmParametersInvalid {
                    oid: SCRYPT_OID,
                }));
            }
            n.saturating_mul(r).saturating_mul(128) <= MAX_SCRYPT_MEMORY && scrypt.parallelization <= MAX_SCRYPT_P
        }
        Some(Kdf::Pbkdf2(pbkdf2)) => pbkdf2.iteration_count <= MAX_PBKDF2_ROUNDS,
        _ => true,
    };
    if bearable { Ok(()) } else { Err(KeyFileError::Cost) }
}

/// The key as PKCS#8 PEM.
pub(super) fn encode(pkcs1: &[u8]) -> Result<Zeroizing<String>, pkcs8::Error> {
    Ok(document(pkcs1)?.to_pem(PLAIN, LineEnding::LF)?)
}

/// A DER `RSAPrivateKey` in a PKCS#8 `PrivateKeyInfo`.
fn document(pkcs1: &[u8]) -> Result<SecretDocument, pkcs8::Error> {
    let info = PrivateKeyInfoRef::new(rsa::pkcs1::ALGORITHM_ID, OctetStringRef::new(pkcs1)?);
    SecretDocument::try_from(info)
}

/// The key as PKCS#8 PEM, encrypted: scrypt and AES-256-CBC. Salt and initialization vector must be fresh.
pub(super) fn encode_encrypted(
    pkcs1: &[u8],
    passphrase: &Passphrase,
    salt: &[u8; 16],
    iv: [u8; 16],
) -> Result<Zeroizing<String>, pkcs8::Error> {
    let parameters = Parameters {
        kdf: Kdf::Scrypt(ScryptParams {
            salt: Salt::new(salt)?,
            cost_parameter: SCRYPT_N,
            block_size: SCRYPT_R,
            parallelization: SCRYPT_P,
            key_length: None,
        }),
        encryption: EncryptionScheme::Aes256Cbc { iv },
    };
    let plain = document(pkcs1)?;
    let data = parameters.encrypt(passphrase.danger_reveal(), plain.as_bytes())?;
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: parameters.into(),
        encrypted_data: OctetStringRef::new(&data)?,
    };
    Ok(SecretDocument::try_from(info)?.to_pem(ENCRYPTED, LineEnding::LF)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::Encode;

    /// A file that states these parameters of scrypt; its content is not meant to be decrypted.
    fn stating(n: u64, r: u16, p: u16, data: &[u8]) -> Result<SecretDocument, KeyFileError> {
        let parameters = Parameters {
            kdf: Kdf::Scrypt(ScryptParams {
                salt: Salt::new([7; 16]).unwrap(),
                cost_parameter: n,
                block_size: r,
                parallelization: p,
                key_length: None,
            }),
            encryption: EncryptionScheme::Aes256Cbc { iv: [0; 16] },
        };
        let info = EncryptedPrivateKeyInfoRef {
            encryption_algorithm: parameters.into(),
            encrypted_data: OctetStringRef::new(data).unwrap(),
        };
        let file = KeyFile::parse(&info.to_der().unwrap()).unwrap();
        assert!(file.is_encrypted());
        assert!(matches!(file.open(None), Err(KeyFileError::PassphraseNeeded)));
        file.open(Some(&Passphrase::new("correct horse").unwrap()))
    }

    #[test]
    fn parameters_that_eat_the_machine_are_refused() {
        for (n, r, p) in [
            (1 << 40, 8, 1),
            (1 << 20, 16, 1),
            (1 << 14, 8, 65),
            (1 << 63, u16::MAX, 1),
        ] {
            assert!(
                matches!(stating(n, r, p, &[0; 32]), Err(KeyFileError::Cost)),
                "{n} {r} {p}"
            );
        }
    }

    #[test]
    fn parameters_of_no_scrypt_are_refused() {
        for (n, r, p) in [(0, 8, 1), (1, 8, 1), (3, 8, 1), (1 << 10, 0, 1), (1 << 10, 8, 0)] {
            let refused = stating(n, r, p, &[0; 32]);
            assert!(matches!(refused, Err(KeyFileError::Unsupported(_))), "{n} {r} {p}");
        }
    }

    #[test]
    fn what_does_not_decrypt_was_given_the_wrong_passphrase() {
        for length in [0, 1, 16, 31, 32] {
            let refused = stating(1 << 10, 8, 1, &vec![0; length]);
            assert!(matches!(refused, Err(KeyFileError::WrongPassphrase)), "{length}");
        }
    }
}
