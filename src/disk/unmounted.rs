//! EFI system partitions that are not mounted: firmware starts from them all the same, so they are read through their file system.

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::formats::fat::{Fat, Medium};
use crate::formats::firmware::guid::Guid;
use crate::formats::text::printable;
use crate::system::{BlockDevice, Context, fat_mounts, list_directory_if_there, read_if_there};

/// The records of udev, one for each device (`b` and its numbers for one of blocks).
const UDEV: &str = "/run/udev/data";
/// The types of an EFI system partition in the records: in a GUID partition table, and in the older one.
const EFI_SYSTEM_PARTITION: [&str; 2] = ["c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0xef"];
/// Longest record that is read, in bytes.
const MAX_RECORD: u64 = 64 << 10;

/// An EFI system partition that is not mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmountedPartition {
    /// The device, as a person names it.
    pub device: String,
    /// The file of the device, where its name is known.
    file: Option<PathBuf>,
    /// The GUID of its GPT partition, if that is known.
    pub partition: Option<Guid>,
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
        let Some(file) = &self.file else {
            return Err(cannot("its device has no name".to_owned()));
        };
        let device = BlockDevice::open(file).map_err(|error| cannot(error.in_one_line()))?;
        Fat::open(Blocks(device)).map_err(|error| cannot(error.to_string()))
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
pub struct Blocks(BlockDevice);

impl Medium for Blocks {
    fn read(&self, offset: u64, length: usize) -> std::result::Result<Vec<u8>, String> {
        self.0.read(offset, length).map_err(|error| error.in_one_line())
    }
}

/// The EFI system partitions of all disks, by the table of partitions, that are not mounted. None where udev keeps no record of
/// disks.
pub fn unmounted_efi_partitions(context: &Context) -> Result<Vec<UnmountedPartition>> {
    let mounted = fat_mounts(context)?;
    let mut missing = Vec::new();
    for entry in list_directory_if_there(&context.path(UDEV))? {
        let Some(number) = entry.path.file_name().and_then(|name| name.to_str()?.strip_prefix('b')) else {
            continue;
        };
        // A record that went away is of a disk that did.
        let Some(record) = read_if_there(&entry.path, MAX_RECORD)? else {
            continue;
        };
        let record = String::from_utf8_lossy(&record);
        let value = |name: &str| {
            record
                .lines()
                .find_map(|line| line.strip_prefix("E:")?.strip_prefix(name)?.strip_prefix('='))
        };
        let is_meant = |kind: &str| {
            EFI_SYSTEM_PARTITION
                .iter()
                .any(|known| kind.eq_ignore_ascii_case(known))
        };
        if !value("ID_PART_ENTRY_TYPE").is_some_and(is_meant) {
            continue;
        }
        let described = read_if_there(&context.path(format!("/sys/dev/block/{number}/uevent")), MAX_RECORD)?;
        let described = String::from_utf8_lossy(&described.unwrap_or_default()).into_owned();
        let name = described.lines().find_map(|line| line.strip_prefix("DEVNAME="));
        let partition = value("ID_PART_ENTRY_UUID").and_then(|uuid| uuid.parse::<Guid>().ok());
        let is_mounted = mounted.iter().any(|mount| {
            name.is_some_and(|name| mount.device == name) || (partition.is_some() && mount.partition == partition)
        });
        if !is_mounted {
            let device = name.map_or_else(
                || format!("the device {number}"),
                |name| format!("/dev/{}", printable(name)),
            );
            missing.push(UnmountedPartition {
                device,
                file: name.map(|name| context.path(format!("/dev/{name}"))),
                partition,
            });
        }
    }
    Ok(missing)
}
