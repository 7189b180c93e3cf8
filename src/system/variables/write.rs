//! The one place that changes a variable's file.
//!
//! efivarfs makes the files of most variables immutable, and turns one write(2) into one call of the firmware.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use rustix::io::Errno;

/// `f_type` of efivarfs (linux/magic.h).
const EFIVARFS_MAGIC: u64 = 0xde5e_81e4;

/// The step of a change of a variable's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Making an immutable file writable.
    Unlock,
    /// Opening or creating the file.
    Open,
    /// The write itself: on efivarfs the firmware's answer.
    Write,
    /// Removing the file.
    Remove,
    /// Making the file immutable again.
    Lock,
}

/// A change of a variable's file that failed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", match .step {
    Step::Unlock => "cannot make the variable's file writable",
    Step::Open => "cannot open the variable's file",
    Step::Write => "the write failed",
    Step::Remove => "cannot remove the variable's file",
    Step::Lock => "done, but the variable's file cannot be made immutable again",
})]
pub struct WriteFailure {
    /// The step that failed.
    pub step: Step,
    /// The kernel's answer.
    pub source: io::Error,
}

trait During<T> {
    fn during(self, step: Step) -> Result<T, WriteFailure>;
}

impl<T, E: Into<io::Error>> During<T> for Result<T, E> {
    fn during(self, step: Step) -> Result<T, WriteFailure> {
        self.map_err(|error| WriteFailure {
            step,
            source: error.into(),
        })
    }
}

/// An existing file whose immutable flag has been cleared, if it was set.
struct Unlocked {
    file: File,
    flags: IFlags,
}

impl Unlocked {
    /// `None` if the file does not exist.
    fn open(path: &Path) -> Result<Option<Self>, WriteFailure> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).during(Step::Open),
        };
        let flags = flags(&file).during(Step::Unlock)?;
        if flags.contains(IFlags::IMMUTABLE) {
            ioctl_setflags(&file, flags.difference(IFlags::IMMUTABLE)).during(Step::Unlock)?;
        }
        Ok(Some(Self { file, flags }))
    }

    fn lock(&self) -> Result<(), WriteFailure> {
        if self.flags.contains(IFlags::IMMUTABLE) {
            ioctl_setflags(&self.file, self.flags).during(Step::Lock)?;
        }
        Ok(())
    }
}

/// The flags of a file; none on a file system that has none.
fn flags(file: &File) -> rustix::io::Result<IFlags> {
    match ioctl_getflags(file) {
        Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(IFlags::empty()),
        other => other,
    }
}

/// Replaces the content of the file, or creates it.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteFailure> {
    let Some(existing) = Unlocked::open(path)? else {
        let written = write_once(path, bytes);
        if written.is_err() {
            discard_empty(path);
        }
        return written;
    };
    let written = write_once(path, bytes);
    let locked = existing.lock();
    // The write's own failure is the one to report.
    written.and(locked)
}

fn write_once(path: &Path, bytes: &[u8]) -> Result<(), WriteFailure> {
    // No truncation: efivarfs would not know what to do with it, and other file systems get it below.
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .during(Step::Open)?;
    let count = file.write(bytes).during(Step::Write)?;
    if count != bytes.len() {
        let short = format!("only {count} of {} bytes were taken", bytes.len());
        return Err(io::Error::new(ErrorKind::WriteZero, short)).during(Step::Write);
    }
    let status = rustix::fs::fstatfs(&file).during(Step::Write)?;
    if !is_efivarfs(&status) {
        file.set_len(count as u64)
            .and_then(|()| file.sync_all())
            .during(Step::Write)?;
    }
    Ok(())
}

/// Takes away the empty file that a failed first write leaves in efivarfs; there is no such variable.
fn discard_empty(path: &Path) {
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() == 0) {
        // The write's own failure is the one to report; a leftover is read as no variable.
        let _ = remove(path);
    }
}

/// Removes the file.
pub(super) fn remove(path: &Path) -> Result<(), WriteFailure> {
    let Some(existing) = Unlocked::open(path)? else {
        return Err(io::Error::from(ErrorKind::NotFound)).during(Step::Remove);
    };
    let removed = fs::remove_file(path).during(Step::Remove);
    if removed.is_err() {
        existing.lock()?;
    }
    removed
}

/// True for the status of efivarfs itself: a plain directory serves as a simulated firmware.
pub(super) fn is_efivarfs(status: &rustix::fs::StatFs) -> bool {
    u64::try_from(status.f_type).is_ok_and(|kind| kind == EFIVARFS_MAGIC)
}
