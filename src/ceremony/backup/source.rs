//! The file that keys are restored from, and the passphrase that opens it.

use std::collections::BTreeMap;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Explain, Result};
use crate::formats::backup::share::SECRET as SECRET_BYTES;
use crate::formats::backup::{base32, paper};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::system;

use super::archive;

/// The kind of a source that is an archive.
const ARCHIVE: &str = "archive";
/// The kind of a source that is the lines of a sheet.
pub(super) const SHEET: &str = "sheet";

/// The passphrase that a divided secret is.
pub(super) fn passphrase_from_secret(secret: &[u8; SECRET_BYTES]) -> Zeroizing<String> {
    base32::encode(secret)
}

/// The content of a backup.
pub(super) struct Source {
    /// Encrypted private keys, and other files, by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// "archive" or "sheet".
    pub kind: &'static str,
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
}

/// Reads an archive, or the lines of a sheet.
pub(super) fn read_source(path: &Path) -> Result<Source> {
    parse_source(&system::read_secret_file(path)?, path)
}

/// Reads the content of an archive, or the lines of a sheet. `path` says in errors where it is from.
pub(super) fn parse_source(bytes: &[u8], path: &Path) -> Result<Source> {
    let sha256 = HashAlgorithm::Sha256.digest(&[bytes]).to_hex();
    let cannot = || {
        format!(
            "{} is neither the archive of a backup nor the lines of its sheet",
            path.shown()
        )
    };
    if let Ok(files) = archive::read(bytes) {
        return Ok(Source {
            files,
            kind: ARCHIVE,
            sha256,
        });
    }
    let text = std::str::from_utf8(bytes).or_refuse(cannot)?;
    let files = paper::files(text).or_refuse(cannot)?;
    Ok(Source {
        files,
        kind: SHEET,
        sha256,
    })
}
