//! EFI system partitions that are not mounted: firmware starts from them all the same, so they are read through their file system.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::error::{Error, Result as Outcome};
use crate::formats::fat::{Entry, Fat, FatError};
use crate::formats::firmware::partition_table::Identity;
use crate::formats::medium::Medium;
use crate::formats::text::printable;
use crate::system::{BlockDevice, Context, OpenedFile, UnmountedContent, fat_mounts};

use super::boot_targets::BootTargets;
use super::efi_devices::{Bytes, EfiDevice, Reason, efi_devices};

/// Most files and directories of all of them together, which are held: some 200 bytes each, and 2 KiB if their names are as long as names
/// can be.
const MAX_HELD: usize = 100_000;
/// The directory of loaders.
const EFI: &str = "EFI";
/// The directory of the loader that firmware falls back to.
const FALLBACK: &str = "EFI/BOOT";

/// An EFI system partition that is not mounted, or another that firmware may start from; or a disk that may have some.
#[derive(Clone)]
pub struct UnmountedPartition {
    /// The device, as a person names it.
    pub device: String,
    /// The partition, as far as it is known.
    pub partition: Identity,
    found: EfiDevice,
    /// Its file system, or the reason why that cannot be read; read once, for all who have the partition.
    opened: Arc<OnceLock<Result<Fat<Blocks>, Unreadable>>>,
    /// The number of files and directories that may still be held, of it and those beside it.
    room: Arc<Mutex<usize>>,
}

/// The reason why a file system cannot be read, and whether there is one.
struct Unreadable {
    reason: String,
    is_none: bool,
}

impl Unreadable {
    fn device(reason: String) -> Self {
        Self { reason, is_none: false }
    }
}

impl From<FatError> for Unreadable {
    fn from(error: FatError) -> Self {
        Self {
            is_none: matches!(error, FatError::NoFat(_)),
            reason: error.to_string(),
        }
    }
}

impl UnmountedPartition {
    fn new(found: EfiDevice, room: &Arc<Mutex<usize>>) -> Self {
        let (device, partition) = match &found {
            EfiDevice::Partition { shown, identity, .. } => (shown.clone(), identity.clone()),
            EfiDevice::Unknown(disk, _) => (disk.clone(), Identity::Unknown),
        };
        Self {
            device,
            partition,
            found,
            opened: Arc::default(),
            room: Arc::clone(room),
        }
    }

    /// Its file system with all directories, which are read by the first call. An error says why it cannot be looked at, and what to do.
    pub fn open(&self) -> Outcome<&Fat<Blocks>> {
        let what = match &self.found {
            EfiDevice::Unknown(disk, why) => {
                return Err(Error::could_not_run(format!(
                    "{disk}: firmware may start what lies on its EFI system partitions, and which it has is not known: {why}"
                )));
            }
            EfiDevice::Partition { reason, .. } => match reason {
                Reason::Type => "is an EFI system partition that is not mounted",
                Reason::Option(_) | Reason::Other => "is no EFI system partition, and not mounted",
                Reason::Bare => "is a disk without a table of partitions, and not mounted",
            },
        };
        self.opened().as_ref().map_err(|Unreadable { reason, is_none }| {
            let reason = printable(reason);
            Error::could_not_run(match &self.found {
                EfiDevice::Partition { reason: Reason::Option(option), .. } if *is_none => format!(
                    "{self} is the partition that {option} names, and holds no FAT file system ({reason}): nobody knows what firmware starts \
                     there; remove the option if it is not used"
                ),
                EfiDevice::Partition { reason: Reason::Option(option), .. } => format!(
                    "{self} {what}, and {option} has firmware start what lies on it: it cannot be read ({reason}); mount it, for reading \
                     only, and ask again"
                ),
                _ => format!(
                    "{self} {what}, and firmware may start what lies on it: it cannot be read ({reason}); mount it, for reading only, and \
                     ask again"
                ),
            })
        })
    }

    fn opened(&self) -> &Result<Fat<Blocks>, Unreadable> {
        self.opened.get_or_init(|| {
            let blocks = self.blocks()?;
            let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
            let fat = Fat::open_small(blocks, *room)?;
            *room = room.saturating_sub(fat.count());
            Ok(fat)
        })
    }

    fn blocks(&self) -> Result<Blocks, Unreadable> {
        let EfiDevice::Partition {
            bytes: Bytes::At(file, start, length),
            ..
        } = &self.found
        else {
            return Err(Unreadable::device("its device has no name".to_owned()));
        };
        let device = BlockDevice::open(file).map_err(|error| Unreadable::device(error.in_one_line()))?;
        Ok(Blocks {
            device: Arc::new(device),
            start: *start,
            length: *length,
        })
    }

    /// True if there is something on it for firmware to start, as far as can be told.
    fn is_meant(&self, targets: &BootTargets) -> bool {
        let EfiDevice::Partition { reason, .. } = &self.found else {
            return true;
        };
        let loaders = match reason {
            Reason::Type | Reason::Option(_) => return true,
            Reason::Bare => EFI,
            Reason::Other => FALLBACK,
        };
        let files = targets.files();
        let firsts = files
            .iter()
            .filter_map(|file| file.split('/').find(|part| !part.is_empty()));
        let firsts: Vec<&str> = firsts.chain([EFI]).collect();
        // Most are other file systems, or sticks with more files than are read for nothing.
        let may_have_some = self.blocks().and_then(|blocks| Ok(Fat::has_in_root(blocks, &firsts)?));
        let opened = match &may_have_some {
            Ok(true) => self.opened().as_ref(),
            Ok(false) => return false,
            Err(unreadable) => Err(unreadable),
        };
        match opened {
            Ok(fat) => {
                let has_named = files.iter().any(|file| fat.find_file(file).is_some());
                has_named || fat.files_in(loaders, true).next().is_some()
            }
            Err(unreadable) => !unreadable.is_none,
        }
    }

    /// A file on it. What cannot be read of it is told by who reads it.
    pub fn open_file(&self, path: &str, file: &Entry) -> Outcome<OpenedFile> {
        let fat = self.open()?;
        let cannot =
            |error: FatError| Error::could_not_run(format!("{}: {}", self.shown(path), printable(&error.to_string())));
        let extents = fat.extents(file).map_err(cannot)?;
        let medium = Arc::new(fat.medium().clone());
        Ok(OpenedFile::Unmounted(UnmountedContent::new(medium, extents)))
    }

    /// A path on it, for a person.
    #[must_use]
    pub fn shown(&self, path: &str) -> String {
        format!("{}:{}", self.device, printable(path))
    }
}

impl fmt::Debug for UnmountedPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnmountedPartition").field(&self.found).finish()
    }
}

impl fmt::Display for UnmountedPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.partition.guid() {
            Some(guid) => write!(f, "{} ({guid})", self.device),
            None => f.write_str(&self.device),
        }
    }
}

/// A file on an EFI system partition that is not mounted.
#[derive(Debug, Clone)]
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

    /// True if this path leads to it, by names that are long or short.
    #[must_use]
    pub fn is_at(&self, path: &str) -> bool {
        let found = self.partition.open().ok().and_then(|fat| fat.find_file(path));
        found.is_some_and(|(found, _)| found == self.path)
    }

    /// Opens it.
    pub fn open(&self) -> Outcome<OpenedFile> {
        let found = self.partition.open()?.find_file(&self.path);
        let gone = || Error::could_not_run(format!("{}: it is there no more", self.shown()));
        let (path, file) = found.ok_or_else(gone)?;
        self.partition.open_file(&path, file)
    }
}

/// The bytes of a partition.
#[derive(Clone)]
pub struct Blocks {
    device: Arc<BlockDevice>,
    /// Where it begins on the device, in bytes.
    start: u64,
    /// Its length, in bytes.
    length: u64,
}

impl Medium for Blocks {
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        let end = offset.checked_add(length as u64);
        let is_on_it = end.is_some_and(|end| end <= self.length);
        let place = self.start.checked_add(offset).filter(|_| is_on_it);
        Medium::read(&*self.device, place.ok_or("the partition ends")?, length)
    }
}

/// The partitions of all disks that firmware may start from, by their type, by what load options name or by what is on them, and that are
/// not mounted; boot images and disks without a table that have loaders; and the disks that cannot be asked for theirs. An error if the
/// kernel cannot be asked for the disks.
pub fn unmounted_efi_partitions(context: &Context, targets: &BootTargets) -> Outcome<Vec<UnmountedPartition>> {
    let mounted = fat_mounts(context)?;
    // By its numbers alone: a name and a GUID are in the hands of who made the partition.
    let is_mounted = |number: &str| mounted.iter().any(|mount| mount.number == number);
    let room = Arc::new(Mutex::new(MAX_HELD));
    let mut missing = Vec::new();
    for found in efi_devices(context, targets)? {
        let is_seen = matches!(&found, EfiDevice::Partition { number: Some(number), .. } if is_mounted(number));
        let partition = UnmountedPartition::new(found, &room);
        if is_seen {
            continue;
        }
        if partition.is_meant(targets) {
            missing.push(partition);
        } else if let Some(Ok(fat)) = partition.opened.get() {
            *room.lock().unwrap_or_else(PoisonError::into_inner) += fat.count();
        }
    }
    Ok(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Whoever fills a partition with files does not have it read anew for each.
    #[test]
    fn a_file_system_is_read_once_for_all_of_its_files() {
        let root = tempfile::tempdir().unwrap();
        let device = root.path().join("sda1");
        fs::write(&device, b"no file system").unwrap();
        let found = EfiDevice::Partition {
            reason: Reason::Type,
            shown: "/dev/sda1".to_owned(),
            number: None,
            bytes: Bytes::At(device.clone(), 0, u64::MAX),
            identity: Identity::Unknown,
        };
        let partition = UnmountedPartition::new(found, &Arc::new(Mutex::new(MAX_HELD)));
        let file = UnmountedFile {
            partition: partition.clone(),
            path: "/x".to_owned(),
        };
        let said = partition.open().err().map(|error| error.to_string());
        assert!(said.as_ref().is_some_and(|said| said.contains("/dev/sda1")), "{said:?}");
        // The device is not opened again.
        fs::remove_file(device).unwrap();
        assert_eq!(file.open().err().map(|error| error.to_string()), said);
    }
}
