//! The hashes under which OpenSSL verifies a signature: those of the chain, and the old ones that firmware still takes
//! below a certificate. Nothing is signed with the old ones here.

use sha2::digest::DynDigest;

use super::hash::HashAlgorithm;

/// A hash that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedHash {
    /// One that bootseal signs with too.
    Sound(HashAlgorithm),
    /// SHA-224.
    Sha224,
    /// SHA-1, broken: collisions can be made.
    Sha1,
    /// MD5, broken.
    Md5,
}

/// Content octets of hash identifiers: SHA-224, SHA-1 and MD5.
const SHA_224: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4];
const SHA_1: &[u8] = &[0x2b, 0x0e, 3, 2, 0x1a];
const MD_5: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 2, 5];
/// Content octets of PKCS #1, 1.2.840.113549.1.1, without the last.
const PKCS_1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
/// `sha1WithRSA` of OIW, 1.3.14.3.2.29.
const OIW_SHA1_RSA: &[u8] = &[0x2b, 0x0e, 3, 2, 0x1d];
/// The signature algorithms of NIST, 2.16.840.1.101.3.4.3, without the last octet.
const NIST_SIGNATURES: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3];

impl SignedHash {
    /// The hash with these content octets of its identifier.
    #[must_use]
    pub fn from_oid(kind: &[u8]) -> Option<Self> {
        match kind {
            SHA_224 => Some(Self::Sha224),
            SHA_1 => Some(Self::Sha1),
            MD_5 => Some(Self::Md5),
            other => {
                let sound = HashAlgorithm::ALL.into_iter();
                let mut sound = sound.filter(|hash| hash.oid().as_bytes() == other);
                sound.next().map(Self::Sound)
            }
        }
    }

    /// The hash of an RSASSA-PKCS1-v1_5 signature algorithm (RFC 8017, RFC 8702), by its content octets.
    #[must_use]
    pub fn of_rsa_signature(kind: &[u8]) -> Option<Self> {
        if kind == OIW_SHA1_RSA {
            return Some(Self::Sha1);
        }
        if let Some(last) = kind.strip_prefix(PKCS_1) {
            return match last {
                [4] => Some(Self::Md5),
                [5] => Some(Self::Sha1),
                [11] => Some(Self::Sound(HashAlgorithm::Sha256)),
                [12] => Some(Self::Sound(HashAlgorithm::Sha384)),
                [13] => Some(Self::Sound(HashAlgorithm::Sha512)),
                [14] => Some(Self::Sha224),
                _ => None,
            };
        }
        match kind.strip_prefix(NIST_SIGNATURES)? {
            [14] => Some(Self::Sound(HashAlgorithm::Sha3_256)),
            [15] => Some(Self::Sound(HashAlgorithm::Sha3_384)),
            [16] => Some(Self::Sound(HashAlgorithm::Sha3_512)),
            _ => None,
        }
    }

    /// True unless collisions can be made by now.
    #[must_use]
    pub const fn is_sound(self) -> bool {
        matches!(self, Self::Sound(_) | Self::Sha224)
    }

    /// The hash of the concatenated parts.
    #[must_use]
    pub fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        let finish = |mut hasher: Box<dyn DynDigest>| {
            for part in parts {
                hasher.update(part);
            }
            hasher.finalize().into_vec()
        };
        match self {
            Self::Sound(hash) => hash.digest(parts).as_bytes().to_vec(),
            Self::Sha224 => finish(Box::<sha2::Sha224>::default()),
            Self::Sha1 => finish(Box::<sha1::Sha1>::default()),
            Self::Md5 => {
                use md5::Digest;
                let mut hasher = md5::Md5::new();
                for part in parts {
                    hasher.update(part);
                }
                hasher.finalize().to_vec()
            }
        }
    }

    /// DER of the `DigestInfo` that a signature over this digest holds (RFC 8017, section 9.2).
    #[must_use]
    pub fn digest_info(self, digest: &[u8]) -> Vec<u8> {
        use super::asn1::{encode, tag};
        let kind = match self {
            Self::Sound(hash) => hash.oid().as_bytes().to_vec(),
            Self::Sha224 => SHA_224.to_vec(),
            Self::Sha1 => SHA_1.to_vec(),
            Self::Md5 => MD_5.to_vec(),
        };
        let kind = encode(tag::OBJECT_IDENTIFIER, &[&kind]);
        let algorithm = encode(tag::SEQUENCE, &[&kind, &[5, 0]]);
        encode(tag::SEQUENCE, &[&algorithm, &encode(tag::OCTET_STRING, &[digest])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_infos_are_those_of_rfc_8017() {
        for (hash, prefix, abc) in [
            (SignedHash::Md5, "3020300c06082a864886f70d020505000410", "90015098"),
            (SignedHash::Sha1, "3021300906052b0e03021a05000414", "a9993e36"),
            (SignedHash::Sha224, "302d300d06096086480165030402040500041c", "23097d22"),
        ] {
            let info = hex::encode(hash.digest_info(&hash.digest(&[b"a", b"bc"])));
            assert!(info.starts_with(&format!("{prefix}{abc}")), "{info}");
        }
        let sound = HashAlgorithm::Sha3_512;
        let digest = sound.digest(&[]);
        let info = SignedHash::Sound(sound).digest_info(digest.as_bytes());
        assert_eq!(info, [&sound.digest_info_prefix(), digest.as_bytes()].concat());
    }
}
