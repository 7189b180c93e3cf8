//! The OpenPGP key that GRUB embeds: one RSA primary key.

use std::time::SystemTime;

use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::packet::Key;
use sequoia_openpgp::packet::key::{Key4, PrimaryRole, PublicParts};
use sequoia_openpgp::parse::{PacketParser, Parse};
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::Timestamp;
use sequoia_openpgp::{Fingerprint, KeyID, Packet};

use crate::formats::crypto::rsa_public_key::{RsaPublicKey, RsaPublicKeyError};

use super::packet::{self, PacketError};

/// Why a file is not a key that GRUB takes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The first packet is not a public key that GRUB reads.
    #[error(transparent)]
    Packet(#[from] PacketError),
    /// A version that GRUB does not know; one such key makes GRUB refuse the whole file.
    #[error("the key has version {0}; GRUB reads version 4")]
    Version(u8),
    /// Another algorithm than RSA: GRUB 2.06 to 2.14 ignore elliptic curves, and nothing loads.
    #[error("the key's algorithm is {0}; GRUB needs RSA")]
    NotRsa(String),
    /// The key is too weak or too strong.
    #[error(transparent)]
    Key(#[from] RsaPublicKeyError),
    /// The packet's content is not a key.
    #[error("the public key packet is malformed: {0}")]
    Malformed(String),
}

/// An OpenPGP primary key with RSA.
#[derive(Debug, Clone)]
pub struct GrubKey {
    pub(super) key: Key4<PublicParts, PrimaryRole>,
    public: RsaPublicKey,
    created: u32,
}

impl GrubKey {
    /// The OpenPGP key of this RSA key, made `created` seconds after 1970-01-01 UTC. The moment is a part of the
    /// fingerprint.
    pub fn new(public: &RsaPublicKey, created: u32) -> Result<Self, KeyError> {
        let key = Key4::import_public_rsa(
            &public.exponent(),
            &public.modulus(),
            SystemTime::from(Timestamp::from(created)),
        )
        .map_err(|error| KeyError::Malformed(error.to_string()))?;
        Ok(Self {
            key,
            public: public.clone(),
            created,
        })
    }

    /// Reads the first packet of an exported key, as GRUB does; the packets after it play no part there.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyError> {
        Self::from_body(packet::first(bytes, packet::PUBLIC_KEY)?)
    }

    /// Reads the body of a packet with a primary key or a subkey, which GRUB takes alike.
    pub(super) fn from_body(body: &[u8]) -> Result<Self, KeyError> {
        if let Some(version) = body.first()
            && *version != 4
        {
            return Err(KeyError::Version(*version));
        }
        let framed = packet::write(packet::PUBLIC_KEY, body)?;
        let malformed = |error: &dyn std::fmt::Display| KeyError::Malformed(error.to_string());
        let parsed = PacketParser::from_bytes(&framed).map_err(|error| malformed(&error))?;
        let Ok(Packet::PublicKey(Key::V4(key))) = parsed.map(|parser| parser.packet.clone()) else {
            return Err(KeyError::Malformed("no version 4 key".to_owned()));
        };
        let mpi::PublicKey::RSA { e, n } = key.mpis() else {
            return Err(KeyError::NotRsa(key.pk_algo().to_string()));
        };
        let public = RsaPublicKey::from_parts(n.value(), e.value())?;
        let created = Timestamp::try_from(key.creation_time()).map_err(|error| malformed(&error))?;
        Ok(Self {
            key,
            public,
            created: created.into(),
        })
    }

    /// The RSA key.
    #[must_use]
    pub const fn public_key(&self) -> &RsaPublicKey {
        &self.public
    }

    /// When the key was made, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub const fn created(&self) -> u32 {
        self.created
    }

    /// The fingerprint, 40 upper-case hexadecimal digits, as GnuPG prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint().to_hex()
    }

    /// The key ID, 16 upper-case hexadecimal digits, by which GRUB looks keys up.
    #[must_use]
    pub fn key_id(&self) -> String {
        self.id().to_hex()
    }

    pub(super) fn id(&self) -> KeyID {
        self.key.keyid()
    }

    pub(super) fn openpgp_fingerprint(&self) -> Fingerprint {
        self.key.fingerprint()
    }

    /// The key file: public key, user ID and self-signature packet, with headers that GRUB reads.
    pub fn export(&self, user_id: &str, self_signature: &[u8]) -> Result<Vec<u8>, KeyError> {
        let body = self
            .key
            .to_vec()
            .map_err(|error| KeyError::Malformed(error.to_string()))?;
        let mut file = packet::write(packet::PUBLIC_KEY, &body)?;
        file.extend(packet::write(packet::USER_ID, user_id.as_bytes())?);
        file.extend_from_slice(self_signature);
        Ok(file)
    }
}
