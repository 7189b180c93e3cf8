//! The files in which GRUB looks for signatures: `NAME.sig`, literally beside the name that it was given.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::grub::openpgp::{DetachedSignature, GrubKey};
use crate::formats::grub::signature_name::{is_signature, signed_path};
use crate::system;

use super::discover::Interest;

pub use crate::formats::grub::signature_name::signature_path;

/// The interest in a file that GRUB may open: signatures are only noted.
pub(super) fn interest(path: &Path) -> Interest {
    if is_signature(path) {
        Interest::Note
    } else {
        Interest::Take
    }
}

/// The content of `PATH.sig`; none if it does not exist.
pub fn existing_signature(path: &Path) -> Result<Option<Vec<u8>>> {
    let signature = signature_path(path);
    if !system::is_there(&signature)? {
        return Ok(None);
    }
    system::read(&signature).map(Some)
}

/// The file that a signature file belongs to; none if this is no name of a signature file or the file does not exist.
#[must_use]
pub fn signed_file(signature: &Path) -> Option<PathBuf> {
    signed_path(signature).filter(|file| file.is_file())
}

/// True if a signature names one of these keys as its issuer.
pub(super) fn is_by(signature: &[u8], keys: &[GrubKey]) -> bool {
    let parsed = DetachedSignature::parse(signature);
    parsed.is_ok_and(|parsed| keys.iter().any(|key| key.key_id() == parsed.issuer()))
}
