//! The archive: a tar file that any tar unpacks, in which every private key is encrypted PKCS#8.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::error::{Explain, Result};
use crate::system;

use super::super::plan::{PUBLIC, SECRET};
use super::super::transcript::Event;
use super::super::work::Work;
use super::sheet::Contents;

/// Largest file of an archive, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Most files of an archive.
const MAX_FILES: usize = 256;
/// Gives the secret back from shares, without bootseal.
const RECOVER: &str = include_str!("recover-shares.py");

/// The archive, reproducible but for the keys' salts.
pub(super) fn write(contents: &Contents<'_>, work: &Work<'_>) -> Result<Vec<u8>> {
    let cannot = || "cannot make the archive".to_owned();
    let mut files: BTreeMap<String, (Vec<u8>, u32)> = BTreeMap::new();
    for (name, pem) in contents.keys {
        files.insert(format!("{name}.key"), (pem.as_bytes().to_vec(), SECRET));
    }
    let public = work
        .transcript
        .events()
        .flat_map(Event::files)
        .filter(|record| record.place == "keys");
    for record in public {
        let bytes = system::read(&work.place("keys").join(&record.name))?;
        files.insert(record.name.clone(), (bytes, PUBLIC));
    }
    files.insert("README.txt".to_owned(), (contents.readme().into_bytes(), PUBLIC));
    if contents.shares.is_some() {
        files.insert("recover-shares.py".to_owned(), (RECOVER.into(), PUBLIC));
    }
    let mut archive = tar::Builder::new(Vec::new());
    for (name, (bytes, mode)) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_mtime(work.began.now()?);
        archive
            .append_data(&mut header, &name, bytes.as_slice())
            .or_bug(cannot)?;
    }
    archive.into_inner().or_bug(cannot)
}

/// The files of an archive, by name.
pub(super) fn read(bytes: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
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
