//! The EFI system partitions of all disks, their other partitions and boot images, and disks without a table, mounted or not: by the
//! disks' own tables, which firmware reads; where those cannot be opened, by udev's records, which may be older than the tables
//! (docs/adr/0028).

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::partition_table::{EFI_SYSTEM, EFI_SYSTEM_BYTE, Identity, Partition, PartitionType};
use crate::formats::text::printable;
use crate::system::{Context, Disk, disks, list_directory_if_there, read_if_there};

use super::boot_targets::BootTargets;

/// The records of udev, one for each device (`b` and its numbers for one of blocks).
const UDEV: &str = "/run/udev/data";
/// Longest record that is read, in bytes.
const MAX_RECORD: u64 = 64 << 10;

/// Most EFI system partitions of one disk that are looked at, those that options name among them; disks have one or two.
const MAX_PARTITIONS: usize = 32;
/// Most others; most disks have room for so many.
const MAX_OTHERS: usize = 128;

/// The place of a partition's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bytes {
    /// A file, that of the partition or of its disk: the first byte in it, and the number of bytes.
    At(PathBuf, u64, u64),
    /// The device has no name.
    Nowhere,
}

/// The reason why firmware may start from a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is an EFI system partition.
    Type,
    /// A load option of this name leads to it.
    Option(String),
    /// It may have a file that firmware looks for on every file system: of an option that names no device, or the fallback loader.
    Other,
    /// The disk has no table, and may have a file system.
    Bare,
}

/// A device that firmware may start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EfiDevice {
    /// A partition, or a disk without any.
    Partition {
        reason: Reason,
        /// The device, as a person names it.
        shown: String,
        /// Its numbers, as `8:1`, if the kernel knows it.
        number: Option<String>,
        bytes: Bytes,
        identity: Identity,
    },
    /// A disk whose partitions are not known, by its name, with the reason and what to do.
    Unknown(String, String),
}

/// All of them. An error if the kernel cannot be asked for its disks.
pub(super) fn efi_devices(context: &Context, targets: &BootTargets) -> Result<Vec<EfiDevice>> {
    let disks = disks(context)?;
    let mut found = Vec::new();
    for disk in disks.iter().filter(|disk| disk.is_seen_by_firmware()) {
        let shown = format!("/dev/{}", printable(&disk.name));
        match disk.tables(context) {
            Ok(tables) => {
                let reason = |partition: &Partition| {
                    let named = || {
                        targets
                            .option(partition)
                            .map(|option| Reason::Option(option.to_owned()))
                    };
                    partition.is_efi_system().then_some(Reason::Type).or_else(named)
                };
                let (meant, others): (Vec<_>, Vec<_>) = tables
                    .partitions
                    .iter()
                    .map(|partition| (partition, reason(partition)))
                    .partition(|(_, reason)| reason.is_some());
                let mut unread: Vec<String> = tables.unread.iter().map(ToString::to_string).collect();
                for (most, is_more) in [
                    (MAX_PARTITIONS, meant.len() > MAX_PARTITIONS),
                    (MAX_OTHERS, others.len() > MAX_OTHERS),
                ] {
                    unread.extend(is_more.then(|| format!("it has more than {most}")));
                }
                let meant = meant.into_iter().take(MAX_PARTITIONS);
                let meant = meant.filter_map(|(partition, reason)| Some((partition, reason?)));
                let others = others
                    .into_iter()
                    .take(MAX_OTHERS)
                    .map(|(partition, _)| (partition, Reason::Other));
                let looked_at = meant.chain(others);
                found.extend(looked_at.map(|(partition, reason)| of_table(context, disk, partition, reason)));
                found.extend(tables.is_bare.then(|| without_table(context, disk, &shown)));
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
fn of_table(context: &Context, disk: &Disk, partition: &Partition, reason: Reason) -> EfiDevice {
    let node = disk.node(partition);
    let (shown, bytes) = if let Some(node) = node {
        let file = context.path(format!("/dev/{}", node.name));
        (
            format!("/dev/{}", printable(&node.name)),
            Bytes::At(file, 0, partition.length),
        )
    } else {
        let what = match partition.kind {
            PartitionType::ElTorito => "boot image",
            PartitionType::Gpt { .. } | PartitionType::Mbr { .. } => "partition",
        };
        (
            format!("{what} {} of /dev/{}", partition.number, printable(&disk.name)),
            Bytes::At(disk.file(context), partition.start, partition.length),
        )
    };
    EfiDevice::Partition {
        reason,
        shown,
        number: node.and_then(|node| node.number.clone()),
        bytes,
        identity: (*partition).into(),
    }
}

/// A disk without a table.
fn without_table(context: &Context, disk: &Disk, shown: &str) -> EfiDevice {
    EfiDevice::Partition {
        reason: Reason::Bare,
        shown: shown.to_owned(),
        number: disk.number.clone(),
        bytes: Bytes::At(disk.file(context), 0, u64::MAX),
        identity: Identity::WholeDisk,
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
    let guid = value("ID_PART_ENTRY_UUID").and_then(|uuid| uuid.parse::<Guid>().ok());
    Ok(Some(EfiDevice::Partition {
        reason: Reason::Type,
        shown,
        number: Some(number.to_owned()),
        bytes: file.map_or(Bytes::Nowhere, |file| Bytes::At(file, 0, u64::MAX)),
        identity: guid.map_or(Identity::Unknown, Identity::Guid),
    }))
}
