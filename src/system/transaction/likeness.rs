//! A new file takes over owner, mode, extended attributes and times of the one that it replaces.

use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::{Timespec, Timestamps, XattrFlags, fgetxattr, flistxattr, flistxattr_query, fsetxattr, futimens};
use rustix::io::Errno;

/// Permission bits of a file that did not exist before: readable by all, as kernels and signatures are.
const NEW_FILE_MODE: u32 = 0o644;
/// Extended attributes that are hashes of the old content (evm(7), IMA): the new file has to be measured anew.
const OF_THE_CONTENT: [&[u8]; 2] = [b"security.ima", b"security.evm"];
/// `f_type` of FAT (linux/magic.h), which has neither owners nor modes.
const MSDOS_MAGIC: u64 = 0x4d44;

/// True if a directory is on a FAT file system: no owners, no modes, times of 2 seconds, and names that do not tell
/// upper from lower case. False where that cannot be told.
#[must_use]
pub fn is_directory_on_fat(directory: &Path) -> bool {
    File::open(directory).is_ok_and(|directory| is_on_fat(&directory))
}

fn is_on_fat(file: &File) -> bool {
    rustix::fs::fstatfs(file).is_ok_and(|status| u64::try_from(status.f_type) == Ok(MSDOS_MAGIC))
}

/// The times of a file that replaces another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// Those of the file that is replaced.
    Kept,
    /// Those of now.
    New,
}

/// Makes a staged file, with the metadata that it was made with, like the file that it replaces, or like a new one.
pub(super) fn take_over(
    (file, own): (&File, &Metadata),
    existing: Option<&(File, Metadata)>,
    times: Times,
) -> io::Result<()> {
    let Some((replaced, existing)) = existing else {
        return set_mode(file, own, NEW_FILE_MODE);
    };
    if (own.uid(), own.gid()) != (existing.uid(), existing.gid()) {
        fchown(file, Some(existing.uid()), Some(existing.gid()))?;
    }
    set_mode(file, own, existing.mode() & 0o7777)?;
    copy_attributes(file, replaced)?;
    if times == Times::New {
        return Ok(());
    }
    futimens(
        file,
        &Timestamps {
            last_access: time(existing.atime(), existing.atime_nsec()),
            last_modification: time(existing.mtime(), existing.mtime_nsec()),
        },
    )?;
    Ok(())
}

fn time(seconds: i64, nanoseconds: i64) -> Timespec {
    Timespec {
        tv_sec: seconds,
        tv_nsec: nanoseconds,
    }
}

fn set_mode(file: &File, own: &Metadata, mode: u32) -> io::Result<()> {
    if own.mode() & 0o7777 == mode {
        return Ok(());
    }
    match file.set_permissions(Permissions::from_mode(mode)) {
        // All files of a FAT file system have the mode that it was mounted with.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && is_on_fat(file) => Ok(()),
        other => other,
    }
}

/// Copies ACLs, labels and users' attributes, where the file system has them.
fn copy_attributes(file: &File, replaced: &File) -> io::Result<()> {
    match flistxattr_query(replaced) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(()),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    let names = read(|buffer| flistxattr(replaced, buffer))?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    for name in names.filter(|name| !OF_THE_CONTENT.contains(name)) {
        let value = read(|buffer| fgetxattr(replaced, name, buffer))?;
        // A new file may have got the same label from its directory, and who may not set it need not.
        if read(|buffer| fgetxattr(file, name, buffer)).is_ok_and(|present| present == value) {
            continue;
        }
        fsetxattr(file, name, &value, XattrFlags::empty()).map_err(|error| {
            let (error, name) = (io::Error::from(error), String::from_utf8_lossy(name));
            io::Error::new(
                error.kind(),
                format!("cannot keep the extended attribute {name}: {error}"),
            )
        })?;
    }
    Ok(())
}

/// Reads a list of names or a value, which the kernel limits to 64 KiB each (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
fn read(call: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut bytes = vec![0; 64 << 10];
    let length = call(&mut bytes)?;
    bytes.truncate(length);
    Ok(bytes)
}
