//! Disks that firmware can see, with the partitions that the kernel knows and those of their own tables, which firmware reads.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::formats::firmware::partition_table::{Identity, Partition, PartitionTables};
use crate::formats::text::Shown;

use super::block_devices::BlockDevice;
use super::context::Context;
use super::entries::{is_there, list_directory_if_there};
use super::files::read_if_there;
use super::resolve::resolve;

/// The directory in which the kernel lists block devices by their names.
const BY_NAME: &str = "/sys/class/block";
/// The directory in which the kernel lists block devices by their numbers.
const BY_NUMBER: &str = "/sys/dev/block";
/// The directory of devices that the kernel makes by itself: loop, RAM, volumes, arrays. Firmware knows none of them.
const OWN_DEVICES: &str = "devices/virtual/block";
/// The beginning of the metadata's name of an array that a RAID firmware knows too.
const FIRMWARE_RAID: &str = "external:";
/// The type of an optical drive (SCSI).
const OPTICAL: &str = "5";
/// The unit in which the kernel counts sizes of block devices, in bytes.
const SECTOR: u64 = 512;
/// A drive of floppy disks without one has this size, in bytes; no loader is so small.
const NO_MEDIUM: u64 = 4096;
/// The bytes that are read to know if there is a disc: a sector of it.
const MIN_READ: usize = 2048;
/// Longest description of a device, in bytes.
const MAX_ATTRIBUTE: u64 = 64 << 10;

/// A partition that the kernel knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionNode {
    /// Its name in `/dev`.
    pub name: String,
    /// Its numbers, as `8:1`.
    pub number: Option<String>,
    /// Its first byte on the disk, and its length in bytes.
    place: Option<(u64, u64)>,
}

impl PartitionNode {
    fn read(directory: &Path) -> Self {
        let bytes = |name: &str| number(directory, name)?.checked_mul(SECTOR);
        Self {
            name: device_name(directory),
            number: attribute(directory, "dev"),
            place: bytes("start").zip(bytes("size")),
        }
    }

    fn is(&self, partition: &Partition) -> bool {
        self.place == Some((partition.start, partition.length))
    }
}

/// A whole disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// Its name in `/dev`.
    pub name: String,
    /// Its numbers, as `8:0`.
    pub number: Option<String>,
    /// Its partitions, as the kernel knows them.
    pub nodes: Vec<PartitionNode>,
    /// Its directory below `/sys`.
    directory: PathBuf,
}

/// All disks that the kernel lists. An error if this system's kernel cannot be asked; other roots without a list have none.
pub fn disks(context: &Context) -> Result<Vec<Disk>> {
    let list = context.path(BY_NAME);
    let listed = list_directory_if_there(&list)?;
    if listed.is_empty() && context.is_running_system() && !is_there(&list)? {
        let text = format!("there is no {BY_NAME}, so that nobody knows which disks there are: /sys is not mounted");
        return Err(Error::could_not_run(text).hint("mount -t sysfs sysfs /sys"));
    }
    let mut disks: BTreeMap<PathBuf, Vec<PartitionNode>> = BTreeMap::new();
    for entry in listed {
        // One that leads nowhere was taken away just now.
        let Ok(directory) = resolve(context.root(), &entry.path) else {
            continue;
        };
        match disk_of_partition(&directory) {
            Some(disk) => disks
                .entry(disk.to_path_buf())
                .or_default()
                .push(PartitionNode::read(&directory)),
            None => {
                disks.entry(directory).or_default();
            }
        }
    }
    let disks = disks.into_iter();
    Ok(disks.map(|(directory, nodes)| Disk::new(directory, nodes)).collect())
}

/// The identity of a device, by its numbers, or else its name, as its disk's own tables have it; none if they have it not, or the device
/// is none of a disk that firmware sees. An error if the disk cannot be read.
pub(super) fn identity_on_disk(context: &Context, device: &str, name: &str) -> Result<Option<Identity>> {
    let mut places = [(BY_NUMBER, device), (BY_NAME, name)].into_iter();
    let Some(directory) = places.find_map(|(list, name)| resolve(context.root(), &context.path(list).join(name)).ok())
    else {
        return Ok(None);
    };
    let Some(disk) = disk_of_partition(&directory) else {
        let disk = Disk::new(directory, Vec::new());
        return Ok(disk.is_seen_by_firmware().then_some(Identity::WholeDisk));
    };
    let node = PartitionNode::read(&directory);
    let tables = Disk::new(disk.to_path_buf(), Vec::new()).tables(context)?;
    let entries: Vec<Partition> = tables
        .partitions
        .into_iter()
        .filter(|partition| node.is(partition))
        .collect();
    Ok((!entries.is_empty()).then_some(Identity::Entries(entries)))
}

/// The directory of the disk that a partition is on; none if the device is no partition. It lies in that of its disk, as others do
/// that are disks of their own.
fn disk_of_partition(directory: &Path) -> Option<&Path> {
    let is_partition = attribute(directory, "partition").is_some();
    directory.parent().filter(|_| is_partition)
}

impl Disk {
    fn new(directory: PathBuf, nodes: Vec<PartitionNode>) -> Self {
        Self {
            name: device_name(&directory),
            number: attribute(&directory, "dev"),
            nodes,
            directory,
        }
    }

    /// True if firmware may read its table, and start from its partitions.
    #[must_use]
    pub fn is_seen_by_firmware(&self) -> bool {
        let has = |name: &str, value: &str| attribute(&self.directory, name).is_some_and(|found| found == value);
        let is_own = self
            .directory
            .parent()
            .is_some_and(|parent| parent.ends_with(OWN_DEVICES));
        let raid = attribute(&self.directory, "md/metadata_version");
        let is_array_of_firmware = raid.is_some_and(|name| name.starts_with(FIRMWARE_RAID));
        // One of several ways to a disk has no file; the disk itself is listed as well.
        (!is_own || is_array_of_firmware) && !has("hidden", "1")
    }

    /// The file of the device.
    #[must_use]
    pub fn file(&self, context: &Context) -> PathBuf {
        context.path(Path::new("/dev").join(&self.name))
    }

    /// The partition of the kernel that this one of the table is, if it has read the same table.
    #[must_use]
    pub fn node(&self, partition: &Partition) -> Option<&PartitionNode> {
        self.nodes.iter().find(|node| node.is(partition))
    }

    /// Reads its tables; there are none without a medium. An error if the device cannot be opened.
    pub fn tables(&self, context: &Context) -> Result<PartitionTables> {
        if self.number("size")? == 0 {
            return Ok(PartitionTables::default());
        }
        let device = BlockDevice::open(&self.file(context))?;
        // The kernel looks for another medium when a drive is opened.
        let size = self.number("size")?.saturating_mul(SECTOR);
        if size <= NO_MEDIUM {
            return Ok(PartitionTables::default());
        }
        let block = self.number("queue/logical_block_size")?;
        // The kernel gives a drive without a disc the size of one, and only its bytes are missing.
        let is_optical = attribute(&self.directory, "device/type").is_some_and(|kind| kind == OPTICAL);
        if is_optical && device.read(0, MIN_READ).is_err() {
            return Ok(PartitionTables::default());
        }
        Ok(PartitionTables::read(&device, block, size))
    }

    fn number(&self, name: &str) -> Result<u64> {
        number(&self.directory, name).ok_or_else(|| {
            let path = self.directory.join(name);
            Error::could_not_run(format!("{} holds no number", path.shown()))
        })
    }
}

/// The name of a device in `/dev`, which may be in a directory there.
fn device_name(directory: &Path) -> String {
    let described = attribute(directory, "uevent").unwrap_or_default();
    let name = described.lines().find_map(|line| line.strip_prefix("DEVNAME="));
    let kernel_name = || {
        let name = directory.file_name().unwrap_or_default();
        name.to_string_lossy().replace('!', "/")
    };
    name.map_or_else(kernel_name, str::to_owned)
}

fn number(directory: &Path, name: &str) -> Option<u64> {
    attribute(directory, name)?.parse().ok()
}

fn attribute(directory: &Path, name: &str) -> Option<String> {
    let bytes = read_if_there(&directory.join(name), MAX_ATTRIBUTE).ok()??;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A machine with these devices, by their places in `/sys/devices`, each with its files.
    fn machine(devices: &[(&str, &[(&str, &str)])]) -> (tempfile::TempDir, Context) {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let list = context.path(BY_NAME);
        fs::create_dir_all(&list).unwrap();
        for (place, files) in devices {
            let directory = context.path("/sys/devices").join(place);
            for (name, value) in *files {
                let file = directory.join(name);
                fs::create_dir_all(file.parent().unwrap()).unwrap();
                fs::write(file, value).unwrap();
            }
            let name = place.rsplit('/').next().unwrap();
            symlink(Path::new("../../devices").join(place), list.join(name)).unwrap();
        }
        (root, context)
    }

    #[test]
    fn the_kernel_tells_which_device_is_part_of_which() {
        let (_root, context) = machine(&[
            (
                "pci/c0d0",
                &[("dev", "8:0\n"), ("uevent", "MAJOR=8\nDEVNAME=cciss/c0d0\n")],
            ),
            (
                "pci/c0d0/c0d0p1",
                &[
                    ("partition", "1\n"),
                    ("start", "8\n"),
                    ("size", "16\n"),
                    ("dev", "8:1\n"),
                ],
            ),
            ("pci/mmcblk0", &[("dev", "179:0\n")]),
            ("pci/mmcblk0/mmcblk0boot0", &[("dev", "179:8\n")]),
            ("pci/mmcblk0/mmcblk0!p1", &[("partition", "1\n")]),
        ]);
        let disks = disks(&context).unwrap();
        let names: Vec<_> = disks
            .iter()
            .map(|disk| {
                let nodes: Vec<_> = disk.nodes.iter().map(|node| node.name.as_str()).collect();
                (disk.name.as_str(), disk.number.as_deref(), nodes)
            })
            .collect();
        let expected = [
            ("cciss/c0d0", Some("8:0"), vec!["c0d0p1"]),
            ("mmcblk0", Some("179:0"), vec!["mmcblk0/p1"]),
            ("mmcblk0boot0", Some("179:8"), vec![]),
        ];
        assert_eq!(names, expected);
        assert_eq!(disks[0].nodes[0].place, Some((8 * SECTOR, 16 * SECTOR)));
        // A name that leads nowhere, as of a device that went away.
        symlink("../../devices/gone", context.path(BY_NAME).join("gone")).unwrap();
        assert_eq!(super::disks(&context).unwrap(), disks);
    }

    #[test]
    fn devices_that_the_kernel_makes_are_no_disks_of_the_firmware() {
        let (_root, context) = machine(&[
            ("pci/sda", &[("size", "0\n")]),
            ("pci/sr0", &[("device/type", "5\n")]),
            ("pci/nvme0c0n1", &[("hidden", "1\n")]),
            ("virtual/block/loop0", &[("size", "8\n")]),
            ("virtual/block/md0", &[("md/metadata_version", "1.2\n")]),
            ("virtual/block/md126", &[("md/metadata_version", "external:/md127/0\n")]),
            ("virtual/nvme-subsystem/nvme-subsys0/nvme0n1", &[("hidden", "0\n")]),
        ]);
        let disks = disks(&context).unwrap();
        let seen = disks.iter().filter(|disk| disk.is_seen_by_firmware());
        let seen: Vec<_> = seen.map(|disk| disk.name.as_str()).collect();
        assert_eq!(seen, ["sda", "sr0", "md126", "nvme0n1"]);
        let disk = |name: &str| disks.iter().find(|disk| disk.name == name).unwrap();
        // No medium is in it, and no file is opened.
        assert_eq!(disk("sda").tables(&context).unwrap(), PartitionTables::default());
        let unknown = disk("md126").tables(&context).unwrap_err();
        assert!(unknown.to_string().contains("size holds no number"), "{unknown}");
    }

    #[test]
    fn another_root_without_a_list_has_no_disks() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(disks(&Context::host().with_root(root.path())).unwrap(), []);
    }
}
