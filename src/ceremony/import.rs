//! Keys that were made elsewhere: those of sbctl, or files as openssl and the kernel's build make them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::pem::PemFile;
use crate::formats::firmware::guid::Guid;
use crate::formats::text::Shown;
use crate::keys::{KeyName, Passphrase, Signer, SoftwareKey};
use crate::system;

/// Endings of the names of certificates.
const CERTIFICATES: [&str; 4] = ["pem", "crt", "cer", "der"];
/// Endings of the names of private keys.
const KEYS: [&str; 2] = ["key", "priv"];
/// Ending of a file that may hold key and certificate, one behind the other.
const PEM: &str = "pem";
/// Endings of the names of files that may hold a private key as well.
const OTHERS: [&str; 5] = ["gpg", "asc", "pgp", "p12", "pfx"];
/// The kernel's build names its key so.
const KERNEL_KEY: &str = "signing_key";
/// Largest file that is looked into for a private key, in bytes.
const MAX_PEM: u64 = 1 << 20;
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
        // Behind a key, or before the certificates above it.
        let first = PemFile::parse(&bytes).map(|file| file.certificates.into_iter().next());
        let parsed = match first {
            Ok(None) => Certificate::from_der(&bytes),
            Ok(Some(certificate)) => Ok(certificate),
            Err(error) => Err(error),
        };
        let certificate = parsed.or_refuse(|| format!("{} holds no certificate", path.shown()))?;
        // The kernel reads what is imported too, and takes less than firmware.
        certificate
            .strict()
            .or_refuse(|| format!("cannot use {}", path.shown()))?;
        Ok(certificate)
    }

    /// The private key, which has to be that of the certificate.
    pub fn key(&self, ask: &mut dyn FnMut(&Path) -> Result<Passphrase>) -> Result<SoftwareKey> {
        let key = SoftwareKey::load(&self.key, &mut || ask(&self.key))?;
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

/// The keys of a directory: `PK/PK.key` and `PK/PK.pem` as sbctl has them, `PK.key` and `PK.crt` as openssl makes them, or
/// `DB.key` and `DB.crt` as mkkeys and many guides do: the case of the letters does not count. `db.pem` may be both in one, as
/// `signing_key.pem` of the kernel's build is. An error if a role has two keys.
pub(super) fn find_keys(directory: &Path) -> Result<BTreeMap<KeyName, Files>> {
    let mut found = BTreeMap::new();
    let listed = Listing::read(directory)?;
    for name in KeyName::CERTIFIED {
        let Some(key) = listed.only(name)? else { continue };
        let certificate = listed.beside(&key).ok_or_else(|| {
            Error::refused(format!("beside {} there is no certificate", key.shown()))
                .hint(format!("put it there as {name}.pem or {name}.crt"))
        })?;
        found.insert(name, Files { key, certificate });
    }
    if found.is_empty() {
        return Err(Error::refused(format!("{} has no keys to import", directory.shown()))
            .hint("they are looked for as PK/PK.key, as sbctl has them in /var/lib/sbctl/keys, and as PK.key"));
    }
    Ok(found)
}

/// The files of a directory that look like private keys, and are none of those that are taken over.
pub(super) fn passed_over(
    directory: &Path,
    taken: &BTreeMap<KeyName, Files>,
    grub: Option<&Path>,
) -> Result<Vec<PathBuf>> {
    let mut files = Listing::read(directory)?.files;
    files.retain(|file| {
        let may_be = has_ending(file, &KEYS) || has_ending(file, &OTHERS) || holds_key(file);
        may_be && grub != Some(file) && !taken.values().any(|taken| taken.key == *file)
    });
    Ok(files)
}

/// The files of a directory, and of the directories in it that are named after a role.
struct Listing {
    files: Vec<PathBuf>,
}

impl Listing {
    fn read(directory: &Path) -> Result<Self> {
        let mut files = Vec::new();
        let mut folders = vec![directory.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in system::list_directory(&folder)? {
                let name = entry
                    .path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                if entry.path.is_file() {
                    files.push(entry.path);
                } else if folder == directory && KeyName::ALL.iter().any(|role| is_named(&name, *role)) {
                    folders.push(entry.path);
                }
            }
        }
        files.sort();
        Ok(Self { files })
    }

    /// The one file that is named after a role; a directory of that name counts more than files beside it.
    fn only(&self, name: KeyName) -> Result<Option<PathBuf>> {
        let of_role = |file: &&PathBuf| {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            is_named(&stem, name) && (has_ending(file, &KEYS) || holds_key(file))
        };
        let is_in_folder = |file: &&PathBuf| {
            let folder = file.parent().and_then(Path::file_name).unwrap_or_default();
            is_named(&folder.to_string_lossy(), name)
        };
        let all: Vec<&PathBuf> = self.files.iter().filter(of_role).collect();
        let in_folder: Vec<&PathBuf> = all.iter().copied().filter(is_in_folder).collect();
        match if in_folder.is_empty() { all } else { in_folder }[..] {
            [] => Ok(None),
            [file] => Ok(Some(file.clone())),
            [one, other, ..] => Err(Error::refused(format!(
                "{} and {} may both be the {name} key",
                one.shown(),
                other.shown()
            ))
            .hint("leave the one that is meant in the directory")),
        }
    }

    /// The certificate with the name of a key, by the order of the endings.
    fn beside(&self, key: &Path) -> Option<PathBuf> {
        CERTIFICATES.iter().find_map(|ending| {
            let mut files = self.files.iter().filter(|file| file.parent() == key.parent());
            let found = files.find(|file| {
                let same = file.file_stem() == key.file_stem();
                same && file.extension().is_some_and(|other| other.eq_ignore_ascii_case(ending))
            });
            found.cloned()
        })
    }
}

fn has_ending(file: &Path, endings: &[&str]) -> bool {
    let ending = file.extension().unwrap_or_default();
    endings.iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// True for PEM with a private key in it, whatever else there is. What cannot be read holds none that could be taken over.
fn holds_key(file: &Path) -> bool {
    let read = |file| system::read_prefix(file, Some(MAX_PEM)).map(Zeroizing::new);
    has_ending(file, &[PEM]) && read(file).is_ok_and(|text| PemFile::has_key(&text))
}

fn is_named(stem: &str, role: KeyName) -> bool {
    stem.eq_ignore_ascii_case(role.name()) || role == KeyName::Module && stem == KERNEL_KEY
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
