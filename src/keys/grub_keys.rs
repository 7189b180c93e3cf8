//! Files of OpenPGP public keys, as GRUB embeds and reads them.

use std::path::Path;

use crate::error::{Error, Explain, Result};
use crate::formats::grub::openpgp::{GrubKey, GrubKeyFile};
use crate::formats::text::Shown;
use crate::system;

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Reads the OpenPGP public keys of a file as GRUB does: primary keys and subkeys alike. There is at least one.
pub fn read_grub_keys(path: &Path) -> Result<Vec<GrubKey>> {
    let cannot = || format!("cannot use {}", path.shown());
    let keys = GrubKeyFile::parse(&system::read_ours(path, MAX_FILE)?)
        .or_refuse(cannot)?
        .keys;
    if keys.is_empty() {
        return Err(Error::refused(cannot()).caused_by("it holds no RSA key, and GRUB would verify nothing by it"));
    }
    Ok(keys)
}

/// Reads the first OpenPGP public key of a file.
pub(super) fn read_grub_key(path: &Path) -> Result<GrubKey> {
    let first = read_grub_keys(path)?.into_iter().next();
    first.ok_or_else(|| Error::bug("a file of GRUB's keys without one"))
}
