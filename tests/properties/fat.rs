//! FAT file systems: whatever the bytes, nothing panics, and nothing takes longer than the medium is large.

use std::sync::OnceLock;

use bootseal::formats::fat::Fat;
use proptest::prelude::*;

use crate::golden::fat::{image, tree};

fn sound(kind: usize) -> &'static Vec<u8> {
    static MADE: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let make = || {
        let (directory, _) = tree();
        let kinds = [("12", 2880), ("16", 16 * 1024), ("32", 40 * 1024)];
        kinds
            .map(|(kind, kibibytes)| image(kind, kibibytes, directory.path()))
            .to_vec()
    };
    &MADE.get_or_init(make)[kind]
}

/// Bytes of all files that can be read.
fn read_all(image: Vec<u8>) -> u64 {
    let Ok(fat) = Fat::open(image) else { return 0 };
    let contents = fat.files().filter_map(|(_, entry)| fat.read(entry, u64::MAX).ok());
    contents.map(|bytes| bytes.len() as u64).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let mut bytes = bytes;
        if let Some(mark) = bytes.get_mut(510..512) {
            mark.copy_from_slice(&[0x55, 0xaa]);
        }
        let length = bytes.len() as u64;
        prop_assert!(read_all(bytes) <= length);
    }

    /// In the first sector, the tables, and directories behind them.
    #[test]
    fn changed_file_systems_are_read_or_refused(
        kind in 0..3_usize,
        changes in proptest::collection::vec((0..90_u32, any::<u16>(), any::<u8>()), 1..12),
    ) {
        let mut image = sound(kind).clone();
        let used: Vec<usize> = (0..image.len() / 512).filter(|sector| image[sector * 512..][..512].iter().any(|byte| *byte != 0)).collect();
        for (sector, offset, byte) in changes {
            let sector = used[sector as usize % used.len()];
            let place = sector * 512 + usize::from(offset) % 512;
            image[place] = byte;
        }
        let length = image.len() as u64;
        prop_assert!(read_all(image) <= length);
    }
}
