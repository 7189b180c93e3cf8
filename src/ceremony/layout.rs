//! The files that a ceremony makes: names, places and permission bits.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::Result;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::text::Shown;
use crate::keys::KeyName;
use crate::keys::directory::{GRUB_PUBLIC_KEY, OWNER, REMOVE_PK, TRANSCRIPT};

use super::spec::{Place, Revocations, Spec, absolute};

/// Permission bits of a file that holds no secret; the bits of its directory keep others out.
pub(crate) const PUBLIC: u32 = 0o644;
/// Permission bits of a file with a secret.
pub(crate) const SECRET: u32 = 0o400;

/// Name of the backup's archive.
pub const ARCHIVE: &str = "bootseal-backup.tar";
/// Name of the backup's printable sheet.
pub const SHEET: &str = "bootseal-sheet.html";
/// Folder of the shares' pages, in the directory of the backup.
pub(super) const SHARES: &str = "shares";

/// Places whose files are made in the work directory, each in a folder of the same name.
pub(super) const FOLDERS: [&str; 3] = ["keys", "backup", SHARES];
/// Place of files that only the work directory ever has.
pub(super) const WORK_ONLY: &str = "work";

/// Name of the page of a share.
#[must_use]
pub fn share_name(number: u8) -> String {
    format!("share-{number}.html")
}

/// A file that remains after the ceremony.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedFile {
    /// "node", "offline", or "backup".
    pub place: &'static str,
    /// Absolute path.
    pub path: String,
    /// Permission bits, octal.
    pub mode: String,
}

/// All files that remain after the ceremony, by place and name.
pub(super) fn planned_files(spec: &Spec) -> Result<Vec<PlannedFile>> {
    let mut files = Vec::new();
    for (place, directory) in spec.directories() {
        let directory = absolute(&directory)?;
        let mut names = if place == "backup" {
            backup_files(spec)
        } else {
            key_files(spec, place)
        };
        names.sort();
        files.extend(names.into_iter().map(|(name, mode)| PlannedFile {
            place,
            path: directory.join(name).shown(),
            mode: format!("{mode:04o}"),
        }));
    }
    Ok(files)
}

/// Names and permission bits in the directory of the backup.
fn backup_files(spec: &Spec) -> Vec<(PathBuf, u32)> {
    let shares = spec.backup.as_ref().and_then(|backup| backup.shares);
    let numbers = shares.into_iter().flat_map(|shares| 1..=shares.of);
    let pages = numbers.map(|number| (Path::new(SHARES).join(share_name(number)), SECRET));
    [
        (ARCHIVE.into(), SECRET),
        (SHEET.into(), SECRET),
        (TRANSCRIPT.into(), PUBLIC),
    ]
    .into_iter()
    .chain(pages)
    .collect()
}

/// The place of the write that removes PK: beside the private key of PK, since whoever holds the one needs no other key for what
/// the other does. On a node it would take the platform key out of each board that has it.
pub(super) fn removal_place(spec: &Spec) -> &'static str {
    match spec.key(KeyName::Pk).place {
        Place::Offline | Place::Token(_) if spec.offline.is_some() => "offline",
        _ => "node",
    }
}

/// Names of the public files that firmware and GRUB are given, or that go with them.
fn chain_files(spec: &Spec, place: &str) -> Vec<String> {
    let mut public: Vec<String> = [OWNER, GRUB_PUBLIC_KEY].map(str::to_owned).into();
    if place == removal_place(spec) {
        public.push(REMOVE_PK.to_owned());
    }
    for variable in KeyName::CERTIFIED.into_iter().filter_map(KeyName::variable) {
        public.extend(["esl", "auth"].map(|ending| format!("{variable}.{ending}")));
    }
    if spec.dbx == Revocations::Microsoft {
        public.push(format!("{}.auth", VariableName::Dbx));
    }
    public
}

/// Names and permission bits in a key directory: all public files, and the private keys of this place.
fn key_files(spec: &Spec, place: &str) -> Vec<(PathBuf, u32)> {
    let mut public = vec![TRANSCRIPT.to_owned()];
    if spec.makes_chain() {
        public.extend(chain_files(spec, place));
    }
    for name in spec.certified() {
        public.extend(["pem", "der"].map(|ending| format!("{name}.{ending}")));
    }
    let mut files = Vec::new();
    for name in spec.names() {
        let private = match spec.key(name).place {
            Place::Token(_) => {
                public.push(format!("{name}.uri"));
                continue;
            }
            Place::Node => "node",
            Place::Offline => "offline",
        };
        if private == place {
            files.push((format!("{name}.key").into(), SECRET));
        }
    }
    files.extend(public.into_iter().map(|name| (name.into(), PUBLIC)));
    files
}
