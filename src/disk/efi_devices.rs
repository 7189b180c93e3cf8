//! The EFI system partitions of all disks, mounted or not: by the disks' own tables, which firmware reads; where those cannot be opened,
//! by udev's records, which may be older than the tables.
//!
//! Left out are partitions of other types, disks of one file system without a table, and ISO 9660 (El Torito), although firmware starts
//! what a boot option names there, and may fall back to their `\EFI\BOOT` (docs/adr/0028).

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::partition_table::{EFI_SYSTEM, EFI_SYSTEM_BYTE, Partition};
use crate::formats::text::printable;
use crate::system::{Context, Disk, disks, list_directory_if_there, read_if_there};

/// The records of udev, one for each device (`b` and its numbers for one of blocks).
const UDEV: &str = "/run/udev/data";
/// Longest record that is read, in bytes.
const MAX_RECORD: u64 = 64 << 10;

/// Most EFI system partitions of one disk that are looked at; disks have one or two.
const MAX_PARTITIONS: usize = 32;

/// The place of a partition's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bytes {
    /// A file, that of the partition or of its disk: the first byte in it, and the number of bytes.
    At(PathBuf, u64, u64),
    /// The device has no name.
    Nowhere,
}

/// A device that firmware may start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EfiDevice {
    /// An EFI system partition.
    Partition {
        /// The device, as a person names it.
        shown: String,
        /// Its numbers, as `8:1`, if the kernel knows it.
        number: Option<String>,
        bytes: Bytes,
        /// The GUID of its GPT partition, if it has one.
        partition: Option<Guid>,
    },
    /// A disk whose partitions are not known, by its name, with the reason and what to do.
    Unknown(String, String),
}

/// All of them. An error if the kernel cannot be asked for its disks.
pub(super) fn efi_devices(context: &Context) -> Result<Vec<EfiDevice>> {
    let disks = disks(context)?;
    let mut found = Vec::new();
    for disk in disks.iter().filter(|disk| disk.is_seen_by_firmware()) {
        let shown = format!("/dev/{}", printable(&disk.name));
        match disk.tables(context) {
            Ok(tables) => {
                let mut partitions = tables.partitions.iter().filter(|partition| partition.is_efi_system());
                let looked_at = partitions.by_ref().take(MAX_PARTITIONS);
                found.extend(looked_at.map(|partition| of_table(context, disk, partition)));
                let mut unread: Vec<String> = tables.unread.iter().map(ToString::to_string).collect();
                if partitions.next().is_some() {
                    unread.push(format!("it has more than {MAX_PARTITIONS}"));
                }
                found.extend(unread.iter().map(|reason| {
                    let why = format!("{}; repair its table, or take the disk out", printable(reason));
                    EfiDevice::Unknown(shown.clone(), why)
                }));
            }
            Err(error) => match of_records(context, disk)? {
                Some(partitions) => found.extend(partitions),
                None => found.push(EfiDevice::Unknown(shown, remedied(&error))),
            },
        }
    }
    let of_disk = |disk: &Disk| {
        let partitions = disk.nodes.iter().filter_map(|node| node.number.clone());
        disk.number.clone().into_iter().chain(partitions).collect::<Vec<_>>()
    };
    let known: BTreeSet<String> = disks.iter().flat_map(of_disk).collect();
    for entry in list_directory_if_there(&context.path(UDEV))? {
        let number = entry.path.file_name().and_then(|name| name.to_str()?.strip_prefix('b'));
        if let Some(number) = number.filter(|number| !known.contains(*number))
            && let Some(record) = record(context, number)?
        {
            found.extend(of_record(context, number, &record)?);
        }
    }
    Ok(found)
}

fn remedied(error: &Error) -> String {
    let reason = printable(&error.in_one_line());
    format!("{reason}; ask again as root, where the devices are in /dev")
}

/// A partition of a disk's own table. It is read through its disk if the kernel does not know it so.
fn of_table(context: &Context, disk: &Disk, partition: &Partition) -> EfiDevice {
    let node = disk.node(partition);
    let (shown, bytes) = match node {
        Some(node) => {
            let file = context.path(format!("/dev/{}", node.name));
            (
                format!("/dev/{}", printable(&node.name)),
                Bytes::At(file, 0, partition.length),
            )
        }
        None => (
            format!("partition {} of /dev/{}", partition.number, printable(&disk.name)),
            Bytes::At(disk.file(context), partition.start, partition.length),
        ),
    };
    EfiDevice::Partition {
        shown,
        number: node.and_then(|node| node.number.clone()),
        bytes,
        partition: partition.guid(),
    }
}

/// Those of a disk by udev's records; none if there is not one of the disk and of each of its partitions.
fn of_records(context: &Context, disk: &Disk) -> Result<Option<Vec<EfiDevice>>> {
    let numbers = std::iter::once(&disk.number).chain(disk.nodes.iter().map(|node| &node.number));
    let mut found = Vec::new();
    for number in numbers {
        let Some(number) = number else { return Ok(None) };
        let Some(record) = record(context, number)? else {
            return Ok(None);
        };
        found.extend(of_record(context, number, &record)?);
    }
    Ok(Some(found))
}

/// The text of udev's record of a device; none if there is no record.
fn record(context: &Context, number: &str) -> Result<Option<String>> {
    let record = read_if_there(&context.path(UDEV).join(format!("b{number}")), MAX_RECORD)?;
    Ok(record.map(|record| String::from_utf8_lossy(&record).into_owned()))
}

/// The partition of a record, if it is one of these.
fn of_record(context: &Context, number: &str, record: &str) -> Result<Option<EfiDevice>> {
    let value = |name: &str| {
        record
            .lines()
            .find_map(|line| line.strip_prefix("E:")?.strip_prefix(name)?.strip_prefix('='))
    };
    let is_meant =
        |kind: &str| kind.parse() == Ok(EFI_SYSTEM) || kind.eq_ignore_ascii_case(&format!("{EFI_SYSTEM_BYTE:#x}"));
    if !value("ID_PART_ENTRY_TYPE").is_some_and(is_meant) {
        return Ok(None);
    }
    let described = read_if_there(&context.path(format!("/sys/dev/block/{number}/uevent")), MAX_RECORD)?;
    let described = String::from_utf8_lossy(&described.unwrap_or_default()).into_owned();
    let name = described.lines().find_map(|line| line.strip_prefix("DEVNAME="));
    let shown = name.map_or_else(
        || format!("the device {number}"),
        |name| format!("/dev/{}", printable(name)),
    );
    let file = name.map(|name| context.path(format!("/dev/{name}")));
    Ok(Some(EfiDevice::Partition {
        shown,
        number: Some(number.to_owned()),
        bytes: file.map_or(Bytes::Nowhere, |file| Bytes::At(file, 0, u64::MAX)),
        partition: value("ID_PART_ENTRY_UUID").and_then(|uuid| uuid.parse::<Guid>().ok()),
    }))
}
