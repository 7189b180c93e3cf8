//! The files in which GRUB looks for signatures: `NAME.sig`, literally beside the name that it was given.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::grub::openpgp::{DetachedSignature, GrubKey};
use crate::system;

use super::discover::Interest;

/// Ending of a detached signature.
const ENDING: &str = "sig";

fn is_signature(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == ENDING)
}

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
    content_if_there(&signature_path(path))
}

/// The content of a signature file; none if it does not exist.
pub(super) fn content_if_there(signature: &Path) -> Result<Option<Vec<u8>>> {
    if !system::is_there(signature)? {
        return Ok(None);
    }
    system::read(signature).map(Some)
}

/// The path at which GRUB looks for the signature of `path`.
#[must_use]
pub fn signature_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(ENDING);
    PathBuf::from(name)
}

/// The file that a signature file belongs to; none if this is no name of a signature file or the file does not exist.
#[must_use]
pub fn signed_file(signature: &Path) -> Option<PathBuf> {
    let file = signature.with_extension("");
    (is_signature(signature) && file.is_file()).then_some(file)
}

/// True if a signature names one of these keys as its issuer.
pub(super) fn is_by(signature: &[u8], keys: &[GrubKey]) -> bool {
    let parsed = DetachedSignature::parse(signature);
    parsed.is_ok_and(|parsed| keys.iter().any(|key| key.key_id() == parsed.issuer()))
}
