//! The directories of a rotation, and the record of the one that is under way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ceremony::transcript::Event;
use crate::ceremony::verify;
use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::text::Shown;
use crate::keys::directory::{RETIRED, TRANSCRIPT};
use crate::keys::{KeyDirectory, KeyName};
use crate::system::{self, Context, NewDirectory, NewFile};

/// File with the record of a rotation under way, in [`KeyDirectory::rotation`].
pub(super) const STATE: &str = "rotation.json";
/// Hexadecimal digits of a fingerprint that tell the directories of retired keys apart.
const RETIRED_DIGITS: usize = 16;
/// Largest file of a rotation that is read, in bytes.
pub(super) const MAX_FILE: u64 = 16 << 20;

/// Files by name, each with its content and permission bits.
pub(super) type Files = BTreeMap<String, (Vec<u8>, u32)>;

/// A rotation under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Name of the key: PK, KEK, db, module, grub or pcr.
    pub key: String,
    /// Subject of the new key's certificate, or user ID of the new OpenPGP key.
    pub subject: String,
    /// Fingerprint of the old key: SHA-256 of the certificate, or OpenPGP's; none if the new one is the first of its name.
    pub old: Option<String>,
    /// Fingerprint of the new key.
    pub new: String,
    /// Names of the new files.
    pub(super) files: Vec<String>,
    /// SHA-256 of the files that the writes were made from, lower-case hex; empty for a key without a variable.
    #[serde(default)]
    pub(super) basis: String,
}

impl Rotation {
    /// The key that gives way.
    pub(super) fn name(&self) -> Result<KeyName> {
        self.key.parse().or_refuse(|| "the rotation names no key".to_owned())
    }

    /// True if an event of a transcript is about the new key.
    pub(super) fn is_told_by(&self, event: &Event) -> bool {
        matches!(event, Event::Certified { fingerprint, .. } if *fingerprint == self.new)
    }
}

/// The directories of a rotation: that of the key, and that of the keys that sign firmware's variables.
pub struct Place<'a> {
    /// The machine.
    pub context: &'a Context,
    /// The directory of the key.
    pub keys: &'a KeyDirectory,
    /// The directory of PK and KEK; the same, often.
    pub authority: &'a KeyDirectory,
}

impl Place<'_> {
    /// The directory of the new files of a key, until they are in their places.
    pub(super) fn folder(&self, name: KeyName) -> PathBuf {
        self.keys.rotation(name)
    }

    /// The rotation of a key that is under way; none if there is none.
    pub fn under_way(&self, name: KeyName) -> Result<Option<Rotation>> {
        let path = self.folder(name).join(STATE);
        if !path.exists() {
            return Ok(None);
        }
        let damaged = || format!("{} is damaged", path.shown());
        let rotation: Rotation = serde_json::from_slice(&system::read_ours(&path, MAX_FILE)?).or_refuse(damaged)?;
        if rotation.name().or_refuse(damaged)? == name {
            Ok(Some(rotation))
        } else {
            Err(Error::refused(damaged()))
        }
    }

    /// The directory that keeps the old key, if there was one.
    #[must_use]
    pub fn retired(&self, rotation: &Rotation) -> Option<PathBuf> {
        let old = rotation.old.as_deref()?;
        let name = format!("{}-{}", rotation.key, retired_digits(old));
        Some(self.keys.path().join(RETIRED).join(name))
    }

    /// True once the new key has begun to take its place: from then on the rotation can only be ended.
    pub(super) fn has_switched(&self, rotation: &Rotation) -> Result<bool> {
        if let Some(retired) = self.retired(rotation) {
            return system::is_there(&retired);
        }
        let (folder, other) = (self.folder(rotation.name()?), self.authority.path());
        let is_elsewhere = |file: &String| !folder.join(file).exists() || other.join(file).exists();
        Ok(rotation.files.iter().any(is_elsewhere) || self.is_recorded(rotation)?)
    }

    /// True if a transcript has the new key.
    fn is_recorded(&self, rotation: &Rotation) -> Result<bool> {
        for directory in [self.keys, self.authority] {
            if system::is_there(&directory.file_path(TRANSCRIPT))? {
                let transcript = verify::read(directory.path())?.transcript;
                if transcript.events().any(|event| rotation.is_told_by(event)) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Path of a file of the new key: still staged, or in its place already.
    pub(super) fn new_file(&self, name: KeyName, file: &str) -> PathBuf {
        first_that_exists(self.folder(name).join(file), self.keys.path().join(file))
    }

    /// The certificate of the new key.
    pub fn new_certificate(&self, name: KeyName) -> Result<Certificate> {
        read_certificate(&self.new_file(name, &format!("{name}.pem")))
    }

    /// The certificate that gives way: kept already, or still in its place.
    pub fn old_certificate(&self, name: KeyName, rotation: &Rotation) -> Result<Certificate> {
        let present = self.keys.certificate_path(name);
        let kept = self
            .retired(rotation)
            .map(|retired| retired.join(format!("{name}.pem")));
        read_certificate(&kept.filter(|kept| kept.exists()).unwrap_or(present))
    }

    /// Makes a directory with these files; it comes into being with all of them.
    pub(super) fn publish(&self, target: &Path, files: &Files) -> Result<()> {
        let folder = NewDirectory::stage(self.context, target)?;
        for (name, (bytes, mode)) in files {
            let path = &folder.path().join(name);
            NewFile {
                path,
                bytes,
                mode: *mode,
            }
            .create(self.context)?;
        }
        folder.publish()
    }
}

/// Name of the directory that keeps an old key, below [`RETIRED`].
pub(super) fn retired_name(name: KeyName, fingerprint: &str) -> String {
    format!("{name}-{}", retired_digits(fingerprint))
}

fn retired_digits(fingerprint: &str) -> String {
    fingerprint.chars().take(RETIRED_DIGITS).collect()
}

fn first_that_exists(preferred: PathBuf, other: PathBuf) -> PathBuf {
    if preferred.exists() { preferred } else { other }
}

fn read_certificate(path: &Path) -> Result<Certificate> {
    Certificate::from_pem(&system::read_ours(path, MAX_FILE)?).or_refuse(|| format!("cannot use {}", path.shown()))
}
