//! Detached signatures, judged by GRUB's rules.

use std::io::{self, Read};

use sequoia_openpgp::Packet;
use sequoia_openpgp::crypto::hash::Hash;
use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::packet::signature::Signature4;
use sequoia_openpgp::packet::signature::subpacket::{Subpacket, SubpacketTag, SubpacketValue};
use sequoia_openpgp::parse::{PacketParser, Parse};
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::{HashAlgorithm as OpenPgpHash, PublicKeyAlgorithm, SignatureType};

use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::crypto::rsa_public_key::SignatureMismatch;

use super::key::GrubKey;
use super::packet::{self, PacketError};

/// GRUB reads the unhashed area into a buffer of this many bytes.
const MAX_UNHASHED: usize = 4096;

/// Why GRUB, or a careful person, would not take a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The first packet is not a signature that GRUB reads.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// A version that GRUB does not know.
    #[error("the signature has version {0}; GRUB reads version 4")]
    Version(u8),
    /// Not a signature over a binary document.
    #[error("the signature is of type {0}, not over a binary document")]
    Type(String),
    /// Not RSA.
    #[error("the signature's algorithm is {0}, not RSA")]
    Algorithm(String),
    /// A weak hash that GRUB accepts, or one that GRUB does not have.
    #[error("the signature's hash is {0}; sign with SHA-512")]
    WeakHash(String),
    /// No issuer key ID in the unhashed area, the only place where GRUB looks.
    #[error("no issuer key ID in the unhashed area, where GRUB looks for it")]
    NoIssuer,
    /// The issuer's subpacket is marked critical, and GRUB does not know it again.
    #[error("the issuer key ID is marked critical, which hides it from GRUB")]
    CriticalIssuer,
    /// The two digest bytes that stand before the signature are not those of the digest.
    #[error("the digest's first two bytes, which GRUB compares, are wrong: the file or the signature was changed")]
    DigestPrefix,
    /// The unhashed area does not fit into GRUB's buffer.
    #[error("the unhashed area has {0} bytes; GRUB reads up to {MAX_UNHASHED}")]
    UnhashedArea(usize),
    /// The signature names another key.
    #[error("signed by key {found}, not by {wanted}")]
    OtherKey {
        /// The key ID in the signature.
        found: String,
        /// The key ID that it was judged by.
        wanted: String,
    },
    /// The file or the signature was changed.
    #[error(transparent)]
    Mismatch(#[from] SignatureMismatch),
    /// The file could not be read to its end.
    #[error("it could not be read: {0}")]
    Unread(String),
    /// The packet's content is not a signature.
    #[error("the signature packet is malformed: {0}")]
    Malformed(String),
}

pub(super) fn malformed(error: impl std::fmt::Display) -> SignatureError {
    SignatureError::Malformed(error.to_string())
}

/// A detached signature in a form that GRUB reads.
#[derive(Debug, Clone)]
pub struct DetachedSignature {
    signature: Signature4,
    issuer: String,
    hash: HashAlgorithm,
}

impl DetachedSignature {
    /// Reads the first packet of a `.sig` file by GRUB's rules; GRUB ignores the rest.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let body = packet::first(bytes, packet::SIGNATURE)?;
        if let Some(version) = body.first()
            && *version != 4
        {
            return Err(SignatureError::Version(*version));
        }
        let framed = packet::write(packet::SIGNATURE, body)?;
        let parsed = PacketParser::from_bytes(&framed).map_err(malformed)?;
        let Ok(Packet::Signature(Signature::V4(signature))) = parsed.map(|parser| parser.packet.clone()) else {
            return Err(malformed("no version 4 signature"));
        };
        let hash = check_rules(&signature)?;
        let issuer = issuer(&signature)?;
        Ok(Self {
            signature,
            issuer,
            hash,
        })
    }

    /// The file with this signature and nothing else: no packet behind it, and in the area that the key does not sign only
    /// the issuer, which GRUB looks for there.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SignatureError> {
        let mut signature = self.signature.clone();
        let area = signature.unhashed_area_mut();
        let issuer: Option<Subpacket> = area.subpackets(SubpacketTag::Issuer).last().cloned();
        area.clear();
        if let Some(issuer) = issuer {
            area.add(issuer).map_err(malformed)?;
        }
        let body = signature.to_vec().map_err(malformed)?;
        Ok(packet::write(packet::SIGNATURE, &body)?)
    }

    /// Key ID of the signer, 16 upper-case hexadecimal digits.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The hash that was signed.
    #[must_use]
    pub const fn hash(&self) -> HashAlgorithm {
        self.hash
    }

    /// Checks that `key` made this signature over `data`.
    pub fn verify(&self, key: &GrubKey, data: &[u8]) -> Result<(), SignatureError> {
        self.verify_read(key, &mut &*data)
    }

    /// Checks that `key` made this signature over all that a reader gives.
    pub fn verify_read(&self, key: &GrubKey, data: &mut dyn Read) -> Result<(), SignatureError> {
        if self.issuer != key.key_id() {
            return Err(SignatureError::OtherKey {
                found: self.issuer.clone(),
                wanted: key.key_id(),
            });
        }
        let mut context = self
            .signature
            .hash_algo()
            .context()
            .map_err(malformed)?
            .for_signature(4);
        io::copy(data, &mut context).map_err(|error| SignatureError::Unread(error.to_string()))?;
        self.signature.hash(&mut context).map_err(malformed)?;
        let digest = context.into_digest().map_err(malformed)?;
        let digest = Digest::new(self.hash, digest).ok_or(SignatureMismatch)?;
        if !digest.as_bytes().starts_with(self.signature.digest_prefix()) {
            return Err(SignatureError::DigestPrefix);
        }
        let mpi::Signature::RSA { s } = self.signature.mpis() else {
            return Err(SignatureError::Algorithm(self.signature.pk_algo().to_string()));
        };
        // An MPI has no leading zeros; PKCS#1 wants the length of the modulus.
        let width = key.public_key().modulus().len();
        let padded = s.value_padded(width).map_err(|_| SignatureMismatch)?;
        Ok(key.public_key().verify(&digest, &padded)?)
    }
}

/// GRUB's rules for a signature, and ours for its hash.
fn check_rules(signature: &Signature4) -> Result<HashAlgorithm, SignatureError> {
    if signature.typ() != SignatureType::Binary {
        return Err(SignatureError::Type(signature.typ().to_string()));
    }
    #[allow(deprecated)] // RSA sign-only keys are old, and GRUB takes them.
    if !matches!(
        signature.pk_algo(),
        PublicKeyAlgorithm::RSAEncryptSign | PublicKeyAlgorithm::RSASign
    ) {
        return Err(SignatureError::Algorithm(signature.pk_algo().to_string()));
    }
    let unhashed = signature.unhashed_area().serialized_len();
    if unhashed > MAX_UNHASHED {
        return Err(SignatureError::UnhashedArea(unhashed));
    }
    match signature.hash_algo() {
        OpenPgpHash::SHA256 => Ok(HashAlgorithm::Sha256),
        OpenPgpHash::SHA384 => Ok(HashAlgorithm::Sha384),
        OpenPgpHash::SHA512 => Ok(HashAlgorithm::Sha512),
        other => Err(SignatureError::WeakHash(other.to_string())),
    }
}

/// The issuer as GRUB finds it: it compares the subpacket's whole type octet, critical bit included, and of several the
/// last one counts.
fn issuer(signature: &Signature4) -> Result<String, SignatureError> {
    let named = signature.unhashed_area().subpackets(SubpacketTag::Issuer).last();
    match named.map(|subpacket| (subpacket.critical(), subpacket.value())) {
        Some((false, SubpacketValue::Issuer(id))) => Ok(id.to_hex()),
        Some((true, _)) => Err(SignatureError::CriticalIssuer),
        _ => Err(SignatureError::NoIssuer),
    }
}

#[cfg(test)]
mod tests {
    use super::super::unsigned::UnsignedSignature;
    use super::*;
    use crate::formats::crypto::rsa_public_key::RsaPublicKey;

    #[test]
    fn bytes_that_no_key_signs_are_not_carried() {
        let modulus: Vec<u8> = [0xc1].into_iter().chain([0x55; 255]).collect();
        let key = GrubKey::new(&RsaPublicKey::from_parts(&modulus, &[1, 0, 1]).unwrap(), 1).unwrap();
        let unsigned = UnsignedSignature::detached(&key, b"data", 7).unwrap();
        let packet = unsigned.finish(&[9; 256]).unwrap();
        let mut stuffed = DetachedSignature::parse(&packet).unwrap().signature;
        let foreign = SubpacketValue::Unknown {
            tag: SubpacketTag::Private(100),
            body: b"touch /i-was-here".to_vec(),
        };
        let area = stuffed.unhashed_area_mut();
        area.add(Subpacket::new(foreign, false).unwrap()).unwrap();
        let mut bytes = packet::write(packet::SIGNATURE, &stuffed.to_vec().unwrap()).unwrap();
        bytes.extend_from_slice(b"\ntouch /i-was-here-too\n");
        let parsed = DetachedSignature::parse(&bytes).unwrap();
        assert!(bytes.len() > packet.len() + 40);
        assert_eq!(parsed.to_bytes().unwrap(), packet);
    }
}
