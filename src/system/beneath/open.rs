//! Opening a directory below another one without following any link.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;

/// The number of times that the kernel is asked again when somebody renames directories meanwhile (openat2(2), `EAGAIN`).
const ATTEMPTS: usize = 16;
/// A directory as it is only passed through.
const PASSED: OFlags = OFlags::PATH
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// The purpose that a directory is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Names in it are opened, made, renamed and removed.
    Names,
    /// It is listed or flushed.
    Content,
}

impl For {
    const fn flags(self) -> OFlags {
        match self {
            Self::Names => PASSED,
            Self::Content => OFlags::RDONLY
                .union(OFlags::DIRECTORY)
                .union(OFlags::NOFOLLOW)
                .union(OFlags::CLOEXEC),
        }
    }
}

/// Opens the directory `below`, a path of plain names, below `base`, an absolute path without links.
pub(super) fn directory(base: &Path, below: &Path, purpose: For) -> io::Result<OwnedFd> {
    if below.as_os_str().is_empty() {
        return openat(CWD, base, purpose.flags(), Mode::empty()).map_err(explain);
    }
    let base = openat(CWD, base, PASSED, Mode::empty()).map_err(explain)?;
    at_once(base.as_fd(), below, purpose).map_err(explain)
}

fn at_once(base: BorrowedFd<'_>, below: &Path, purpose: For) -> rustix::io::Result<OwnedFd> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    for _ in 0..ATTEMPTS {
        match openat2(base, below, purpose.flags(), Mode::empty(), resolve) {
            Err(Errno::AGAIN) => {}
            // Kernels before 5.6, and sandboxes that know no newer call.
            Err(Errno::NOSYS | Errno::PERM) => return step_by_step(base, below, purpose),
            done => return done,
        }
    }
    step_by_step(base, below, purpose)
}

/// The same with calls that every kernel has: each name is opened in the directory before, and none may be a link.
fn step_by_step(base: BorrowedFd<'_>, below: &Path, purpose: For) -> rustix::io::Result<OwnedFd> {
    let mut current: Option<OwnedFd> = None;
    let mut names = below.iter().peekable();
    while let Some(name) = names.next() {
        // Paths without links have none; from here it would lead up.
        if name == ".." {
            return Err(Errno::XDEV);
        }
        let flags = if names.peek().is_some() {
            PASSED
        } else {
            purpose.flags()
        };
        let above = current.as_ref().map_or(base, OwnedFd::as_fd);
        current = Some(openat(above, name, flags, Mode::empty())?);
    }
    current.ok_or(Errno::NOENT)
}

/// The error of a path that has a link in it now, in words.
fn explain(error: Errno) -> io::Error {
    match error {
        Errno::LOOP | Errno::XDEV => io::Error::new(
            ErrorKind::NotADirectory,
            "a symbolic link has taken the place of a directory",
        ),
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    type Open = fn(BorrowedFd<'_>, &Path, For) -> rustix::io::Result<OwnedFd>;

    #[test]
    fn no_link_is_followed_with_either_call() {
        let directory = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(directory.path()).unwrap().join("boot");
        fs::create_dir_all(base.join("grub/fonts")).unwrap();
        fs::create_dir_all(directory.path().join("etc/fonts")).unwrap();
        symlink("grub", base.join("inside")).unwrap();
        symlink("../etc", base.join("outside")).unwrap();
        fs::write(base.join("file"), b"").unwrap();
        let opened = openat(CWD, &base, PASSED, Mode::empty()).unwrap();
        for open in [at_once as Open, step_by_step] {
            for purpose in [For::Names, For::Content] {
                let open = |below: &str| open(opened.as_fd(), Path::new(below), purpose);
                assert!(open("grub").is_ok() && open("grub/fonts").is_ok());
                for refused in [
                    "inside",
                    "inside/fonts",
                    "outside",
                    "outside/fonts",
                    "..",
                    "grub/../../etc",
                    "file",
                    "none",
                ] {
                    assert!(open(refused).is_err(), "{refused}");
                }
            }
        }
        assert!(super::directory(&base, Path::new(""), For::Names).is_ok());
        assert!(super::directory(&base.join("inside"), Path::new("fonts"), For::Names).is_err());
    }
}
