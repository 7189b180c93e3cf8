//! Names of GRUB's detached signatures: GRUB opens literally `NAME.sig` beside the name that it was given.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Ending of a detached signature, after the dot.
const ENDING: &str = "sig";

/// The path of the signature of `path`.
#[must_use]
pub fn signature_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(ENDING);
    PathBuf::from(name)
}

/// The path of the file that a signature of this name signs; none if it is no name of a signature.
#[must_use]
pub fn signed_path(signature: &Path) -> Option<PathBuf> {
    is_signature(signature).then(|| signature.with_extension(""))
}

/// True if a path is that of a signature, by its name.
#[must_use]
pub fn is_signature(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == ENDING)
}

/// True if a name is that of a signature.
#[must_use]
pub fn is_signature_name(name: &str) -> bool {
    is_signature(Path::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_named_after_its_file() {
        let file = Path::new("/boot/vmlinuz-6.12.1");
        let signature = signature_path(file);
        assert_eq!(signature, Path::new("/boot/vmlinuz-6.12.1.sig"));
        assert_eq!(signed_path(&signature).as_deref(), Some(file));
        for other in ["/boot/vmlinuz", "/boot/sig", "/boot/.sig"] {
            assert_eq!(signed_path(Path::new(other)), None, "{other}");
        }
    }
}
