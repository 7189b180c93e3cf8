//! Files and directories that decide what is trusted or written: they must be ours alone.
//!
//! The rule, as `StrictModes` of sshd(8) and sudo(8) have it: a file that decides (configuration, table of quirks,
//! baseline, secret, file of a key directory or of the state), and each directory on the way to it from `/` on,
//! - belongs to root, or to the user who runs bootseal, and
//! - is writable by nobody else: neither by the group nor by others. Access control lists show there too: the group's
//!   bits are then their mask (acl(5)).
//!
//! Two things are milder than in sshd:
//! - A directory above may be writable by others if it is sticky, as `/tmp` is: nobody else can rename or remove there
//!   what belongs to us, and that it does is judged next. The file or directory that decides itself may not.
//! - A group of the user's own, which has the number of the user and no other member, is no other. For root there is
//!   no such group: system users often share root's.
//!
//! Another root directory (`--root`) changes nothing: the directories above it are judged too, as who can exchange the
//! root decides what is in it.
//!
//! A symbolic link on the way is followed by hand: the link must be ours, and the directory that it is in is judged as
//! well as the whole way to its target. Every name is looked up below the descriptor of the directory that was judged,
//! and the descriptor that is read is the one that was judged: nothing can be exchanged in between.
//!
//! A descriptor that somebody handed over (`/proc/self/fd/N`, `/dev/stdin`) was opened by who started bootseal, who
//! decides anyway: the way to it is not judged.

mod faults;

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, PROC_SUPER_MAGIC};
use rustix::io::Errno;

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;

use super::entries::refused;
use super::resolve::{MAX_LINKS, parts};
use faults::{Faults, Place};

/// Reads a regular file of up to `limit` bytes that decides what is trusted or written. It must be ours alone.
pub fn read_ours(path: &Path, limit: u64) -> Result<Vec<u8>> {
    match find(path, Wanted::File)? {
        Found::Missing(_) => Err(cannot_read(path, Errno::NOENT)),
        Found::File(found) => found.read(limit),
    }
}

/// The same, or `None` if nothing has this name. A link that leads nowhere is an error.
pub fn read_ours_if_there(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    match find(path, Wanted::File)? {
        // Whoever can make the file could also have removed it.
        Found::Missing(faults) => faults.none_of(path).map(|()| None),
        Found::File(found) => found.read(limit).map(Some),
    }
}

/// Checks that a file or directory is ours alone. Where nothing has this name, the directories above are checked.
pub fn check_ours(path: &Path) -> Result<()> {
    match find(path, Wanted::File)? {
        Found::Missing(faults) => faults.none_of(path),
        Found::File(found) => found.faults.none_of(path),
    }
}

/// Checks that a directory and each entry in it are ours alone, as far as this user can list it.
pub fn check_directory_is_ours(path: &Path) -> Result<()> {
    let Found::File(mut found) = find(path, Wanted::File)? else {
        return Err(cannot_read(path, Errno::NOENT));
    };
    let cannot = || format!("cannot list {}", path.shown());
    let entries = match rustix::fs::Dir::read_from(&found.opened) {
        Ok(entries) => entries,
        Err(Errno::ACCESS) => return found.faults.none_of(path),
        Err(error) => return Err(error).or_could_not_run(cannot),
    };
    for entry in entries {
        let name = OsString::from_vec(entry.or_could_not_run(cannot)?.file_name().to_bytes().to_vec());
        if name == "." || name == ".." {
            continue;
        }
        match rustix::fs::statat(&found.opened, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => found.faults.judge(&found.real.join(&name), &stat, Place::Decides),
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error).or_could_not_run(cannot),
        }
    }
    found.faults.none_of(path)
}

/// From here on no file or directory that is made lets others than its owner write, whatever the caller's umask says.
pub fn keep_others_from_writing() {
    let former = rustix::process::umask(Mode::WGRP | Mode::WOTH);
    rustix::process::umask(former | Mode::WGRP | Mode::WOTH);
}

/// A file that decides, open, with what is wrong with it and the way to it.
#[derive(Debug)]
pub(super) struct OurFile {
    path: PathBuf,
    /// The path without links.
    real: PathBuf,
    opened: File,
    faults: Faults,
}

impl OurFile {
    /// Opens a file, or a pipe, which may be a descriptor that was handed over.
    pub(super) fn open(path: &Path) -> Result<Self> {
        match find(path, Wanted::FileOrPipe)? {
            Found::Missing(_) => Err(cannot_read(path, Errno::NOENT)),
            Found::File(found) => Ok(found),
        }
    }

    pub(super) fn metadata(&self) -> Result<Metadata> {
        self.opened
            .metadata()
            .or_could_not_run(|| format!("cannot read {}", self.path.shown()))
    }

    /// The open file, if it is ours alone.
    pub(super) fn checked(self) -> Result<File> {
        self.faults.none_of(&self.path).map(|()| self.opened)
    }

    fn read(self, limit: u64) -> Result<Vec<u8>> {
        let path = self.path.clone();
        if !self.metadata()?.is_file() {
            return Err(Error::could_not_run(format!("{} is not a regular file", path.shown())));
        }
        let mut bytes = Vec::new();
        self.checked()?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .or_could_not_run(|| format!("cannot read {}", path.shown()))?;
        if bytes.len() as u64 > limit {
            return Err(Error::refused(format!("{} has more than {limit} bytes", path.shown())));
        }
        Ok(bytes)
    }
}

/// The end of the way to a file.
enum Found {
    /// Nothing has the name.
    Missing(Faults),
    File(OurFile),
}

/// The kinds of files that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    File,
    FileOrPipe,
}

/// A directory that was judged.
struct Judged {
    descriptor: OwnedFd,
    path: PathBuf,
}

/// The way to a file: the directories from `/` on, each opened below the one before and judged.
fn find(path: &Path, wanted: Wanted) -> Result<Found> {
    let failed = |errno: Errno| cannot_read(path, errno);
    let absolute = std::path::absolute(path).map_err(|error| refused(cannot(path), error))?;
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let root = PathBuf::from("/");
    let descriptor = rustix::fs::openat(CWD, "/", directory, Mode::empty()).map_err(failed)?;
    let mut faults = Faults::new();
    let stat = rustix::fs::fstat(&descriptor).map_err(failed)?;
    let mut rest = parts(&absolute);
    faults.judge(&root, &stat, place(&rest));
    let mut way = Way(vec![Judged { descriptor, path: root }]);
    let (mut links, mut is_link) = (0_usize, false);
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            way.up();
            continue;
        }
        let here = way.last()?;
        let next = here.path.join(&name);
        let stat = match rustix::fs::statat(&here.descriptor, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // A link that leads nowhere is no missing file.
            Err(Errno::NOENT | Errno::NOTDIR) if !is_link => return Ok(Found::Missing(faults)),
            Err(errno) => return Err(failed(errno)),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Symlink if is_descriptor(here) && rest.is_empty() => {
                let opened = open_file(&here.descriptor, &name, OFlags::empty()).map_err(failed)?;
                return Ok(found(path, next, opened, Faults::new()));
            }
            FileType::Symlink => {
                links += 1;
                is_link |= rest.is_empty();
                if links > MAX_LINKS {
                    return Err(failed(Errno::LOOP));
                }
                faults.judge(&next, &stat, Place::Decides);
                let target = rustix::fs::readlinkat(&here.descriptor, &name, Vec::new()).map_err(failed)?;
                let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
                if target.is_absolute() {
                    way.0.truncate(1);
                }
                for part in parts(&target).into_iter().rev() {
                    rest.push_front(part);
                }
            }
            FileType::Directory => {
                let opened = rustix::fs::openat(&here.descriptor, &name, directory, Mode::empty()).map_err(failed)?;
                let stat = rustix::fs::fstat(&opened).map_err(failed)?;
                faults.judge(&next, &stat, place(&rest));
                way.0.push(Judged {
                    descriptor: opened,
                    path: next,
                });
            }
            _ if !rest.is_empty() => return Err(failed(Errno::NOTDIR)),
            // Devices are not opened: that can have effects.
            FileType::RegularFile | FileType::Fifo => {
                // A pipe that is wanted waits for who writes to it; nothing else may block.
                let flags = match wanted {
                    Wanted::FileOrPipe => OFlags::NOFOLLOW,
                    Wanted::File => OFlags::NOFOLLOW | OFlags::NONBLOCK,
                };
                let opened = open_file(&here.descriptor, &name, flags).map_err(failed)?;
                let stat = rustix::fs::fstat(&opened).map_err(failed)?;
                faults.judge(&next, &stat, Place::Decides);
                return Ok(found(path, next, opened, faults));
            }
            _ => {
                let message = format!("{} is not a regular file", path.shown());
                return Err(Error::could_not_run(message));
            }
        }
    }
    let last = way.last()?;
    // After `..`, it was judged as one above.
    let stat = rustix::fs::fstat(&last.descriptor).map_err(failed)?;
    faults.judge(&last.path, &stat, Place::Decides);
    // The descriptor of the way is for looking names up only.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = match rustix::fs::openat(&last.descriptor, ".", flags, Mode::empty()) {
        Err(Errno::ACCESS) => rustix::fs::openat(&last.descriptor, ".", flags | OFlags::PATH, Mode::empty()),
        other => other,
    };
    let real = last.path.clone();
    Ok(found(path, real, opened.map_err(failed)?, faults))
}

/// The directories that lead to where the walk is, from `/` on.
struct Way(Vec<Judged>);

impl Way {
    fn up(&mut self) {
        if self.0.len() > 1 {
            self.0.pop();
        }
    }

    fn last(&self) -> Result<&Judged> {
        self.0.last().ok_or_else(|| Error::bug("a way without a beginning"))
    }
}

/// The part of a directory that is followed by these names.
fn place(rest: &VecDeque<OsString>) -> Place {
    if rest.is_empty() { Place::Decides } else { Place::Above }
}

/// True if the links in a directory are open descriptors (`proc_pid_fd(5)`), whose text is no path.
fn is_descriptor(directory: &Judged) -> bool {
    directory.path.file_name() == Some(OsStr::new("fd"))
        && rustix::fs::fstatfs(&directory.descriptor).is_ok_and(|system| system.f_type == PROC_SUPER_MAGIC)
}

fn open_file(directory: impl AsFd, name: &OsStr, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

fn found(path: &Path, real: PathBuf, opened: OwnedFd, faults: Faults) -> Found {
    Found::File(OurFile {
        path: path.to_path_buf(),
        real,
        opened: File::from(opened),
        faults,
    })
}

fn cannot(path: &Path) -> String {
    format!("cannot read {}", path.shown())
}

fn cannot_read(path: &Path, errno: Errno) -> Error {
    refused(cannot(path), errno.into())
}

#[cfg(test)]
mod tests;
