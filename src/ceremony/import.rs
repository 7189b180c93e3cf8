//! Keys that were made elsewhere: those of sbctl, or files as openssl makes them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::guid::Guid;
use crate::formats::text::Shown;
use crate::keys::{KeyName, Passphrase, Signer, SoftwareKey};
use crate::system;

/// Endings of the names of certificates.
const CERTIFICATES: [&str; 4] = ["pem", "crt", "cer", "der"];
/// Files with the owner's GUID; sbctl's stands beside its directory of keys.
const OWNERS: [&str; 4] = ["owner.guid", "GUID", "../GUID", "myGUID.txt"];

/// The files of a key and its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    key: PathBuf,
    certificate: PathBuf,
}

impl Files {
    /// The certificate; no private key is opened for that.
    pub fn certificate(&self) -> Result<Certificate> {
        let path = &self.certificate;
        let bytes = system::read(path)?;
        let parsed = Certificate::from_pem(&bytes).or_else(|_| Certificate::from_der(&bytes));
        parsed.or_refuse(|| format!("{} holds no certificate", path.shown()))
    }

    /// The private key, which has to be that of the certificate.
    pub fn key(&self, ask: &mut dyn FnMut(&str) -> Result<Passphrase>) -> Result<SoftwareKey> {
        let secret = format!("Passphrase of {}", self.key.shown());
        let key = SoftwareKey::load(&self.key, &mut || ask(&secret))?;
        let cannot = || format!("cannot use {}", self.certificate.shown());
        if self.certificate()?.public_key().or_refuse(cannot)? == *key.public_key() {
            return Ok(key);
        }
        Err(Error::refused(format!(
            "{} is not the private key of {}",
            self.key.shown(),
            self.certificate.shown()
        )))
    }
}

/// The keys of a directory: `PK/PK.key` and `PK/PK.pem` as sbctl has them, or `PK.key` and `PK.crt`.
pub(super) fn find_keys(directory: &Path) -> Result<BTreeMap<KeyName, Files>> {
    let mut found = BTreeMap::new();
    for name in KeyName::CERTIFIED {
        for folder in [directory.join(name.name()), directory.to_path_buf()] {
            let key = folder.join(format!("{name}.key"));
            if !key.is_file() {
                continue;
            }
            let candidates = CERTIFICATES.map(|ending| key.with_extension(ending));
            let certificate = candidates.into_iter().find(|path| path.is_file()).ok_or_else(|| {
                Error::refused(format!("beside {} there is no certificate", key.shown()))
                    .hint(format!("put it there as {name}.pem or {name}.crt"))
            })?;
            found.insert(name, Files { key, certificate });
            break;
        }
    }
    if found.is_empty() {
        return Err(Error::refused(format!("{} has no keys to import", directory.shown()))
            .hint("they are looked for as PK/PK.key, as sbctl has them in /var/lib/sbctl/keys, and as PK.key"));
    }
    Ok(found)
}

/// The owner's GUID, if a file of the directory holds it.
pub(super) fn find_owner(directory: &Path) -> Result<Option<Guid>> {
    for file in OWNERS {
        let path = directory.join(file);
        if path.is_file() {
            let bytes = system::read(&path)?;
            let text = String::from_utf8_lossy(&bytes);
            let guid = text.trim().parse();
            return guid.map(Some).or_refuse(|| format!("{} holds no GUID", path.shown()));
        }
    }
    Ok(None)
}
