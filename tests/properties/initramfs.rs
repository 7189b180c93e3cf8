//! Initramfs images: whatever the bytes, nothing panics, what is given is bounded by what is there, and what is packed
//! is given as it was.

use bootseal::formats::kernel::compression::Compression;
use bootseal::formats::kernel::initramfs;
use proptest::prelude::*;

/// Two archives of two files each, as cpio writes them.
fn archives() -> Vec<u8> {
    let mut image = Vec::new();
    for (name, content) in [
        ("early/ucode", "microcode"),
        ("TRAILER!!!", ""),
        ("lib/a.ko", "module"),
        ("TRAILER!!!", ""),
    ] {
        let sizes = [content.len(), name.len() + 1];
        let fields = [1, 0o100_644, 0, 0, 1, 0, sizes[0], 8, 1, 0, 0, sizes[1], 0];
        image.extend_from_slice(b"070701");
        for field in fields {
            image.extend(format!("{field:08x}").bytes());
        }
        for part in [format!("{name}\0"), content.to_owned()] {
            image.extend(part.bytes());
            image.resize(image.len().next_multiple_of(4), 0);
        }
    }
    image
}

fn given(image: &[u8]) -> (usize, bool) {
    let mut size = 0;
    let ended = initramfs::files(image, |_| true, |entry| size += entry.content.len() + entry.path.len());
    (size, ended.is_ok())
}

const PACKINGS: [Compression; 4] = [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd];

proptest! {
    #[test]
    fn a_changed_image_is_read_or_refused(
        packing in 0..PACKINGS.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in any::<prop::sample::Index>(),
    ) {
        let plain = archives();
        let mut image = PACKINGS[packing].pack(plain.clone()).unwrap();
        for (position, value) in changes {
            let position = position.index(image.len());
            image[position] = value;
        }
        image.truncate(image.len() - end.index(image.len()) / 8);
        // A changed packing may unpack to something longer, but not to much.
        prop_assert!(given(&image).0 <= plain.len() + (1 << 16));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..512), packing in 0..PACKINGS.len()) {
        prop_assert!(given(&bytes).0 <= 1 << 20);
        let _ = given(&PACKINGS[packing].pack(bytes.clone()).unwrap());
        let _ = given(&[archives(), bytes].concat());
    }

    #[test]
    fn parts_may_be_packed_each_in_its_way(parts in proptest::collection::vec((0..PACKINGS.len(), 0..5_usize), 0..6)) {
        let one = given(&archives()).0;
        let image: Vec<u8> = parts
            .iter()
            .flat_map(|(packing, zeros)| [PACKINGS[*packing].pack(archives()).unwrap(), vec![0; zeros * 4]].concat())
            .collect();
        prop_assert_eq!(given(&image), (one * parts.len(), true));
    }
}
