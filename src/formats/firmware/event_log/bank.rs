//! The banks of registers of a TPM, one for each hash algorithm.

use crate::formats::crypto::hash::{Digest, HashAlgorithm};

/// A bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bank {
    /// SHA-1: it says what is in a log, and proves little against who makes collisions.
    Sha1,
    /// One of the algorithms that are worth relying on.
    Sha2(HashAlgorithm),
}

impl Bank {
    /// SHA-2 and SHA-1 by their numbers in the TCG Algorithm Registry.
    #[must_use]
    pub const fn from_tcg_number(algorithm: u16) -> Option<Self> {
        match algorithm {
            0x04 => Some(Self::Sha1),
            0x0b => Some(Self::Sha2(HashAlgorithm::Sha256)),
            0x0c => Some(Self::Sha2(HashAlgorithm::Sha384)),
            0x0d => Some(Self::Sha2(HashAlgorithm::Sha512)),
            _ => None,
        }
    }

    /// The name that the kernel and the tools of TPMs have for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha2(algorithm) => algorithm.name(),
        }
    }

    /// The name for a person.
    #[must_use]
    pub fn title(self) -> String {
        self.name().to_uppercase().replacen("SHA", "SHA-", 1)
    }

    /// Size of a register, in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha2(algorithm) => algorithm.len(),
        }
    }

    /// The digest of some parts, one behind the other.
    #[must_use]
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        match self {
            Self::Sha1 => {
                use sha1::Digest as _;
                let mut hash = sha1::Sha1::new();
                for part in parts {
                    hash.update(part);
                }
                hash.finalize().to_vec()
            }
            Self::Sha2(algorithm) => algorithm.digest(parts).as_bytes().to_vec(),
        }
    }

    /// The value of a register after it was extended.
    #[must_use]
    pub fn extend(self, value: &[u8], by: &[u8]) -> Vec<u8> {
        self.digest(&[value, by])
    }

    /// A digest of ours, if the algorithm is one of them.
    pub(super) fn known(self, bytes: Vec<u8>) -> Option<Digest> {
        match self {
            Self::Sha1 => None,
            Self::Sha2(algorithm) => Digest::new(algorithm, bytes),
        }
    }
}
