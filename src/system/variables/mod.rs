//! Firmware variables as efivarfs shows them: a file `NAME-GUID` per variable, 4 bytes of attributes (little-endian)
//! before the data. The same format in any other directory is a copy of a firmware's variables.

mod access;
mod block;
mod image;
#[cfg(test)]
mod tests;
mod write;

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use efivar::efi::{Variable, VariableFlags};
use efivar::{VarEnumerator, VarReader, VarWriter};
use rustix::io::Errno;

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::guid::Guid;
use crate::formats::text::Shown;

use super::context::Context;
use super::entries::{Entry, list_directory};

pub use access::{RawVariable, Variables, explained, failed, found, listed, variable, vendor};
pub use block::is_block_device;
pub use image::ImageFile;
pub use write::{Step, WriteFailure};

/// The usual mount point of efivarfs.
pub(super) const EFIVARFS: &str = "/sys/firmware/efi/efivars";
/// Length of a vendor's GUID in a file name.
const VENDOR: usize = 36;
/// Size of the attributes before the data, in bytes.
const ATTRIBUTES: usize = 4;
/// Largest variable that is read, in bytes; firmware stores at most a few hundred kilobytes.
const MAX_VARIABLE: u64 = 16 << 20;

/// A directory of variables in the format of efivarfs: the live one, or any other.
#[derive(Debug, Clone)]
pub struct Efivarfs {
    context: Context,
    directory: PathBuf,
}

impl Efivarfs {
    /// The variables of the machine's own firmware.
    pub fn live(context: &Context) -> Result<Self> {
        let directory = context.path(EFIVARFS);
        if directory.is_dir() {
            return Ok(Self::at(context, directory));
        }
        if context.path("/sys/firmware/efi").is_dir() {
            let missing = format!("efivarfs is not mounted at {}", directory.shown());
            let mount = format!("mount -t efivarfs efivarfs {EFIVARFS}");
            return Err(Error::could_not_run(missing).hint(mount));
        }
        Err(Error::could_not_run(
            "this system was not booted through UEFI, so its firmware variables cannot be reached",
        )
        .hint("boot through UEFI (not CSM or BIOS), or name a directory with --store"))
    }

    /// The variables in `directory`.
    #[must_use]
    pub fn at(context: &Context, directory: impl Into<PathBuf>) -> Self {
        Self {
            context: context.clone(),
            directory: directory.into(),
        }
    }

    /// The directory with the variables.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// True if the variable's file is immutable, as the kernel makes those whose loss may break a machine; `None` if
    /// there is no such variable.
    pub fn is_immutable(&self, name: &str, vendor: &Guid) -> Result<Option<bool>> {
        let path = self.path(&format!("{name}-{vendor}"));
        let cannot = || format!("cannot read the flags of {}", path.shown());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).or_could_not_run(cannot),
        };
        let flags = rustix::fs::ioctl_getflags(&file).or_could_not_run(cannot)?;
        Ok(Some(flags.contains(rustix::fs::IFlags::IMMUTABLE)))
    }

    /// True if the file system is mounted read-only.
    pub fn is_read_only(&self) -> Result<bool> {
        let status = rustix::fs::statvfs(&self.directory)
            .or_could_not_run(|| format!("cannot tell how {} is mounted", self.directory.shown()))?;
        Ok(status.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
    }

    /// Bytes that the firmware still has for variables, if the kernel tells (since Linux 6.6).
    pub fn free_space(&self) -> Result<Option<u64>> {
        let cannot = || format!("cannot tell how much space {} has left", self.directory.shown());
        let status = rustix::fs::statfs(&self.directory).or_could_not_run(cannot)?;
        if !write::is_efivarfs(&status) || status.f_blocks == 0 {
            return Ok(None);
        }
        let size = u64::try_from(status.f_bsize).or_could_not_run(cannot)?;
        let bytes = status.f_bavail.checked_mul(size);
        bytes.map(Some).ok_or_else(|| Error::could_not_run(cannot()))
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// Name and vendor of every variable; files that are not named like one are passed over.
    fn list(&self) -> Result<Vec<(String, Guid)>> {
        let entries = list_directory(&self.directory)?;
        let name = |entry: &Entry| name_and_vendor(entry.path.file_name()?.to_str()?);
        Ok(entries.iter().filter_map(name).collect())
    }

    fn write_file(&self, file: &str, variable: &RawVariable) -> std::result::Result<(), WriteFailure> {
        if self.context.dry_run() {
            return Ok(());
        }
        write::write(&self.path(plain(file)?), &variable.to_bytes())
    }

    fn remove_file(&self, file: &str) -> std::result::Result<(), WriteFailure> {
        if self.context.dry_run() {
            return Ok(());
        }
        write::remove(&self.path(plain(file)?))
    }
}

impl VarReader for Efivarfs {
    fn read(&self, variable: &Variable) -> efivar::Result<(Vec<u8>, VariableFlags)> {
        let path = self.path(&variable.to_string());
        let read = read_file(&path).or_could_not_run(|| format!("cannot read the variable {}", path.shown()));
        access::found(variable, read)
    }
}

/// A variable that was immutable is so again after a change, whether the change succeeds or not.
impl VarWriter for Efivarfs {
    /// Writes with one write(2).
    fn write(&mut self, variable: &Variable, attributes: VariableFlags, value: &[u8]) -> efivar::Result<()> {
        let raw = RawVariable {
            attributes: attributes.bits(),
            data: value.to_vec(),
        };
        self.write_file(&variable.to_string(), &raw)
            .map_err(|failure| access::failed(variable, explain(variable.name(), failure)))
    }

    fn delete(&mut self, variable: &Variable) -> efivar::Result<()> {
        self.remove_file(&variable.to_string())
            .map_err(|failure| access::failed(variable, explain(variable.name(), failure)))
    }
}

impl VarEnumerator for Efivarfs {
    fn get_all_vars<'a>(&'a self) -> efivar::Result<Box<dyn Iterator<Item = Variable> + 'a>> {
        access::listed(self.list())
    }
}

/// Splits `NAME-GUID`; a name may itself hold hyphens.
fn name_and_vendor(file: &str) -> Option<(String, Guid)> {
    let (name, vendor) = file.split_at_checked(file.len().checked_sub(VENDOR)?)?;
    Some((name.strip_suffix('-')?.to_owned(), vendor.parse().ok()?))
}

/// A file name that stays in its directory.
fn plain(file: &str) -> std::result::Result<&str, WriteFailure> {
    if file.contains(['/', '\0']) {
        let source = io::Error::from(ErrorKind::InvalidInput);
        let step = Step::Open;
        return Err(WriteFailure { step, source });
    }
    Ok(file)
}

fn read_file(path: &Path) -> io::Result<Option<RawVariable>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_VARIABLE).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        // What efivarfs shows between the creation of a file and its first write.
        return Ok(None);
    }
    let Some((attributes, data)) = bytes.split_first_chunk::<ATTRIBUTES>() else {
        let short = format!("{} bytes do not hold the 4 of the attributes", bytes.len());
        return Err(io::Error::new(ErrorKind::InvalidData, short));
    };
    Ok(Some(RawVariable {
        attributes: u32::from_le_bytes(*attributes),
        data: data.to_vec(),
    }))
}

/// The meaning of the kernel's answer to a write, for a firmware variable.
fn explain(name: &str, failure: WriteFailure) -> Error {
    let cannot = format!("cannot write the variable {name}");
    let errno = Errno::from_io_error(&failure.source);
    let firmware = failure.step == Step::Write;
    match errno {
        Some(Errno::ACCESS | Errno::PERM) if !firmware && !rustix::process::geteuid().is_root() => {
            Error::could_not_run(cannot).hint("run the command as root")
        }
        Some(Errno::ACCESS | Errno::PERM) if firmware => Error::refused(format!(
            "the firmware refuses to write {name}: it is not in Setup Mode, and the file is not signed by a key that it \
             trusts, or is older than what it holds"
        ))
        .hint("in the firmware's setup clear the platform key (Setup Mode), then run the command again"),
        Some(Errno::ACCESS | Errno::PERM) => Error::could_not_run(cannot)
            .hint("the kernel forbids it even to root: look at lockdown, the security modules and the container"),
        Some(Errno::ROFS) => Error::could_not_run(format!("{cannot}: variables are write-protected"))
            .hint(format!("mount -o remount,rw {EFIVARFS}")),
        Some(Errno::INVAL) if firmware => Error::refused(format!(
            "the firmware calls the write of {name} invalid: its format is not accepted, or memory for variables is low"
        ))
        .hint("free memory for variables: clear old boot entries and crash dumps, reboot, then run the command again")
        .hint("some firmware answers so until it is updated: look for a newer version"),
        Some(Errno::NOSPC) => Error::refused(format!("the firmware has no memory left for {name}"))
            .hint("remove old boot entries (efibootmgr) and /sys/fs/pstore/*, reboot, then run the command again"),
        _ => Error::could_not_run(cannot),
    }
    .caused_by(failure)
}
