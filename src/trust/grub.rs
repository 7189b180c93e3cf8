//! Would a GRUB that embeds these keys, with `check_signatures=enforce`, open this file?

use crate::formats::grub::openpgp::{DetachedSignature, GrubKey, SignatureError};

/// Why GRUB would refuse a file.
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
    /// The stable name used in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Unsigned => "missing",
            Self::NoKey => "no_key",
            Self::Signature(SignatureError::OtherKey { .. }) => "wrong_key",
            Self::Signature(SignatureError::WeakHash(_)) => "weak_hash",
            Self::Signature(SignatureError::Mismatch(_) | SignatureError::DigestPrefix) => "stale",
            Self::Signature(_) => "malformed_signature",
        }
    }
}

/// Judges a file by the content of its `.sig`; returns the key that vouches for it.
pub fn judge<'k>(data: &[u8], signature: Option<&[u8]>, trusted: &'k [GrubKey]) -> Result<&'k GrubKey, Refusal> {
    let signature = DetachedSignature::parse(signature.ok_or(Refusal::Unsigned)?)?;
    let named = trusted.iter().find(|key| key.key_id() == signature.issuer());
    let key = named.or(trusted.first()).ok_or(Refusal::NoKey)?;
    signature.verify(key, data)?;
    Ok(key)
}
