use super::*;
use proptest::prelude::*;

/// A section of these objects.
fn section(objects: &[(u32, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, content) in objects {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(u32::try_from(content.len() + 8).unwrap().to_le_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
    }
    let mut section = b"mimg\0\0\0\0".to_vec();
    section.extend(24_u64.to_le_bytes());
    section.extend((bytes.len() as u64 + 24).to_le_bytes());
    section.extend(bytes);
    // Sections are longer than what they hold.
    section.resize(section.len() + 512, 0);
    section
}

/// The section of a 32-bit machine.
fn section_32(objects: &[(u32, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (kind, content) in objects {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(u32::try_from(content.len() + 8).unwrap().to_le_bytes());
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    let mut section = b"mimg".to_vec();
    section.extend(12_u32.to_le_bytes());
    section.extend(u32::try_from(bytes.len() + 12).unwrap().to_le_bytes());
    section.extend(bytes);
    section.resize(section.len() + 512, 0);
    section
}

#[test]
fn images_of_32_bit_machines_are_read() {
    let objects: &[(u32, &[u8])] = &[(4, b"key 1"), (2, b"set a=b\n\0"), (3, b"/boot/grub\0")];
    let bytes = section_32(objects);
    let parsed = CoreImage::parse_section(&bytes, None).unwrap();
    assert_eq!(parsed.keys, [&b"key 1"[..]]);
    assert_eq!(parsed.configuration, Some(&b"set a=b\n"[..]));
    assert_eq!(parsed.prefix, Some("/boot/grub"));
    let cut = CoreImage::parse_section(&bytes[..20], None).unwrap_err().to_string();
    assert!(cut.contains("objects at 0xc.."), "{cut}");
}

fn switches(objects: &[(u32, &[u8])], version: &str) -> (Switch, Switch, usize) {
    let sbat = format!("sbat,1,SBAT Version,sbat,1,x\ngrub,5,FSF,grub,{version},https://gnu.org\n");
    let section = section(objects);
    let parsed = CoreImage::parse_section(&section, Some(sbat.as_bytes())).unwrap();
    (parsed.shim_lock_disabled, parsed.cli_disabled, parsed.certificates)
}

#[test]
fn objects_are_what_their_types_say() {
    let bytes = section(&[
        (4, b"key one"),
        (4, b"2"),
        (2, b"set a=b\n\0\0\0"),
        (3, b"/boot/grub\0\0"),
        (99, b"?"),
    ]);
    let parsed = CoreImage::parse_section(&bytes, None).unwrap();
    assert_eq!(parsed.keys, [&b"key one"[..], b"2"]);
    assert_eq!(parsed.configuration, Some(&b"set a=b\n"[..]));
    assert_eq!(parsed.prefix, Some("/boot/grub"));
    assert_eq!(parsed.version, None);
}

#[test]
fn types_are_told_apart_by_content_first_and_then_by_version() {
    use Switch::{Set, Unknown, Unset};
    // Debian's 2.06 and 2.12, and 2.14.
    assert_eq!(switches(&[(6, b"")], "2.06"), (Set, Unset, 0));
    assert_eq!(switches(&[(7, b"")], "2.14"), (Set, Unset, 0));
    assert_eq!(switches(&[(7, b""), (8, b"")], "2.14"), (Set, Set, 0));
    // A distribution that carried --disable-cli back.
    assert_eq!(switches(&[(6, b""), (7, b"")], "2.12"), (Set, Set, 0));
    assert_eq!(switches(&[(7, b"")], "2.12"), (Unset, Set, 0));
    // The version may be of a distribution's making, contents are not.
    assert_eq!(switches(&[(5, b"\x30\x82"), (7, b"")], "2.12"), (Set, Unset, 1));
    assert_eq!(switches(&[(6, b"\xd0\x0d\xfe\xed"), (7, b"")], "2.12"), (Set, Unset, 0));
    assert_eq!(switches(&[(5, b"\xd0\x0d\xfe\xed"), (7, b"")], "2.14"), (Unset, Set, 0));
    // Nothing says which.
    assert_eq!(switches(&[(7, b"")], ""), (Unknown, Unknown, 0));
    assert_eq!(switches(&[], ""), (Unset, Unset, 0));
}

#[test]
fn the_memory_disks_configuration_counts_where_the_prefix_is_there() {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(7);
    archive
        .append_data(&mut header, "boot/grub/grub.cfg", &b"reboot\n"[..])
        .unwrap();
    let archive = archive.into_inner().unwrap();
    let read = |prefix: &[u8]| {
        let bytes = section(&[(1, &archive), (3, prefix)]);
        CoreImage::parse_section(&bytes, None)
            .unwrap()
            .memory_disk_configuration
    };
    assert_eq!(read(b"(memdisk)/boot/grub\0"), Some(b"reboot\n".to_vec()));
    assert_eq!(read(b"/boot/grub\0"), None);
}

#[test]
fn malformed_sections_are_refused_with_the_offset() {
    let refused = |bytes: &[u8]| CoreImage::parse_section(bytes, None).unwrap_err().to_string();
    let good = section(&[(3, b"/boot/grub\0")]);
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        bytes
    };
    assert_eq!(
        refused(&good[..20]),
        "section mods: size at offset 0x10 needs 8 bytes, but only 4 are left"
    );
    assert_eq!(
        refused(&with(28, 7)),
        "section mods: the object at offset 0x18 states a size of 7 bytes; its header has 8"
    );
    assert!(refused(&with(28, 0xff)).starts_with("section mods: object at offset 0x20 needs 247 bytes"));
    assert!(refused(&with(17, 0xff)).contains("but the section has"));
    assert!(refused(&with(8, 0)).contains("objects at 0x0.."));
    assert_eq!(
        refused(&section(&[(3, b"/boot")])),
        "section mods: the prefix at offset 0x18 is no text that ends with a zero"
    );
    assert!(refused(&section(&[(0, b"no ELF")])).starts_with("section mods: module 0 at offset 0x18: no ELF object"));
}

proptest! {
    #[test]
    fn whatever_the_bytes_there_is_an_answer(
        objects in prop::collection::vec((0_u32..10, prop::collection::vec(any::<u8>(), 0..64)), 0..8),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let objects: Vec<_> = objects.iter().map(|(kind, content)| (*kind, content.as_slice())).collect();
        let mut bytes = section(&objects);
        for (index, value) in flips {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        let _ = CoreImage::parse_section(&bytes, Some(&bytes));
        let _ = CoreImage::parse_section(&bytes[..cut.index(bytes.len())], None);
    }
}
