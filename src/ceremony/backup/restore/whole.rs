//! An archive looked at by itself, without its secret.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;

use super::super::drill::Held;
use super::super::source::parse_source;
use super::known::{archived, public_files};
use super::lacks;

/// The files of an archive as [`restore`](super::restore) takes them where nothing else of the ceremony is at hand, by name: public files as the
/// transcript among them records them, and private keys, still encrypted, as they were put in. A sheet has no transcript, and is
/// refused.
pub fn whole_files(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let source = parse_source(bytes, path)?;
    let Some(signed) = archived(path, &source)? else {
        return Err(Error::refused(format!("{} has no transcript", path.shown())));
    };
    let held = Held::new(&signed.transcript, &source)?;
    let mut files = public_files(&source, &[], &signed.transcript)?;
    for name in held.keys.iter().map(|key| format!("{key}.key")) {
        let bytes = source.files.get(&name).ok_or_else(|| lacks(path, &name))?;
        files.insert(name, bytes.clone());
    }
    files.insert(TRANSCRIPT.to_owned(), signed.transcript.as_bytes().to_vec());
    Ok(files)
}
