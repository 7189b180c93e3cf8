use super::*;
use crate::formats::kernel::compression::{Compression, lz4};
use proptest::prelude::*;

/// An entry as cpio writes it.
fn entry(name: &str, inode: u32, links: u32, content: &[u8]) -> Vec<u8> {
    let mut entry = b"070701".to_vec();
    let sizes = [content.len(), name.len() + 1].map(|size| u32::try_from(size).unwrap());
    for field in [inode, 0o100_644, 0, 0, links, 0, sizes[0], 8, 1, 0, 0, sizes[1], 0] {
        entry.extend(format!("{field:08x}").bytes());
    }
    entry.extend(name.bytes().chain([0]));
    entry.resize(entry.len().next_multiple_of(4), 0);
    entry.extend(content);
    entry.resize(entry.len().next_multiple_of(4), 0);
    entry
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    [entries.concat(), entry("TRAILER!!!", 0, 1, b""), vec![0; 64]].concat()
}

/// Paths and contents.
type Found = Vec<(String, Vec<u8>)>;

/// The modules in an image that is held, which are the same if it is read in small pieces. Where a decoder gives up on a damaged
/// part depends on how much it sees at once; that it does is the same.
fn modules(image: &[u8]) -> (Found, Result<usize, String>) {
    let held = modules_read(image);
    let pieces = modules_read(std::io::BufReader::with_capacity(3, image));
    if held.1.is_ok() {
        assert_eq!(pieces, held);
    } else {
        assert!(pieces.1.is_err(), "{held:?}, but in pieces {pieces:?}");
    }
    held
}

fn modules_read(image: impl BufRead) -> (Found, Result<usize, String>) {
    let mut found = Vec::new();
    let ended = files(
        image,
        |path| path.ends_with(b".ko"),
        |entry| found.push((String::from_utf8(entry.path).unwrap(), entry.content)),
    );
    (found, ended.map_err(|error| error.to_string()))
}

#[test]
fn archives_follow_each_other_plain_and_compressed() {
    let microcode = archive(&[entry("kernel/x86/microcode/AuthenticAMD.bin", 1, 1, b"microcode")]);
    let first = archive(&[entry("lib/modules/1/a.ko", 1, 1, b"one"), entry("init", 2, 1, b"#!")]);
    let second = archive(&[entry("lib/modules/1/b.ko", 1, 1, b"two!!")]);
    for compression in [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let packed = |archive: &[u8]| compression.pack(archive.to_vec()).unwrap();
        let parts = [
            microcode.clone(),
            packed(&[first.clone(), vec![0; 512]].concat()),
            vec![0; 12],
            packed(&second),
            vec![0; 3],
        ];
        let expected = vec![
            ("lib/modules/1/a.ko".to_owned(), b"one".to_vec()),
            ("lib/modules/1/b.ko".to_owned(), b"two!!".to_vec()),
        ];
        assert_eq!(modules(&parts.concat()), (expected, Ok(4)), "{compression:?}");
    }
    assert_eq!(modules(b""), (vec![], Ok(0)));
}

/// Names that wait for content are no way to all memory, and neither is a file that says how large it is.
#[test]
fn names_without_content_and_large_files_have_a_bound() {
    let names = |count: u32| archive(&(0..count).map(|inode| entry("a.ko", inode, 2, b"")).collect::<Vec<_>>());
    assert_eq!(modules(&names(100_000)), (vec![], Ok(100_000)));
    let (found, ended) = modules(&names(140_000));
    assert!(
        found.is_empty() && ended.as_ref().unwrap_err().contains("files with several names"),
        "{ended:?}"
    );
    // An archive begins anew.
    assert_eq!(
        modules(&[names(100_000), names(100_000)].concat()),
        (vec![], Ok(200_000))
    );

    let mut large = entry("a.ko", 1, 1, b"");
    large[6 + 6 * 8..6 + 7 * 8].copy_from_slice(b"20000001");
    let (_, ended) = modules(&large);
    assert!(
        ended.as_ref().unwrap_err().contains("has more than 536870912 bytes"),
        "{ended:?}"
    );
}

#[test]
fn a_file_with_several_names_is_given_once_with_its_content() {
    let image = archive(&[
        entry("usr/a.ko", 7, 3, b""),
        entry("usr/other", 8, 2, b""),
        entry("usr/b.ko", 7, 3, b""),
        entry("usr/hidden", 7, 3, b"content"),
        entry("usr/other2", 8, 2, b"no module"),
        entry("usr/empty.ko", 9, 1, b""),
    ]);
    let expected = vec![
        ("usr/a.ko".to_owned(), b"content".to_vec()),
        ("usr/empty.ko".to_owned(), vec![]),
    ];
    assert_eq!(modules(&image), (expected, Ok(6)));
}

/// Other archivers than cpio write it so, and so does whoever has something to hide.
#[test]
fn content_that_came_before_the_wanted_name_is_given() {
    let module = [&b"\x7fELF"[..], &[7; 100]].concat();
    let image = archive(&[
        entry("usr/firmware", 7, 2, &module),
        entry("usr/text", 8, 2, b"no module"),
        entry("usr/again", 7, 2, b""),
        entry("usr/a.ko", 7, 2, b""),
        entry("usr/b.ko", 7, 2, b""),
        entry("usr/c.ko", 8, 2, b""),
        // The kernel writes it over what was there.
        entry("usr/other", 7, 2, b"\x7fELF later"),
    ]);
    let expected = vec![
        ("usr/a.ko".to_owned(), module.clone()),
        ("usr/a.ko".to_owned(), b"\x7fELF later".to_vec()),
    ];
    assert_eq!(modules(&image), (expected, Ok(7)));
    // In another archive it is another file.
    let apart = [
        archive(&[entry("x", 7, 2, &module)]),
        archive(&[entry("a.ko", 7, 2, b"")]),
    ]
    .concat();
    assert_eq!(modules(&apart), (vec![], Ok(2)));
    // What is held has a bound.
    let large = [&b"\x7fELF"[..], &vec![0; 40 << 20]].concat();
    let (_, ended) = modules(&archive(&[entry("x", 1, 2, &large), entry("y", 2, 2, &large)]));
    assert!(
        ended.as_ref().unwrap_err().contains("modules under other names"),
        "{ended:?}"
    );
    let again = archive(&[
        entry("x", 1, 2, &large),
        entry("y", 1, 2, &large),
        entry("a.ko", 1, 2, b""),
    ]);
    assert_eq!(modules(&again).0.len(), 1);
}

#[test]
fn what_is_no_image_is_named_with_its_offset() {
    let good = archive(&[entry("a.ko", 1, 1, b"content")]);
    let ends = |image: &[u8]| modules(image).1.unwrap_err();
    assert!(ends(b"garbage").contains("at offset 0x0 there is neither"));
    assert!(ends(&[&good, &b"garbage"[..]].concat()).contains(&format!("at offset {:#x} there", good.len())));
    for (magic, name) in [(&b"BZh"[..], "bzip2"), (b"\x89LZO", "lzo")] {
        let error = ends(&[&good, magic, &[0; 99]].concat());
        assert!(
            error.contains(name) && error.contains(&format!("{:#x}", good.len())),
            "{error}"
        );
    }
    for length in 1..good.len() - 64 {
        assert!(ends(&good[..length]).contains("ends in the middle"), "{length}");
    }
    assert_eq!(
        ends(&[&b"070707"[..], &good[6..]].concat()),
        "there is no cpio header at offset 0x0"
    );
    let mut field = good.clone();
    field[6 + 6 * 8] = b'x';
    assert_eq!(ends(&field), "c_filesize of the cpio header at offset 0x0 is no number");
    let packed = Compression::Zstd.pack(good.clone()).unwrap();
    assert!(ends(&packed[..packed.len() - 5]).contains("the compressed part at offset 0x0"));
    let inner = Compression::Gzip.pack([&good[..], b"x"].concat()).unwrap();
    assert!(ends(&inner).contains("of what is compressed at offset 0x0"));
}

/// A header may promise half a GiB; memory is taken for the bytes that exist.
#[test]
fn a_promise_takes_no_memory_and_a_bomb_ends() {
    let mut promise = entry("a.ko", 1, 1, b"");
    promise[6 + 6 * 8..6 + 7 * 8].copy_from_slice(b"20000000");
    assert!(modules(&promise).1.unwrap_err().contains("ends in the middle"));
    let zeros = vec![0; 4096];
    let mut visit = |_| ();
    let mut walk = cpio::Walk::new(&|_| false, &mut visit, 1000);
    let packed = Compression::Gzip.pack(zeros).unwrap();
    assert!(matches!(
        unpack(&mut Stream::new(&*packed), &mut walk, &mut |_| ()),
        Err(InitramfsError::TooLarge)
    ));
}

proptest! {
    #[test]
    fn what_was_put_in_comes_out(files in proptest::collection::vec(("[a-z/]{1,20}", proptest::collection::vec(any::<u8>(), 0..40)), 0..8), end in 0..9_usize) {
        let entries: Vec<_> = files.iter().map(|(name, content)| entry(&format!("{name}.ko"), 1, 1, content)).collect();
        let plain = archive(&entries);
        let expected: Vec<_> = files.iter().map(|(name, content)| (format!("{name}.ko"), content.clone())).collect();
        let image = [vec![0; end * 4], plain.clone(), Compression::Zstd.pack(plain).unwrap()].concat();
        let (found, ended) = modules(&image);
        prop_assert_eq!(found, [expected.clone(), expected].concat());
        prop_assert_eq!(ended, Ok(files.len() * 2));
    }
}

/// The output of `lz4 -l`, in blocks of this many bytes instead of 8 MiB.
fn lz4(content: &[u8], block: usize) -> Vec<u8> {
    let mut packed = lz4::MAGIC.to_vec();
    for block in content.chunks(block) {
        let block = lz4_flex::block::compress(block);
        packed.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
        packed.extend(block);
    }
    packed
}

#[test]
fn lz4_is_read_block_by_block_up_to_its_end() {
    let first = archive(&[entry("lib/a.ko", 1, 1, &[7; 5000])]);
    let second = archive(&[entry("lib/b.ko", 1, 1, b"two")]);
    let parts = [lz4(&first, 100), lz4(&second, 1 << 20), vec![0; 8], first.clone()];
    let expected = vec![
        ("lib/a.ko".to_owned(), vec![7; 5000]),
        ("lib/b.ko".to_owned(), b"two".to_vec()),
        ("lib/a.ko".to_owned(), vec![7; 5000]),
    ];
    assert_eq!(modules(&parts.concat()), (expected, Ok(3)));
    let long = lz4(&vec![0; (8 << 20) + 1], usize::MAX);
    let error = modules(&long).1.unwrap_err();
    assert!(error.contains("cannot be unpacked"), "{error}");
}

proptest! {
    #[test]
    fn no_bytes_after_a_magic_make_it_panic(
        magic in prop::sample::select(vec![&[0x02, 0x21, 0x4c, 0x18][..], &[0x5d, 0, 0]]),
        bytes: Vec<u8>,
        length in 0..20_u8,
    ) {
        let _ = modules(&[magic, &[length, 0, 0, 0], &bytes].concat());
    }
}
