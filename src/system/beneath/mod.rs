//! The one way to files below directories that others control ([`Context::guard`]): boot directories, EFI system
//! partitions, module trees and key directories.
//!
//! A [`Place`] is a name in such a directory. Whatever is opened, made, renamed or removed at a place goes through the
//! descriptor of the outermost guarded directory above it, and follows no link below that: not one that was there
//! before, and not one that is exchanged for a directory while we work. A file is replaced by a rename, never written
//! to in place, so a further name (hard link) of it keeps the file of before.

mod open;
mod pair;
mod temporary;

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, mkdirat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use crate::error::{Error, quoted};
use crate::formats::text::Shown;

use super::context::Context;
use super::guards::outermost;
use super::resolve::resolve_noting;

use open::For;
pub(super) use pair::{Pair, finish_pair};
pub(super) use temporary::{Directory, PREFIX, RANDOM, Temporary};

/// The reason why a path leads to no place.
#[derive(Debug, thiserror::Error)]
pub enum NoPlace {
    /// It does not exist, or cannot be looked at.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A link in a guarded directory leads out of all of them.
    #[error(
        "{} is a symbolic link to {}, which is outside of {}",
        .link.shown(), .target.shown(), .guard.shown()
    )]
    LeadsOut {
        /// The link.
        link: PathBuf,
        /// The file or directory that the path leads to.
        target: PathBuf,
        /// The guarded directory that the link is in.
        guard: PathBuf,
    },
}

impl NoPlace {
    /// The error for a person; `message` says what could not be done.
    #[must_use]
    pub fn explain(self, message: String) -> Error {
        match self {
            Self::Io(error) => Error::could_not_run(message).caused_by(error),
            Self::LeadsOut { ref link, .. } => {
                let hint = format!("look at it, and remove it: rm {}", quoted(link));
                Error::refused(self.to_string()).hint(hint)
            }
        }
    }

    /// True if nothing has the name, or a directory above it is missing.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == ErrorKind::NotFound)
    }
}

/// The file that a path leads to, without symbolic links, as the machine whose files these are would follow them. A link in
/// a guarded directory must lead to a guarded directory.
pub fn follow(context: &Context, path: &Path) -> Result<PathBuf, NoPlace> {
    let mut links = Vec::new();
    let file = resolve_noting(context.root(), path, &mut links)?;
    if links.is_empty() {
        return Ok(file);
    }
    let guards = context.guards()?;
    if outermost(&guards, &file).is_some() {
        return Ok(file);
    }
    for link in links {
        let guard = link.parent().and_then(|directory| outermost(&guards, directory));
        if let Some(guard) = guard.map(|guard| guard.to_path_buf()) {
            let target = file;
            return Err(NoPlace::LeadsOut { link, target, guard });
        }
    }
    Ok(file)
}

/// As [`follow`]; `None` if nothing has the name, or a directory above it is missing.
pub fn follow_if_there(context: &Context, path: &Path) -> crate::error::Result<Option<PathBuf>> {
    match follow(context, path) {
        Ok(file) => Ok(Some(file)),
        Err(NoPlace::Io(error)) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => Ok(None),
        Err(error) => Err(error.explain(format!("cannot look at {}", path.shown()))),
    }
}

/// A name in a directory, with the guarded directory from which it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The outermost guarded directory, without symbolic links; the directory of the name where none is guarded.
    base: Arc<Path>,
    /// The whole path, without symbolic links in its directories.
    path: Arc<Path>,
}

impl Place {
    /// The place of a name: a link that has it is not followed.
    pub fn of_name(context: &Context, path: &Path) -> Result<Self, NoPlace> {
        let no_file = || io::Error::new(ErrorKind::InvalidInput, "the path names no file");
        let name = path.file_name().ok_or_else(no_file)?;
        let above = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let directory = follow(context, above)?;
        Ok(Self::in_directory(context, &directory, name)?)
    }

    /// The place of the file that a path leads to.
    pub fn of_file(context: &Context, path: &Path) -> Result<Self, NoPlace> {
        let file = follow(context, path)?;
        let no_file = || io::Error::new(ErrorKind::IsADirectory, "the path names no file");
        let (directory, name) = file.parent().zip(file.file_name()).ok_or_else(no_file)?;
        Ok(Self::in_directory(context, directory, name)?)
    }

    /// The place of the file that a path leads to, or of the name itself if there is no such file.
    pub fn of_file_or_name(context: &Context, path: &Path) -> Result<Self, NoPlace> {
        match Self::of_file(context, path) {
            Err(error) if error.is_missing() => Self::of_name(context, path),
            other => other,
        }
    }

    /// A name in a directory whose path has no links.
    fn in_directory(context: &Context, directory: &Path, name: &OsStr) -> io::Result<Self> {
        let guards = context.guards()?;
        let base = outermost(&guards, directory).map_or_else(|| Arc::from(directory), Arc::clone);
        let path = directory.join(name).into();
        Ok(Self { base, path })
    }

    /// Another name in the same directory.
    pub fn beside(&self, name: impl AsRef<OsStr>) -> Self {
        Self {
            base: Arc::clone(&self.base),
            path: self.path.with_file_name(name.as_ref()).into(),
        }
    }

    /// The path, without symbolic links in its directories.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// As [`Self::path`], shared with the place.
    pub fn shared_path(&self) -> Arc<Path> {
        Arc::clone(&self.path)
    }

    /// The path of the directory.
    pub fn directory_path(&self) -> &Path {
        self.path.parent().unwrap_or(&self.base)
    }

    fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    /// The path of the directory, below the base.
    fn below(&self) -> io::Result<&Path> {
        self.directory_path().strip_prefix(&self.base).map_err(io::Error::other)
    }

    fn directory(&self, purpose: For) -> io::Result<OwnedFd> {
        open::directory(&self.base, self.below()?, purpose)
    }

    /// The kind of what has this name; a link is not followed, and no device is opened.
    pub fn look(&self) -> io::Result<Option<FileType>> {
        match look_at(self.directory(For::Names)?.as_fd(), self.name()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            found => found.map(|seen| Some(seen.kind)),
        }
    }

    /// Opens a regular file for reading. A link is not followed; a pipe does not block, and a device is not opened.
    pub fn open(&self) -> io::Result<(File, Metadata)> {
        let directory = self.directory(For::Names)?;
        let seen = look_at(directory.as_fd(), self.name())?;
        check_regular(seen.kind)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(openat(&directory, self.name(), flags, Mode::empty())?);
        let metadata = file.metadata()?;
        check_regular(kind(&metadata))?;
        if identity(&metadata) != seen.identity {
            return Err(io::Error::other("another file has just taken its place"));
        }
        Ok((file, metadata))
    }

    /// Makes a file that is not there yet, for reading and writing.
    pub fn create(&self, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(mode);
        Ok(openat(self.directory(For::Names)?, self.name(), flags, mode)?.into())
    }

    /// Opens a file that only grows, or makes it. Refuses a link, anything but a regular file, and a file that has a
    /// further name somewhere else.
    pub fn open_to_append(&self, mode: u32) -> io::Result<File> {
        let flags = OFlags::RDWR
            | OFlags::APPEND
            | OFlags::CREATE
            | OFlags::NOFOLLOW
            | OFlags::NONBLOCK
            | OFlags::NOCTTY
            | OFlags::CLOEXEC;
        if let Some(seen) = self.look()? {
            check_regular(seen)?;
        }
        let mode = Mode::from_raw_mode(mode);
        let file = File::from(openat(self.directory(For::Names)?, self.name(), flags, mode)?);
        let metadata = file.metadata()?;
        check_regular(kind(&metadata))?;
        if metadata.nlink() > 1 {
            return Err(io::Error::other("it has a second name (hard link) somewhere"));
        }
        Ok(file)
    }

    /// Makes a directory.
    pub fn make_directory(&self, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode);
        Ok(mkdirat(self.directory(For::Names)?, self.name(), mode)?)
    }

    /// Gives what has this name another one, in the place of what had that.
    pub fn rename(&self, to: &Self) -> io::Result<()> {
        let (from, into) = (self.directory(For::Names)?, to.directory(For::Names)?);
        Ok(renameat(from, self.name(), into, to.name())?)
    }

    /// Removes a name that is no directory's.
    pub fn remove(&self) -> io::Result<()> {
        Ok(unlinkat(self.directory(For::Names)?, self.name(), AtFlags::empty())?)
    }

    /// Removes an empty directory.
    pub fn remove_directory(&self) -> io::Result<()> {
        Ok(unlinkat(self.directory(For::Names)?, self.name(), AtFlags::REMOVEDIR)?)
    }

    /// Removes what has this name, a directory with everything in it.
    pub fn remove_tree(&self) -> io::Result<()> {
        Ok(remove_tree_at(self.directory(For::Names)?.as_fd(), self.name())?)
    }

    /// Waits until the names in the directory are on the disk.
    pub fn flush_directory(&self) -> io::Result<()> {
        File::from(self.directory(For::Content)?).sync_all()
    }

    /// Waits until the names in the directory that has this name are on the disk.
    pub fn flush_content(&self) -> io::Result<()> {
        File::from(open::directory(
            &self.base,
            &self.below()?.join(self.name()),
            For::Content,
        )?)
        .sync_all()
    }

    /// The directory, for a flush of its whole file system.
    pub fn open_directory(&self) -> io::Result<File> {
        self.directory(For::Content).map(File::from)
    }
}

/// The file that has a name, by stat(2).
struct Seen {
    kind: FileType,
    identity: (u64, u64),
}

/// The file that has a name in a directory, without opening a device or pipe.
fn look_at(directory: BorrowedFd<'_>, name: &OsStr) -> io::Result<Seen> {
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(Seen {
        kind: FileType::from_raw_mode(stat.st_mode),
        identity: (stat.st_dev, stat.st_ino),
    })
}

fn kind(metadata: &Metadata) -> FileType {
    FileType::from_raw_mode(metadata.mode())
}

fn check_regular(kind: FileType) -> io::Result<()> {
    let kind = match kind {
        FileType::RegularFile => return Ok(()),
        FileType::Symlink => "it is a symbolic link",
        _ => "it is not a regular file",
    };
    Err(io::Error::new(ErrorKind::InvalidInput, kind))
}

/// The file system and number by which a file is known.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn remove_tree_at(directory: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<()> {
    match unlinkat(directory, name, AtFlags::empty()) {
        // POSIX has `EPERM` for a directory, Linux `EISDIR`.
        Err(Errno::ISDIR | Errno::PERM) => {}
        done => return done,
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inner = openat(directory, name, flags, Mode::empty())?;
    for name in names_in(inner.as_fd())? {
        remove_tree_at(inner.as_fd(), &name)?;
    }
    unlinkat(directory, name, AtFlags::REMOVEDIR)
}

/// The names in a directory that is open for its content, but for its own and that of the one above.
fn names_in(directory: BorrowedFd<'_>) -> rustix::io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests;
