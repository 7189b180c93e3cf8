//! Signatures in GRUB's form that lack only the private operation.

use std::io::Read;

use sequoia_openpgp::crypto::hash::{Context, Hash};
use sequoia_openpgp::crypto::mpi;
use sequoia_openpgp::packet::signature::Signature4;
use sequoia_openpgp::packet::signature::subpacket::{Subpacket, SubpacketArea, SubpacketValue};
use sequoia_openpgp::packet::{Signature, UserID};
use sequoia_openpgp::serialize::MarshalInto;
use sequoia_openpgp::types::{HashAlgorithm as OpenPgpHash, KeyFlags, PublicKeyAlgorithm, SignatureType, Timestamp};

use crate::formats::crypto::hash::{Digest, HashAlgorithm};

use super::key::GrubKey;
use super::packet;
use super::signature::{SignatureError, malformed};

/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// A signature that lacks only the private operation. Its digest is always that of the signed content.
#[derive(Debug)]
pub struct UnsignedSignature {
    fields: Fields,
    digest: Digest,
}

impl UnsignedSignature {
    /// A detached signature over a file, made `created` seconds after 1970-01-01 UTC. SHA-512, no salt: the same file,
    /// key and moment give the same bytes.
    pub fn detached(key: &GrubKey, data: &[u8], created: u32) -> Result<Self, SignatureError> {
        Self::detached_read(key, &mut &*data, created)
    }

    /// As [`Self::detached`], without holding the file.
    pub fn detached_read(key: &GrubKey, data: &mut dyn Read, created: u32) -> Result<Self, SignatureError> {
        let fields = Fields::new(key, SignatureType::Binary, created, None).map_err(malformed)?;
        Self::over(fields, |context| {
            let mut chunk = vec![0; CHUNK];
            loop {
                match data.read(&mut chunk)? {
                    0 => return Ok(()),
                    count => context.update(chunk.get(..count).unwrap_or_default()),
                }
            }
        })
    }

    /// The self-signature that binds a user ID to `key`, so that GnuPG takes the key; GRUB never reads it.
    pub fn certification(key: &GrubKey, user_id: &str, created: u32) -> Result<Self, SignatureError> {
        let flags = KeyFlags::empty().set_signing().set_certification();
        let fields = Fields::new(key, SignatureType::PositiveCertification, created, Some(flags)).map_err(malformed)?;
        Self::over(fields, |context| {
            key.key.hash(context)?;
            UserID::from(user_id).hash(context)
        })
    }

    fn over(
        fields: Fields,
        hash_content: impl FnOnce(&mut Context) -> sequoia_openpgp::Result<()>,
    ) -> Result<Self, SignatureError> {
        let digest = || -> sequoia_openpgp::Result<Vec<u8>> {
            let mut context = OpenPgpHash::SHA512.context()?.for_signature(4);
            hash_content(&mut context)?;
            fields.packet([0; 2], &[]).hash(&mut context)?;
            context.into_digest()
        };
        let digest = digest().map_err(malformed)?;
        let length = digest.len();
        let digest = Digest::new(HashAlgorithm::Sha512, digest)
            .ok_or_else(|| malformed(format_args!("its SHA-512 digest has {length} bytes")))?;
        Ok(Self { fields, digest })
    }

    /// The digest that the key signs.
    #[must_use]
    pub const fn to_be_signed(&self) -> &Digest {
        &self.digest
    }

    /// Completes the packet with the RSA signature over [`Self::to_be_signed`].
    pub fn finish(self, signature: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let [first, second, ..] = self.digest.as_bytes() else {
            return Err(malformed("its digest has less than two bytes"));
        };
        let body = self.fields.packet([*first, *second], signature).to_vec();
        packet::write(packet::SIGNATURE, &body.map_err(malformed)?).map_err(malformed)
    }
}

/// The fields of a signature packet that are known before the digest.
#[derive(Debug)]
struct Fields {
    kind: SignatureType,
    hashed: SubpacketArea,
    unhashed: SubpacketArea,
}

impl Fields {
    fn new(key: &GrubKey, kind: SignatureType, created: u32, flags: Option<KeyFlags>) -> sequoia_openpgp::Result<Self> {
        let mut hashed = vec![
            Subpacket::new(SubpacketValue::SignatureCreationTime(Timestamp::from(created)), true)?,
            Subpacket::new(SubpacketValue::IssuerFingerprint(key.openpgp_fingerprint()), false)?,
        ];
        if let Some(flags) = flags {
            hashed.push(Subpacket::new(SubpacketValue::KeyFlags(flags), true)?);
        }
        // GRUB looks for the issuer in the unhashed area alone.
        let unhashed = vec![Subpacket::new(SubpacketValue::Issuer(key.id()), false)?];
        Ok(Self {
            kind,
            hashed: SubpacketArea::new(hashed)?,
            unhashed: SubpacketArea::new(unhashed)?,
        })
    }

    /// The packet with the first two bytes of the digest and the RSA signature.
    fn packet(&self, digest_prefix: [u8; 2], signature: &[u8]) -> Signature {
        Signature4::new(
            self.kind,
            PublicKeyAlgorithm::RSAEncryptSign,
            OpenPgpHash::SHA512,
            self.hashed.clone(),
            self.unhashed.clone(),
            digest_prefix,
            mpi::Signature::RSA {
                s: mpi::MPI::new(signature),
            },
        )
        .into()
    }
}
