//! EFI system partitions that are not mounted: firmware starts from them all the same, so they are read through their file system.

use std::fmt;

use crate::error::{Error, Result};
use crate::formats::fat::Fat;
use crate::formats::firmware::guid::Guid;
use crate::formats::medium::Medium;
use crate::formats::text::printable;
use crate::system::{BlockDevice, Context, fat_mounts};

use super::efi_devices::{Bytes, EfiDevice, efi_devices};

/// An EFI system partition that is not mounted, or a disk that may have some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmountedPartition {
    /// The device, as a person names it.
    pub device: String,
    /// The GUID of its GPT partition, if that is known.
    pub partition: Option<Guid>,
    found: EfiDevice,
}

impl UnmountedPartition {
    /// Reads its directories. An error says why it cannot be looked at, and what to do.
    pub fn open(&self) -> Result<Fat<Blocks>> {
        let cannot = |reason: String| {
            Error::could_not_run(format!(
                "{self} is an EFI system partition that is not mounted, and firmware may start what lies on it: it cannot be read ({}); \
                 mount it, for reading only, and ask again",
                printable(&reason)
            ))
        };
        let (file, start, length) = match &self.found {
            EfiDevice::Unknown(disk, why) => {
                return Err(Error::could_not_run(format!(
                    "{disk}: firmware may start what lies on its EFI system partitions, and which it has is not known: {why}"
                )));
            }
            EfiDevice::Partition { bytes, .. } => match bytes {
                Bytes::At(file, start, length) => (file, *start, *length),
                Bytes::Nowhere => return Err(cannot("its device has no name".to_owned())),
            },
        };
        let device = BlockDevice::open(file).map_err(|error| cannot(error.in_one_line()))?;
        let blocks = Blocks { device, start, length };
        Fat::open(blocks).map_err(|error| cannot(error.to_string()))
    }

    /// True if this may be the partition that a boot option names.
    #[must_use]
    pub fn may_be(&self, wanted: Option<Guid>) -> bool {
        match (self.partition, wanted) {
            (Some(partition), Some(wanted)) => partition == wanted,
            _ => true,
        }
    }

    /// A path on it, for a person.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        format!("{}:{}", self.device, printable(path))
    }
}

impl fmt::Display for UnmountedPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partition {
            Some(guid) => write!(f, "{} ({guid})", self.device),
            None => f.write_str(&self.device),
        }
    }
}

/// A file on an EFI system partition that is not mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmountedFile {
    /// The partition.
    pub partition: UnmountedPartition,
    /// The path on it, with `/` before each name.
    pub path: String,
}

impl UnmountedFile {
    /// Its name, for a person.
    #[must_use]
    pub fn shown(&self) -> String {
        self.partition.shown(&self.path)
    }

    /// Its content. Could not run if that is not smaller than `limit` bytes.
    pub fn read(&self, limit: u64) -> Result<Vec<u8>> {
        let fat = self.partition.open()?;
        let cannot = |reason: String| Error::could_not_run(format!("{}: {reason}", self.shown()));
        let found = fat.find_file(&self.path);
        let (_, file) = found.ok_or_else(|| cannot("it is there no more".to_owned()))?;
        let bytes = fat.read(file, limit).map_err(|error| cannot(error.to_string()))?;
        if bytes.len() as u64 == limit {
            return Err(cannot(format!("files of {limit} bytes or more are not read")));
        }
        Ok(bytes)
    }
}

/// The bytes of a partition.
pub struct Blocks {
    device: BlockDevice,
    /// Where it begins on the device, in bytes.
    start: u64,
    /// Its length, in bytes.
    length: u64,
}

impl Medium for Blocks {
    fn read(&self, offset: u64, length: usize) -> std::result::Result<Vec<u8>, String> {
        let end = offset.checked_add(length as u64);
        let is_on_it = end.is_some_and(|end| end <= self.length);
        let place = self.start.checked_add(offset).filter(|_| is_on_it);
        Medium::read(&self.device, place.ok_or("the partition ends")?, length)
    }
}

/// The EFI system partitions of all disks that are not mounted, and the disks that cannot be asked for theirs. An error if the kernel
/// cannot be asked for the disks.
pub fn unmounted_efi_partitions(context: &Context) -> Result<Vec<UnmountedPartition>> {
    let mounted = fat_mounts(context)?;
    // By its numbers alone: a name and a GUID are in the hands of who made the partition.
    let is_mounted = |number: &str| mounted.iter().any(|mount| mount.number == number);
    let missing = efi_devices(context)?.into_iter().filter_map(|found| {
        let (device, partition) = match &found {
            EfiDevice::Partition {
                number: Some(number), ..
            } if is_mounted(number) => return None,
            EfiDevice::Partition { shown, partition, .. } => (shown.clone(), *partition),
            EfiDevice::Unknown(disk, _) => (disk.clone(), None),
        };
        Some(UnmountedPartition {
            device,
            partition,
            found,
        })
    });
    Ok(missing.collect())
}
