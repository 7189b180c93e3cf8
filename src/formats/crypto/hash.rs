//! Hash algorithms of the chain: their names, object identifiers and digests.

use std::io::{self, Read};

use const_oid::ObjectIdentifier;
use sha2::digest::DynDigest;

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// A hash algorithm that bootseal signs with or verifies. MD5 and SHA-1 are not among them on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HashAlgorithm {
    /// SHA-256 (FIPS 180-4), 32 bytes.
    Sha256,
    /// SHA-384 (FIPS 180-4), 48 bytes.
    Sha384,
    /// SHA-512 (FIPS 180-4), 64 bytes.
    Sha512,
    /// SHA3-256 (FIPS 202), 32 bytes.
    Sha3_256,
    /// SHA3-384 (FIPS 202), 48 bytes.
    Sha3_384,
    /// SHA3-512 (FIPS 202), 64 bytes.
    Sha3_512,
}

impl HashAlgorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Sha3_256,
        Self::Sha3_384,
        Self::Sha3_512,
    ];

    /// The object identifier (NIST CSOR).
    #[must_use]
    pub const fn oid(self) -> ObjectIdentifier {
        use const_oid::db::fips202::{ID_SHA_3_256, ID_SHA_3_384, ID_SHA_3_512};
        use const_oid::db::rfc5912::{ID_SHA_256, ID_SHA_384, ID_SHA_512};
        match self {
            Self::Sha256 => ID_SHA_256,
            Self::Sha384 => ID_SHA_384,
            Self::Sha512 => ID_SHA_512,
            Self::Sha3_256 => ID_SHA_3_256,
            Self::Sha3_384 => ID_SHA_3_384,
            Self::Sha3_512 => ID_SHA_3_512,
        }
    }

    /// The algorithm with this object identifier, if it is one of ours.
    #[must_use]
    pub fn from_oid(oid: &ObjectIdentifier) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.oid() == *oid)
    }

    /// The name that the kernel's `sign-file` and OpenSSL take.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha3_256 => "sha3-256",
            Self::Sha3_384 => "sha3-384",
            Self::Sha3_512 => "sha3-512",
        }
    }

    /// The algorithm with this name, if it is one of ours.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.name() == name)
    }

    /// Size of a digest, in bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// The DER of a DigestInfo up to the digest (RFC 8017, section 9.2, note 1).
    #[must_use]
    pub const fn digest_info_prefix(self) -> [u8; 19] {
        // The object identifiers are 2.16.840.1.101.3.4.2.x, and x and the length each fit a byte.
        let (last_arc, length) = match self {
            Self::Sha256 => (1, 32),
            Self::Sha384 => (2, 48),
            Self::Sha512 => (3, 64),
            Self::Sha3_256 => (8, 32),
            Self::Sha3_384 => (9, 48),
            Self::Sha3_512 => (10, 64),
        };
        [
            0x30,
            17 + length,
            0x30,
            0x0d,
            0x06,
            0x09,
            0x60,
            0x86,
            0x48,
            0x01,
            0x65,
            0x03,
            0x04,
            0x02,
            last_arc,
            0x05,
            0x00,
            0x04,
            length,
        ]
    }

    /// Hashes the concatenation of `parts`.
    #[must_use]
    pub fn digest(self, parts: &[&[u8]]) -> Digest {
        let mut hasher = self.hasher();
        for part in parts {
            hasher.update(part);
        }
        hasher.finish()
    }

    /// Hashes all that a reader gives, without holding it.
    pub fn digest_of(self, mut reader: impl Read) -> io::Result<Digest> {
        let mut hasher = self.hasher();
        let mut chunk = vec![0; CHUNK];
        loop {
            match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => hasher.update(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(hasher.finish())
    }

    /// A hasher that was given no byte yet.
    #[must_use]
    pub fn hasher(self) -> Hasher {
        let hasher: Box<dyn DynDigest> = match self {
            Self::Sha256 => Box::<sha2::Sha256>::default(),
            Self::Sha384 => Box::<sha2::Sha384>::default(),
            Self::Sha512 => Box::<sha2::Sha512>::default(),
            Self::Sha3_256 => Box::<sha3::Sha3_256>::default(),
            Self::Sha3_384 => Box::<sha3::Sha3_384>::default(),
            Self::Sha3_512 => Box::<sha3::Sha3_512>::default(),
        };
        Hasher {
            algorithm: self,
            hasher,
        }
    }
}

/// A digest on its way.
#[derive(Clone)]
pub struct Hasher {
    algorithm: HashAlgorithm,
    hasher: Box<dyn DynDigest>,
}

impl Hasher {
    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// The digest of all bytes.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest {
            algorithm: self.algorithm,
            bytes: self.hasher.finalize(),
        }
    }
}

/// SHA-256 (FIPS 180-4) of the concatenation of `parts`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = sha2::Sha256::default();
    for part in parts {
        sha2::Digest::update(&mut hasher, part);
    }
    sha2::Digest::finalize(hasher).into()
}

/// A digest and the algorithm that made it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    algorithm: HashAlgorithm,
    bytes: Box<[u8]>,
}

impl Digest {
    /// A digest that was computed elsewhere; `None` when its length is not the algorithm's.
    #[must_use]
    pub fn new(algorithm: HashAlgorithm, bytes: Vec<u8>) -> Option<Self> {
        let bytes = bytes.into_boxed_slice();
        (bytes.len() == algorithm.len()).then_some(Self { algorithm, bytes })
    }

    /// A SHA3-512 digest (FIPS 202, section 6.1) that was computed in lanes.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn sha3_512(bytes: [u8; 64]) -> Self {
        Self {
            algorithm: HashAlgorithm::Sha3_512,
            bytes: Box::new(bytes),
        }
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The digest's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lower-case hexadecimal.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(&self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc_are_those_of_the_standards() {
        let sha3 = HashAlgorithm::Sha3_512.digest(&[b"a", b"bc"]).to_hex();
        assert!(sha3.starts_with("b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"));
        let sha2 = HashAlgorithm::Sha256.digest(&[b"abc"]).to_hex();
        assert_eq!(sha2, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn object_identifiers_lead_back() {
        for hash in HashAlgorithm::ALL {
            assert_eq!(HashAlgorithm::from_oid(&hash.oid()), Some(hash));
        }
        assert_eq!(HashAlgorithm::Sha3_512.oid().to_string(), "2.16.840.1.101.3.4.2.10");
    }

    #[test]
    fn the_digest_info_of_sha3_512_is_the_kernels() {
        let prefix = hex::encode(HashAlgorithm::Sha3_512.digest_info_prefix());
        assert_eq!(prefix, "3051300d060960864801650304020a05000440");
        for hash in HashAlgorithm::ALL {
            assert_eq!(hash.digest_info_prefix()[6..15], *hash.oid().as_bytes());
            assert_eq!(hash.digest(&[]).as_bytes().len(), hash.len());
        }
    }
}
