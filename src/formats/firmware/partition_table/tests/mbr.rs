//! Partitions of a master boot record, also of one within a partition.

use super::super::disk::Disk;
use super::super::mbr::{BootRecord, EXTENDED, MAX_LOGICAL, MbrError, PROTECTIVE, RECORDS};
use super::super::{EFI_SYSTEM, EFI_SYSTEM_BYTE, PartitionTables, TableError};
use super::{DATA, LENGTH, RECORD, bare, disk, gpt, mark, put, read, record};
use crate::formats::firmware::device_path::{HardDrive, Signature};

#[test]
fn partitions_of_a_master_boot_record_are_found_logical_ones_too() {
    let mut disk = vec![0; LENGTH * 512];
    mark(&mut disk, 0);
    record(&mut disk, RECORDS, 0x83, 1, 9);
    record(&mut disk, RECORDS + RECORD, EFI_SYSTEM_BYTE, 10, 10);
    record(&mut disk, RECORDS + 2 * RECORD, EXTENDED[1], 40, 50);
    for (place, next) in [(40, 5), (45, 0)] {
        mark(&mut disk, place * 512);
        record(&mut disk, place * 512 + RECORDS, EFI_SYSTEM_BYTE, 1, 2);
        if next > 0 {
            record(&mut disk, place * 512 + RECORDS + RECORD, EXTENDED[0], next, 5);
        }
    }
    let found = read(&disk, 512);
    let listed: Vec<_> = found
        .partitions
        .iter()
        .map(|partition| (partition.number, partition.start / 512, partition.length / 512))
        .collect();
    assert_eq!(listed, [(1, 1, 9), (2, 10, 10), (5, 41, 2), (6, 46, 2)]);
    assert!(found.partitions[3].is_efi_system() && found.partitions[3].guid().is_none());
    assert_eq!(found.unread, []);
    // A circle.
    record(&mut disk, 45 * 512 + RECORDS + RECORD, EXTENDED[0], 0, 5);
    let found = read(&disk, 512);
    assert_eq!((found.partitions.len(), found.unread.len()), (4, 0));
    // Without its mark it is something else.
    disk[510] = 0;
    assert_eq!(read(&disk, 512), bare());
}

/// As EDK2 numbers them, and as Linux does.
#[test]
fn boot_options_find_partitions_by_the_disk_and_either_number() {
    let mut disk = vec![0; LENGTH * 512];
    mark(&mut disk, 0);
    put(&mut disk, RECORDS - 6, &0x1122_3344_u32.to_le_bytes());
    record(&mut disk, RECORDS + RECORD, 0x0c, 1, 9);
    record(&mut disk, RECORDS + 2 * RECORD, EXTENDED[1], 40, 50);
    record(&mut disk, RECORDS + 3 * RECORD, 0x0c, 10, 9);
    mark(&mut disk, 40 * 512);
    record(&mut disk, 40 * 512 + RECORDS, 0x0c, 1, 2);
    let found = read(&disk, 512).partitions;
    let named = |signature, number| {
        let node = HardDrive {
            number,
            start: 0,
            size: 0,
            signature,
        };
        let named = found.iter().filter(|partition| partition.is_named_by(&node));
        named.map(|partition| partition.start / 512).collect::<Vec<_>>()
    };
    let own = Signature::Mbr(0x1122_3344);
    assert_eq!(named(own, 1), [1]);
    assert_eq!(named(own, 2), [1]);
    assert_eq!(named(own, 3), [10]);
    assert_eq!(named(own, 4), [10]);
    assert_eq!(named(own, 5), [41]);
    assert_eq!(named(Signature::Mbr(0), 1), [41]);
    for (signature, number) in [
        (own, 6),
        (Signature::Mbr(0x1122_3345), 1),
        (Signature::Mbr(0), 2),
        (Signature::Unknown, 1),
        (Signature::Gpt(EFI_SYSTEM), 1),
    ] {
        assert!(named(signature, number).is_empty(), "{signature} {number}");
    }
}

/// Firmware asks for the mark of the first alone, and takes 0x85 for a partition with content where Linux takes it for the way to others.
#[test]
fn logical_partitions_are_followed_as_any_firmware_does() {
    let mut disk = vec![0; LENGTH * 512];
    mark(&mut disk, 0);
    record(&mut disk, RECORDS, EXTENDED[1], 40, 50);
    mark(&mut disk, 40 * 512);
    record(&mut disk, 40 * 512 + RECORDS, 0x85, 20, 2);
    record(&mut disk, 40 * 512 + RECORDS + RECORD, EXTENDED[0], 5, 5);
    record(&mut disk, 45 * 512 + RECORDS, EFI_SYSTEM_BYTE, 1, 2);
    record(&mut disk, 60 * 512 + RECORDS, EFI_SYSTEM_BYTE, 3, 2);
    let found = read(&disk, 512);
    let listed: Vec<_> = found
        .partitions
        .iter()
        .map(|partition| (partition.start / 512, partition.is_efi_system()))
        .collect();
    assert_eq!(listed, [(60, false), (63, true), (46, true)]);
    assert_eq!(found.unread, []);
    // The first needs its mark, unless it announces the other kind of table.
    disk[40 * 512 + 510] = 0;
    assert_eq!(read(&disk, 512), PartitionTables::default());
    record(&mut disk, 40 * 512 + RECORDS, PROTECTIVE, 1, u32::MAX);
    assert_eq!(read(&disk, 512).unread, [TableError::Mbr(MbrError::InExtended)]);
}

#[test]
fn more_logical_partitions_than_are_followed_are_told() {
    let mut disk = vec![0; 1024 * 512];
    mark(&mut disk, 0);
    record(&mut disk, RECORDS, EXTENDED[1], 40, 900);
    for number in 0..200 {
        let place = 40 + 2 * number;
        mark(&mut disk, place * 512);
        record(&mut disk, place * 512 + RECORDS, EFI_SYSTEM_BYTE, 1, 1);
        let next = u32::try_from(2 * (number + 1)).unwrap();
        record(&mut disk, place * 512 + RECORDS + RECORD, EXTENDED[0], next, 2);
    }
    let found = read(&disk, 512);
    assert_eq!(found.partitions.len(), MAX_LOGICAL);
    assert_eq!(found.unread, [TableError::Mbr(MbrError::TooMany(MAX_LOGICAL))]);
}

/// Firmware reads a partition as it reads a disk.
#[test]
fn a_partition_with_a_table_of_its_own_is_told() {
    let partition = gpt(3, DATA, 20..40, 512);
    let sound = disk(512, &[gpt(1, EFI_SYSTEM, 10..20, 512), partition]);
    // Each case has records of a type, a start and a length.
    let is_told = |records: &[(u8, u32, u32)], has_mark: bool| {
        let mut disk = sound.clone();
        let place = 20 * 512;
        for (at, (kind, start, count)) in records.iter().enumerate() {
            record(&mut disk, place + RECORDS + at * RECORD, *kind, *start, *count);
        }
        if has_mark {
            mark(&mut disk, place);
        }
        !read(&disk, 512).unread.is_empty()
    };
    assert!(is_told(&[(EFI_SYSTEM_BYTE, 1, 19)], true));
    assert!(is_told(&[(0, 0, 0), (0x83, 1, 1), (EFI_SYSTEM_BYTE, 2, 4)], true));
    // The table that the record announces has no need of the mark.
    assert!(is_told(&[(PROTECTIVE, 1, u32::MAX)], false));
    // Boot code and texts: past the end, over each other, empty, or without the mark.
    for records in [
        &[][..],
        &[(EFI_SYSTEM_BYTE, 1, 20)],
        &[(EFI_SYSTEM_BYTE, 1, 2), (0x83, 2, 4)],
        &[(EFI_SYSTEM_BYTE, 1, 0), (0, 1, 4)],
        &[(0x83, 1, 1), (0x6f, 0x7265_7420, 0x6167_6169)],
        &[(PROTECTIVE, 2, 40)],
    ] {
        assert!(!is_told(records, true), "{records:?}");
    }
    assert!(!is_told(&[(EFI_SYSTEM_BYTE, 1, 19)], false));
    // The texts in Windows' boot blocks: of FAT32 on less than 1.8 TB, of NTFS always.
    let is_table = |text: &[u8], blocks: u64| {
        let mut block = vec![0; 512];
        put(&mut block, RECORDS, text);
        mark(&mut block, 0);
        let disk = Disk {
            medium: &block,
            block: 512,
            blocks: 1,
        };
        BootRecord::read(&disk, 0).unwrap().is_table(blocks)
    };
    assert!(!is_table(b"ss any key to restart\r\n", 3_600_000_000));
    assert!(!is_table(b"\0\r\nPress Ctrl+Alt+Del to restart\r\n", u64::MAX));
}
