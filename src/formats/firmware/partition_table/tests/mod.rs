mod el_torito;
mod mbr;

use super::gpt::{ENTRY, HEADER, HEADER_CRC, SIGNATURE, crc, header_crc};
use super::mbr::{MARK, PROTECTIVE, RECORDS};
use super::*;
use crate::formats::firmware::device_path::{HardDrive, Signature};
use crate::formats::firmware::guid::Guid;
use proptest::prelude::*;

/// Size of a record of a boot record, in bytes.
const RECORD: usize = 16;
/// Blocks of a disk.
const LENGTH: usize = 96;
/// Entries of a table.
const ENTRIES: usize = 16;

const DATA: Guid = Guid::from_fields(
    0xebd0_a0a2,
    0xb9e5,
    0x4433,
    [0x87, 0xc0, 0x68, 0xb6, 0xb7, 0x26, 0x99, 0xc7],
);

/// A partition by its blocks.
fn gpt(number: u32, kind: Guid, blocks: std::ops::Range<u64>, block: u64) -> Partition {
    let own = Guid::from_random([u8::try_from(number).unwrap(); 16]);
    Partition {
        number,
        start: blocks.start * block,
        length: (blocks.end - blocks.start) * block,
        kind: PartitionType::Gpt { kind, own },
    }
}

fn put(disk: &mut [u8], at: usize, bytes: &[u8]) {
    disk[at..at + bytes.len()].copy_from_slice(bytes);
}

fn record(disk: &mut [u8], place: usize, kind: u8, start: u32, count: u32) {
    put(disk, place + 4, &[kind]);
    put(disk, place + 8, &start.to_le_bytes());
    put(disk, place + 12, &count.to_le_bytes());
}

/// A boot record in this block.
fn mark(disk: &mut [u8], block: usize) {
    put(disk, block + RECORDS + 4 * RECORD, &MARK.to_le_bytes());
}

/// Writes the header of a table, and its entries at another block.
fn header(disk: &mut [u8], block: usize, place: u64, array: u64, partitions: &[Partition]) {
    let byte = |place: u64| usize::try_from(place).unwrap() * block;
    let mut entries = vec![0; ENTRIES * ENTRY];
    for partition in partitions {
        let PartitionType::Gpt { kind, own } = partition.kind else {
            panic!("another table's")
        };
        let at = (usize::try_from(partition.number).unwrap() - 1) * ENTRY;
        put(&mut entries, at, kind.as_bytes());
        put(&mut entries, at + 16, own.as_bytes());
        let first = partition.start / block as u64;
        put(&mut entries, at + 32, &first.to_le_bytes());
        let last = first + partition.length / block as u64 - 1;
        put(&mut entries, at + 40, &last.to_le_bytes());
    }
    put(disk, byte(array), &entries);
    let mut header = vec![0; HEADER];
    put(&mut header, 0, SIGNATURE);
    put(&mut header, 8, &[0, 0, 1, 0, u8::try_from(HEADER).unwrap()]);
    put(&mut header, 24, &place.to_le_bytes());
    let other = if place == 1 { LENGTH as u64 - 1 } else { 1 };
    put(&mut header, 32, &other.to_le_bytes());
    put(&mut header, 72, &array.to_le_bytes());
    put(&mut header, 80, &u32::try_from(ENTRIES).unwrap().to_le_bytes());
    put(&mut header, 84, &u32::try_from(ENTRY).unwrap().to_le_bytes());
    put(&mut header, 88, &crc(&entries).to_le_bytes());
    put(disk, byte(place), &header);
    seal(disk, block, place);
}

/// Writes the checksum of a header that was changed.
fn seal(disk: &mut [u8], block: usize, place: u64) {
    let at = usize::try_from(place).unwrap() * block;
    let crc = header_crc(&disk[at..at + HEADER]);
    put(disk, at + HEADER_CRC, &crc.to_le_bytes());
}

/// A disk with a GUID partition table.
fn disk(block: usize, partitions: &[Partition]) -> Vec<u8> {
    let mut disk = vec![0; LENGTH * block];
    record(&mut disk, RECORDS, PROTECTIVE, 1, u32::MAX);
    mark(&mut disk, 0);
    let last = LENGTH as u64 - 1;
    header(&mut disk, block, 1, 2, partitions);
    header(&mut disk, block, last, last - 4, partitions);
    disk
}

fn read(disk: &Vec<u8>, block: usize) -> PartitionTables {
    PartitionTables::read(disk, block as u64, disk.len() as u64)
}

/// A disk on which firmware finds no table.
fn bare() -> PartitionTables {
    PartitionTables {
        is_bare: true,
        ..PartitionTables::default()
    }
}

fn esp(block: u64) -> [Partition; 2] {
    [gpt(1, EFI_SYSTEM, 10..20, block), gpt(3, DATA, 20..21, block)]
}

#[test]
fn partitions_of_either_table_are_found_whatever_the_block() {
    for block in [512, 4096] {
        let partitions = esp(block as u64);
        let sound = disk(block, &partitions);
        let found = read(&sound, block);
        assert_eq!((found.partitions.as_slice(), found.unread.len()), (&partitions[..], 0));
        assert!(partitions[0].is_efi_system() && !partitions[1].is_efi_system());
        let last = (LENGTH - 1) * block;
        // The signature, a field that the checksum is over, the checksum, and an entry.
        for fault in [0, 40, HEADER_CRC] {
            for header in [block, last] {
                let mut broken = sound.clone();
                broken[header + fault] ^= 1;
                assert_eq!(read(&broken, block), found, "{header:#x} {fault}");
            }
            let mut broken = sound.clone();
            broken[block + fault] ^= 1;
            broken[last + fault] ^= 1;
            let unread = read(&broken, block).unread;
            assert!(matches!(unread[..], [TableError::Gpt { .. }]), "{fault}: {unread:?}");
        }
        // Another size of blocks is another disk.
        assert_eq!(read(&sound, if block == 512 { 4096 } else { 512 }).partitions, []);
    }
    assert_eq!(read(&vec![0; 1024], 512), bare());
    assert_eq!(read(&Vec::new(), 512), PartitionTables::default());
    assert_eq!(read(&vec![0; 4096], 513).unread, [TableError::Block(513)]);
}

/// Firmware does not check alike: a table that one refuses hides nothing from us that another would take.
#[test]
fn one_table_hides_nothing_that_the_other_has() {
    let [esp, data] = esp(512);
    let last = LENGTH as u64 - 1;
    let of_second = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut disk = disk(512, &[data]);
        header(&mut disk, 512, last, last - 4, &[esp, data]);
        change(&mut disk);
        read(&disk, 512)
    };
    let has_esp = |found: &PartitionTables| found.partitions.contains(&esp);
    assert!(has_esp(&of_second(&|_| {})));
    // The size of the header, its place, and the checksum of the entries.
    for (field, value) in [(12, 24), (24, 2), (88, 0xff)] {
        let change = |disk: &mut Vec<u8>| {
            disk[512 + field] ^= value;
            seal(disk, 512, 1);
        };
        let found = of_second(&change);
        assert!(has_esp(&found), "{found:?}");
        let mut of_first = disk(512, &[data]);
        header(&mut of_first, 512, 1, 2, &[esp, data]);
        change(&mut of_first);
        assert!(has_esp(&read(&of_first, 512)));
    }
    // Neither the mark nor the size of the protective record counts.
    for at in [510, RECORDS + 12] {
        let found = of_second(&|disk| put(disk, at, &[0; 2]));
        assert!(has_esp(&found), "{at}");
    }
    // The second alone is old where the boot record does not say that there is one.
    let found = of_second(&|disk| {
        disk[512] = 0;
        disk[RECORDS + 4] = 0x83;
    });
    assert!(!has_esp(&found));
    // A record of the older kind beside the table, and one that it has as well.
    let mut hybrid = disk(512, &[esp]);
    record(&mut hybrid, RECORDS + RECORD, EFI_SYSTEM_BYTE, 10, 10);
    assert_eq!(read(&hybrid, 512).partitions, [esp]);
    record(&mut hybrid, RECORDS + RECORD, EFI_SYSTEM_BYTE, 30, 10);
    assert_eq!(read(&hybrid, 512).partitions.len(), 2);
    // One that the table has with another type.
    record(&mut hybrid, RECORDS + RECORD, EFI_SYSTEM_BYTE, 20, 1);
    header(&mut hybrid, 512, 1, 2, &[data]);
    let found = read(&hybrid, 512).partitions;
    assert!(
        found.iter().any(|one| one.is_efi_system() && one.start == data.start),
        "{found:?}"
    );
}

/// Who makes the disk may give a partition another GUID in the table that is broken.
#[test]
fn the_identity_of_a_partition_is_that_of_the_sound_table() {
    let [esp, data] = esp(512);
    let other = gpt(9, EFI_SYSTEM, 10..20, 512);
    let last = LENGTH as u64 - 1;
    for (broken, named) in [(1, esp), (last, other)] {
        let mut disk = disk(512, &[other, data]);
        header(&mut disk, 512, last, last - 4, &[esp, data]);
        let at = usize::try_from(broken).unwrap() * 512;
        disk[at + 88] ^= 1;
        seal(&mut disk, 512, broken);
        let here = read(&disk, 512)
            .partitions
            .into_iter()
            .filter(|one| one.start == esp.start);
        let here = Identity::Entries(here.collect());
        assert_eq!(here.guid(), named.guid());
        for guid in [esp, other].map(|one| one.guid().unwrap()) {
            let node = HardDrive {
                number: 1,
                start: 0,
                size: 0,
                signature: Signature::Gpt(guid),
            };
            assert!(here.may_be(Some(&node)) && here.may_be(None));
        }
    }
}

/// A file system may begin where the disk does, if no firmware finds a table there.
#[test]
fn a_disk_without_a_table_is_told() {
    assert!(!read(&disk(512, &esp(512)), 512).is_bare);
    let mut text = vec![0xf6; LENGTH * 512];
    mark(&mut text, 0);
    assert!(read(&text, 512).is_bare);
    text[RECORDS..RECORDS + 4 * RECORD].fill(0);
    record(&mut text, RECORDS, 0x0c, 1, 9);
    assert!(!read(&text, 512).is_bare);
}

/// Firmware differs in what it asks of a header: with a first table that some of it refuses, the second has to be one that all of it takes.
#[test]
fn a_first_table_that_some_firmware_refuses_needs_a_sound_second_one() {
    let sound = disk(512, &esp(512));
    let last = LENGTH - 1;
    let with = |faults: &[(usize, usize, u32)]| {
        let mut disk = sound.clone();
        for (block, field, value) in faults {
            put(&mut disk, block * 512 + field, &value.to_le_bytes());
            let size = u32::from_le_bytes(disk[block * 512 + 12..][..4].try_into().unwrap());
            let crc = header_crc(&disk[block * 512..][..size as usize]);
            put(&mut disk, block * 512 + HEADER_CRC, &crc.to_le_bytes());
        }
        read(&disk, 512)
    };
    // Revision, HeaderSize, NumberOfPartitionEntries, SizeOfPartitionEntry.
    let faults = [(8, 0x0002_0000), (12, 40), (80, 0), (84, 384)];
    for (field, value) in faults {
        let found = with(&[(1, field, value)]);
        assert_eq!(found.unread, [], "{field}");
        assert!(found.partitions.contains(&esp(512)[0]), "{field}");
        let unread = with(&[(1, field, value), (last, field, value)]).unread;
        assert!(matches!(unread[..], [TableError::Gpt { .. }]), "{field}: {unread:?}");
        // Firmware repairs the first at the place that the second names, and reads what is there then.
        let unread = with(&[(1, field, value), (last, 32, 40)]).unread;
        assert!(matches!(unread[..], [TableError::Gpt { .. }]), "{field}: {unread:?}");
    }
    // The disk was made larger; or the first is taken.
    assert_eq!(with(&[(1, 32, 40)]).unread, []);
    assert_eq!(with(&[(last, 32, 40)]).unread, []);
}

#[test]
fn what_reaches_past_the_end_ends_there_and_more_than_is_read_is_told() {
    let [esp, _] = esp(512);
    let vast = Partition { length: 1 << 40, ..esp };
    let beyond = gpt(2, EFI_SYSTEM, 4096..4097, 512);
    let found = read(&disk(512, &[vast, beyond]), 512);
    assert_eq!(found.partitions.len(), 1);
    assert_eq!(found.partitions[0].length, (LENGTH * 512 - 10 * 512) as u64);
    let mut many = disk(512, &[esp]);
    put(&mut many, 512 + 80, &u32::MAX.to_le_bytes());
    seal(&mut many, 512, 1);
    // The second one is sound, and firmware may well read all of the first.
    let found = read(&many, 512);
    assert!(matches!(found.unread[..], [TableError::Incomplete(_)]), "{found:?}");
    assert_eq!(found.partitions, [esp]);
    // The second one, and one with a header that only some firmware takes.
    let mut many = disk(512, &[esp]);
    put(&mut many, (LENGTH - 1) * 512 + 80, &u32::MAX.to_le_bytes());
    seal(&mut many, 512, LENGTH as u64 - 1);
    let found = read(&many, 512);
    assert!(matches!(found.unread[..], [TableError::Incomplete(_)]), "{found:?}");
    let mut many = disk(512, &[esp]);
    put(&mut many, 512 + 80, &u32::MAX.to_le_bytes());
    put(&mut many, 512 + 12, &88_u32.to_le_bytes());
    let crc = header_crc(&many[512..512 + 88]);
    put(&mut many, 512 + HEADER_CRC, &crc.to_le_bytes());
    let found = read(&many, 512);
    assert!(matches!(found.unread[..], [TableError::Incomplete(_)]), "{found:?}");
}

proptest! {
    #[test]
    fn a_table_that_was_made_is_read_back(
        block in prop::sample::select(vec![512_usize, 4096]),
        places in prop::collection::btree_map(1..=16_u32, (6_u64..60, 1_u64..30, any::<bool>()), 0..8),
        broken in prop::option::of(prop::sample::select(vec![1_usize, LENGTH - 1])),
    ) {
        let partitions: Vec<Partition> = places
            .into_iter()
            .map(|(number, (start, count, is_esp))| {
                gpt(number, if is_esp { EFI_SYSTEM } else { DATA }, start..start + count, block as u64)
            })
            .collect();
        let mut disk = disk(block, &partitions);
        if let Some(header) = broken {
            disk[header * block..][..block].fill(0);
        }
        let found = read(&disk, block);
        prop_assert_eq!(found.partitions, partitions);
        prop_assert_eq!(found.unread, vec![]);
    }

    #[test]
    fn whatever_the_bytes_there_is_an_answer(
        flips in prop::collection::vec((0_usize..LENGTH * 512, any::<u8>()), 0..64), block in any::<u64>(), length in any::<u64>(),
    ) {
        let mut disk = disk(512, &esp(512));
        for (at, value) in flips {
            disk[at] = value;
        }
        let found = read(&disk, 512);
        for partition in found.partitions {
            prop_assert!(partition.start + partition.length <= disk.len() as u64);
        }
        let _ = (PartitionTables::read(&disk, block, length), PartitionTables::read(&disk, 512, length));
    }

    #[test]
    fn bytes_that_are_no_table_are_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..8192)) {
        let _ = (read(&bytes, 512), read(&bytes, 4096));
    }
}
