//! Names in the file system: the target of each, and the entries of a directory.

use std::fs::{self, FileType, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;

use super::resolve::resolve;
use super::state::FileState;

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, where links are not followed.
    Link,
    /// A device, pipe or socket.
    Other,
}

impl From<FileType> for FileKind {
    fn from(kind: FileType) -> Self {
        if kind.is_file() {
            Self::File
        } else if kind.is_dir() {
            Self::Directory
        } else if kind.is_symlink() {
            Self::Link
        } else {
            Self::Other
        }
    }
}

/// The description of a file that its file system keeps (stat(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileInfo {
    /// The kind of the file.
    pub kind: FileKind,
    /// The permission bits, with set-user-ID, set-group-ID and sticky bit.
    pub mode: u32,
    /// The user ID of the owner.
    pub owner: u32,
    /// The number of names (hard links) that the file has.
    pub links: u64,
    /// The identity, size in bytes and times of the file.
    pub state: FileState,
}

impl FileInfo {
    /// True for a regular file.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.kind == FileKind::File
    }

    /// True for a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.kind == FileKind::Directory
    }

    /// True for a symbolic link, where links are not followed.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.kind == FileKind::Link
    }

    /// The size, in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.state.size
    }
}

impl From<&Metadata> for FileInfo {
    fn from(metadata: &Metadata) -> Self {
        Self {
            kind: metadata.file_type().into(),
            mode: metadata.permissions().mode() & 0o7777,
            owner: metadata.uid(),
            links: metadata.nlink(),
            state: FileState::from(metadata),
        }
    }
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The directory's path, as it was given, and the name.
    pub path: PathBuf,
    /// The kind of the entry; a link is not followed.
    pub kind: FileKind,
}

/// The description of the file that a path leads to; links are followed.
pub fn info(path: &Path) -> Result<FileInfo> {
    fs::metadata(path)
        .map(|metadata| FileInfo::from(&metadata))
        .or_could_not_run(|| cannot_look_at(path))
}

/// The description of the file that a path names, or `None` if nothing has that name. A link is not followed.
pub fn info_of_name(path: &Path) -> Result<Option<FileInfo>> {
    none_if_missing(fs::symlink_metadata(path))
        .map(|metadata| metadata.as_ref().map(FileInfo::from))
        .or_could_not_run(|| cannot_look_at(path))
}

/// True if a file of any kind has this name, also a link that leads nowhere. Fails where that cannot be told.
pub fn is_there(path: &Path) -> Result<bool> {
    info_of_name(path).map(|info| info.is_some())
}

/// The text of a symbolic link, or `None` if the path names no link.
pub fn link_target(path: &Path) -> Result<Option<PathBuf>> {
    match fs::read_link(path) {
        // Not a link (readlink(2)).
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(None),
        other => none_if_missing(other).or_could_not_run(|| cannot_look_at(path)),
    }
}

/// The absolute path without symbolic links of a file that exists, as the running system follows links.
pub fn canonical(path: &Path) -> Result<PathBuf> {
    fs::canonicalize(path).or_could_not_run(|| format!("cannot find {}", path.shown()))
}

/// The regular file that a path below `root` leads to, without symbolic links; `None` if there is no such file.
pub fn file_below(root: &Path, path: &Path) -> Result<Option<PathBuf>> {
    let Some(real) = none_if_missing(resolve(root, path)).or_could_not_run(|| cannot_look_at(path))? else {
        return Ok(None);
    };
    Ok(info(&real)?.is_file().then_some(real))
}

/// The directory that a path below `root` leads to, without symbolic links; `None` if there is no such directory.
pub fn directory_below(root: &Path, path: &Path) -> Result<Option<PathBuf>> {
    let Some(real) = none_if_missing(resolve(root, path)).or_could_not_run(|| cannot_look_at(path))? else {
        return Ok(None);
    };
    Ok(info(&real)?.is_directory().then_some(real))
}

/// The entries of a directory, sorted by name. Fails where one of them cannot be read, and keeps the kind of the failure
/// ([`Error::io_kind`]).
pub fn list_directory(path: &Path) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    each_entry(path, |entry| entries.push(entry))?;
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(entries)
}

/// The entries of a directory in the order of the file system, none of which is kept: for directories that anybody may fill.
pub fn each_entry(path: &Path, mut take: impl FnMut(Entry)) -> Result<()> {
    let cannot = || format!("cannot list {}", path.shown());
    for entry in fs::read_dir(path).map_err(|error| refused(cannot(), error))? {
        let entry = entry.or_could_not_run(cannot)?;
        take(Entry {
            kind: entry.file_type().or_could_not_run(cannot)?.into(),
            path: entry.path(),
        });
    }
    Ok(())
}

/// The entries of a directory, sorted by name; none if the directory does not exist.
pub fn list_directory_if_there(path: &Path) -> Result<Vec<Entry>> {
    match list_directory(path) {
        Err(error) if error.io_kind() == Some(ErrorKind::NotFound) => Ok(Vec::new()),
        other => other,
    }
}

fn none_if_missing<T>(looked: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => Ok(None),
        Err(error) => Err(error),
    }
}

fn cannot_look_at(path: &Path) -> String {
    format!("cannot look at {}", path.shown())
}

/// The error of an access that failed, with the remedy where permission is missing.
pub(super) fn refused(message: String, error: std::io::Error) -> Error {
    let kind = error.kind();
    let refused = Error::could_not_run(message).caused_by(error);
    match kind {
        ErrorKind::PermissionDenied => refused.hint("run the command as root"),
        _ => refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_directory_is_listed_in_order_with_kinds_and_a_missing_one_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("b"), b"two").unwrap();
        fs::create_dir(path("a")).unwrap();
        symlink("nowhere", path("c")).unwrap();
        let listed: Vec<_> = list_directory(directory.path())
            .unwrap()
            .into_iter()
            .map(|entry| (entry.path, entry.kind))
            .collect();
        let expected = [
            (path("a"), FileKind::Directory),
            (path("b"), FileKind::File),
            (path("c"), FileKind::Link),
        ];
        assert_eq!(listed, expected);
        let error = list_directory(&path("d")).unwrap_err();
        assert_eq!(error.io_kind(), Some(ErrorKind::NotFound));
        assert_eq!(list_directory_if_there(&path("d")).unwrap(), []);
        let no_directory = list_directory_if_there(&path("b")).unwrap_err();
        assert_eq!(no_directory.io_kind(), Some(ErrorKind::NotADirectory));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_there_and_has_no_info() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        fs::write(path("file"), b"two").unwrap();
        symlink("nowhere", path("link")).unwrap();
        assert!(is_there(&path("link")).unwrap());
        assert!(!is_there(&path("nowhere")).unwrap() && !is_there(&path("file/below")).unwrap());
        assert!(info_of_name(&path("link")).unwrap().unwrap().is_link());
        assert_eq!(info(&path("link")).unwrap_err().io_kind(), Some(ErrorKind::NotFound));
        assert_eq!(info(&path("file")).unwrap().size(), 3);
        assert_eq!(link_target(&path("link")).unwrap().unwrap(), Path::new("nowhere"));
        assert_eq!(link_target(&path("file")).unwrap(), None);
        assert_eq!(link_target(&path("other")).unwrap(), None);
    }

    #[test]
    fn a_path_below_a_root_leads_to_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(directory.path()).unwrap();
        fs::create_dir(root.join("boot")).unwrap();
        fs::write(root.join("boot/kernel"), b"").unwrap();
        symlink("/boot/kernel", root.join("vmlinuz")).unwrap();
        let link = root.join("vmlinuz");
        assert_eq!(file_below(&root, &link).unwrap(), Some(root.join("boot/kernel")));
        assert_eq!(file_below(&root, &root.join("boot")).unwrap(), None);
        assert_eq!(file_below(&root, &root.join("initrd.img")).unwrap(), None);
    }
}
