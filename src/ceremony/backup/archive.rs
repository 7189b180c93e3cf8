//! The archive: a tar file that any tar unpacks, in which every private key is encrypted PKCS#8.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::error::{Explain, Result};

/// Largest file of an archive, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Largest number of files in an archive.
const MAX_FILES: usize = 256;

/// The files of an archive by name: content and permission bits.
pub(crate) type Archived = BTreeMap<String, (Vec<u8>, u32)>;

/// The archive, whose files are all of this time, in seconds since 1970-01-01 UTC.
pub(crate) fn write(files: &Archived, time: u64) -> Result<Vec<u8>> {
    let cannot = || "cannot make the archive".to_owned();
    let mut archive = tar::Builder::new(Vec::new());
    for (name, (bytes, mode)) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(*mode);
        header.set_mtime(time);
        archive
            .append_data(&mut header, name, bytes.as_slice())
            .or_bug(cannot)?;
    }
    archive.into_inner().or_bug(cannot)
}

/// The files of an archive, by name.
pub(crate) fn read(bytes: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let odd = |message: &str| io::Error::new(io::ErrorKind::InvalidData, message.to_owned());
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries()? {
        let entry = entry?;
        if entry.size() > MAX_FILE || files.len() >= MAX_FILES {
            return Err(odd("too large for a backup"));
        }
        let name = entry.path()?.to_string_lossy().into_owned();
        let mut content = Vec::new();
        entry.take(MAX_FILE).read_to_end(&mut content)?;
        files.insert(name, content);
    }
    if files.is_empty() {
        return Err(odd("no file in it"));
    }
    Ok(files)
}
