use super::super::el_torito::{
    BOOTABLE, ENTRY, ElToritoError, FIRST, HEADER, IDENTIFIER, LAST, MARK, MAX_DESCRIPTORS, SECTOR, SYSTEM,
};
use super::*;

const SECTOR_BYTES: usize = 2048;
/// Sectors of a disc.
const SECTORS: usize = 120;
/// The sector of the catalog, and of an image.
const CATALOG: usize = 100;
const IMAGE: u8 = 110;

fn at(sector: usize) -> usize {
    sector * SECTOR_BYTES
}

/// A volume descriptor; one with a catalog has its place.
fn descriptor(disc: &mut [u8], number: usize, kind: u8, catalog: Option<usize>) {
    let place = at(usize::try_from(FIRST).unwrap() + number);
    put(disc, place, &[kind]);
    put(disc, place + 1, IDENTIFIER);
    if let Some(catalog) = catalog {
        put(disc, place + 7, SYSTEM);
        put(disc, place + 71, &u32::try_from(catalog).unwrap().to_le_bytes());
    }
}

/// An entry that may be started.
fn entry(disc: &mut [u8], number: usize, sector: u8) {
    put(disc, at(CATALOG) + number * ENTRY, &[BOOTABLE]);
    put(disc, at(CATALOG) + number * ENTRY + 8, &[sector]);
}

/// A disc with a catalog without entries, behind so many other descriptors.
fn disc(others: usize) -> Vec<u8> {
    let mut disc = vec![0; at(SECTORS)];
    for number in 0..others {
        descriptor(&mut disc, number, 1, None);
    }
    descriptor(&mut disc, others, 0, Some(CATALOG));
    descriptor(&mut disc, others + 1, LAST, None);
    put(&mut disc, at(CATALOG), &[HEADER]);
    put(&mut disc, at(CATALOG) + ENTRY - 2, &MARK);
    // The words of the header add up to nothing.
    put(
        &mut disc,
        at(CATALOG) + 28,
        &0_u16.wrapping_sub(1 + 0xaa55).to_le_bytes(),
    );
    disc
}

fn read(disc: &[u8], block: u64) -> PartitionTables {
    PartitionTables::read(&disc.to_vec(), block, disc.len() as u64)
}

/// The numbers of the entries, and the sectors of their images.
fn images(disc: &[u8], block: u64) -> Vec<(u32, u64)> {
    let tables = read(disc, block);
    assert_eq!(tables.unread, []);
    let images = tables.partitions.iter();
    let images = images.map(|image| {
        assert_eq!((image.kind, image.is_efi_system()), (PartitionType::ElTorito, false));
        assert_eq!(image.start + image.length, disc.len() as u64);
        (image.number, image.start / SECTOR)
    });
    images.collect()
}

#[test]
fn boot_images_are_found_by_their_catalog() {
    let mut sound = disc(1);
    assert_eq!(images(&sound, 512), []);
    entry(&mut sound, 1, IMAGE);
    entry(&mut sound, 7, IMAGE + 1);
    // One that is nowhere, one beyond the disc, and one that may not be started.
    entry(&mut sound, 2, 0);
    entry(&mut sound, 3, 200);
    entry(&mut sound, 4, IMAGE);
    put(&mut sound, at(CATALOG) + 4 * ENTRY, &[0]);
    let expected = [(1, IMAGE.into()), (7, u64::from(IMAGE) + 1)];
    for block in [512, 1024, 2048] {
        assert_eq!(images(&sound, block), expected);
    }
    assert_eq!(images(&sound, 4096), []);
    // Each of these is no catalog to the firmware.
    for (place, octet) in [
        (at(16) + 1, b'x'),
        (at(17) + 7, b'x'),
        (at(CATALOG), 2),
        (at(CATALOG) + 5, 1),
        (at(CATALOG) + 30, 0),
    ] {
        let mut broken = sound.clone();
        broken[place] = octet;
        assert_eq!(images(&broken, 512), [], "{place:#x}");
    }
    // A catalog behind the end.
    descriptor(&mut sound, 1, 0, Some(SECTORS));
    assert_eq!(images(&sound, 512), []);
}

#[test]
fn a_partition_that_begins_where_the_image_does_is_no_second_one() {
    let mut both = disc(1);
    entry(&mut both, 1, IMAGE);
    let start = u64::from(IMAGE) * SECTOR;
    record(&mut both, RECORDS, 0xef, u32::try_from(start / 512).unwrap(), 8);
    mark(&mut both, 0);
    let tables = read(&both, 512);
    assert_eq!(tables.partitions.len(), 1);
    assert!(tables.partitions[0].is_efi_system() && tables.partitions[0].start == start);
}

#[test]
fn descriptors_are_bounded() {
    let most = usize::try_from(MAX_DESCRIPTORS).unwrap();
    let mut last = disc(most - 1);
    entry(&mut last, 1, IMAGE);
    assert_eq!(images(&last, 512), [(1, IMAGE.into())]);
    let mut more = disc(most);
    entry(&mut more, 1, IMAGE);
    let tables = read(&more, 512);
    assert_eq!(
        tables.unread,
        [TableError::from(ElToritoError::TooMany(MAX_DESCRIPTORS))]
    );
}

proptest! {
    #[test]
    fn any_catalog_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..2048), place in 16_usize..SECTORS - 1) {
        let mut disc = disc(1);
        put(&mut disc, at(place), &bytes);
        for image in read(&disc, 512).partitions {
            prop_assert!(image.start + image.length <= disc.len() as u64);
        }
    }
}
