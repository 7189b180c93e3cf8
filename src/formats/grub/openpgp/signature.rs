//! Detached signatures: made in GRUB's form, and judged by GRUB's rules.

use sequoia_openpgp::Packet;
use sequoia_openpgp::crypto::hash::{Context, Hash};
use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::packet::signature::Signature4;
use sequoia_openpgp::packet::signature::subpacket::{Subpacket, SubpacketArea, SubpacketTag, SubpacketValue};
use sequoia_openpgp::parse::{PacketParser, Parse};
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::{HashAlgorithm as OpenPgpHash, KeyFlags, PublicKeyAlgorithm, SignatureType, Timestamp};

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
    /// A hash that GRUB accepts and nobody should, or one that GRUB does not have.
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
    /// The packet's content is not a signature.
    #[error("the signature packet is malformed: {0}")]
    Malformed(String),
}

fn malformed(error: impl std::fmt::Display) -> SignatureError {
    SignatureError::Malformed(error.to_string())
}

/// A signature that lacks only the private operation.
#[derive(Debug)]
pub struct UnsignedSignature {
    hashed: SubpacketArea,
    unhashed: SubpacketArea,
    kind: SignatureType,
    digest: Digest,
}

impl UnsignedSignature {
    /// A detached signature over a file, made `created` seconds after 1970-01-01 UTC. SHA-512, no salt: the same file,
    /// key and moment give the same bytes.
    pub fn detached(key: &GrubKey, data: &[u8], created: u32) -> Result<Self, SignatureError> {
        Self::prepare(key, SignatureType::Binary, created, None, |context| {
            context.update(data);
            Ok(())
        })
    }

    pub(super) fn prepare(
        key: &GrubKey,
        kind: SignatureType,
        created: u32,
        flags: Option<KeyFlags>,
        hash_subject: impl FnOnce(&mut Context) -> sequoia_openpgp::Result<()>,
    ) -> Result<Self, SignatureError> {
        let build = || -> sequoia_openpgp::Result<Self> {
            let mut hashed = vec![
                Subpacket::new(SubpacketValue::SignatureCreationTime(Timestamp::from(created)), true)?,
                Subpacket::new(SubpacketValue::IssuerFingerprint(key.openpgp_fingerprint()), false)?,
            ];
            if let Some(flags) = flags {
                hashed.push(Subpacket::new(SubpacketValue::KeyFlags(flags), true)?);
            }
            let mut unsigned = Self {
                hashed: SubpacketArea::new(hashed)?,
                // GRUB looks for the issuer in the unhashed area alone.
                unhashed: SubpacketArea::new(vec![Subpacket::new(SubpacketValue::Issuer(key.id()), false)?])?,
                kind,
                digest: HashAlgorithm::Sha512.digest(&[]),
            };
            let mut context = OpenPgpHash::SHA512.context()?.for_signature(4);
            hash_subject(&mut context)?;
            unsigned.packet(&[]).hash(&mut context)?;
            if let Some(digest) = Digest::new(HashAlgorithm::Sha512, context.into_digest()?) {
                unsigned.digest = digest;
            }
            Ok(unsigned)
        };
        build().map_err(malformed)
    }

    /// The digest that the key signs.
    #[must_use]
    pub const fn to_be_signed(&self) -> &Digest {
        &self.digest
    }

    /// Completes the packet with the RSA signature over [`Self::to_be_signed`].
    pub fn finish(self, signature: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let body = self.packet(signature).to_vec().map_err(malformed)?;
        Ok(packet::write(packet::SIGNATURE, &body))
    }

    fn packet(&self, signature: &[u8]) -> Signature {
        let mut prefix = [0; 2];
        prefix
            .iter_mut()
            .zip(self.digest.as_bytes())
            .for_each(|(to, from)| *to = *from);
        Signature4::new(
            self.kind,
            PublicKeyAlgorithm::RSAEncryptSign,
            OpenPgpHash::SHA512,
            self.hashed.clone(),
            self.unhashed.clone(),
            prefix,
            mpi::Signature::RSA {
                s: mpi::MPI::new(signature),
            },
        )
        .into()
    }
}

/// A detached signature in a form that GRUB reads.
#[derive(Debug, Clone)]
pub struct DetachedSignature {
    signature: Signature4,
    issuer: String,
    hash: HashAlgorithm,
}

impl DetachedSignature {
    /// Reads the first packet of a `.sig` file by GRUB's rules; GRUB ignores what follows it.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        let body = packet::first(bytes, packet::SIGNATURE)?;
        if let Some(version) = body.first()
            && *version != 4
        {
            return Err(SignatureError::Version(*version));
        }
        let framed = packet::write(packet::SIGNATURE, body);
        let parsed = PacketParser::from_bytes(&framed).map_err(malformed)?;
        let Ok(Packet::Signature(Signature::V4(signature))) = parsed.map(|parser| parser.packet.clone()) else {
            return Err(malformed("no version 4 signature"));
        };
        let hash = rules(&signature)?;
        let issuer = issuer(&signature)?;
        Ok(Self {
            signature,
            issuer,
            hash,
        })
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
        context.update(data);
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
fn rules(signature: &Signature4) -> Result<HashAlgorithm, SignatureError> {
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
