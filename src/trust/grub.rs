//! The verdict of a GRUB with embedded keys and `check_signatures=enforce` on a file.

use std::io::Read;

use crate::finding::Kind;
use crate::formats::grub::openpgp::{DetachedSignature, GrubKey, SignatureError};

/// There is no `.sig` beside the file.
pub const MISSING: Kind = Kind::error("missing");
/// No GRUB key is trusted, so none can vouch for a file.
pub const NO_KEY: Kind = Kind::error("no_key");
/// The signature is by a key that is not trusted.
const WRONG_KEY: Kind = Kind::error("wrong_key");
/// The signature is over a hash that is too weak.
const WEAK_HASH: Kind = Kind::error("weak_hash");
/// The signature is of other content.
const STALE: Kind = Kind::error("stale");
/// The signature is in a form that GRUB does not take.
const MALFORMED_SIGNATURE: Kind = Kind::error("malformed_signature");

/// The reason for which GRUB would refuse a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No `.sig` beside the file.
    #[error("there is no signature beside it")]
    Unsigned,
    /// GRUB has no key at all.
    #[error("no GRUB key is trusted")]
    NoKey,
    /// The signature is in a form that GRUB, or a careful person, does not take, or does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Refusal {
    /// The kind of the finding that a refused file is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Unsigned => MISSING,
            Self::NoKey => NO_KEY,
            Self::Signature(SignatureError::OtherKey { .. }) => WRONG_KEY,
            Self::Signature(SignatureError::WeakHash(_)) => WEAK_HASH,
            Self::Signature(SignatureError::Mismatch(_) | SignatureError::DigestPrefix) => STALE,
            Self::Signature(_) => MALFORMED_SIGNATURE,
        }
    }
}

/// Judges a file by the content of its `.sig`; returns the key that vouches for it.
pub fn judge<'k>(data: &[u8], signature: Option<&[u8]>, trusted: &'k [GrubKey]) -> Result<&'k GrubKey, Refusal> {
    judge_read(&mut &*data, signature, trusted)
}

/// Judges a file as [`judge`] does, without holding it. A file that cannot be read is refused with the reason.
pub fn judge_read<'k>(
    data: &mut dyn Read,
    signature: Option<&[u8]>,
    trusted: &'k [GrubKey],
) -> Result<&'k GrubKey, Refusal> {
    let signature = DetachedSignature::parse(signature.ok_or(Refusal::Unsigned)?)?;
    let named = trusted.iter().find(|key| key.key_id() == signature.issuer());
    let key = named.or(trusted.first()).ok_or(Refusal::NoKey)?;
    signature.verify_read(key, data)?;
    Ok(key)
}
