//! FAT file systems that mkfs.vfat and mtools made, read without being mounted. mdir judges the names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bootseal::formats::fat::{Fat, FatError};
use tempfile::TempDir;

use crate::support::programs::tool;
use crate::support::succeed;

/// Makes a file system of this kind, of so many KiB, with the tree in it.
pub fn image(kind: &str, kibibytes: u32, tree: &Path) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("image");
    let mut mkfs = tool("mkfs.vfat");
    mkfs.args(["-F", kind, "-C"]).arg(&image).arg(kibibytes.to_string());
    succeed(&mut mkfs);
    let entries = fs::read_dir(tree).unwrap().map(|entry| entry.unwrap().path());
    let mut mcopy = tool("mcopy");
    mcopy.args(["-s", "-i"]).arg(&image).args(entries).arg("::/");
    mcopy.env("MTOOLS_SKIP_CHECK", "1").env("LC_ALL", "C.UTF-8");
    succeed(&mut mcopy);
    fs::read(image).unwrap()
}

/// A tree of names of every length, with a file in several clusters and a directory in several.
pub fn tree() -> (TempDir, BTreeMap<String, Vec<u8>>) {
    let directory = tempfile::tempdir().unwrap();
    let mut files = BTreeMap::new();
    let large: Vec<u8> = (0..300_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let mut add = |path: String, content: &[u8]| {
        let place = directory.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
        files.insert(path, content.to_vec());
    };
    add("/EFI/BOOT/BOOTX64.EFI".to_owned(), &large);
    add("/EFI/debian/shimx64.efi".to_owned(), b"shim");
    add("/startup.nsh".to_owned(), b"");
    add(format!("/{}.conf", "a long name ".repeat(18).trim_end()), b"long");
    add("/loader/entries/Änderung-Ω.conf".to_owned(), b"letters");
    add("/loader/exactly13char.x".to_owned(), b"13");
    for number in 0..200 {
        add(
            format!("/many/of the files, number {number}"),
            format!("{number}").as_bytes(),
        );
    }
    (directory, files)
}

#[test]
fn all_widths_are_read_as_mtools_reads_them() {
    let (directory, files) = tree();
    for (kind, kibibytes) in [("12", 2880), ("16", 16 * 1024), ("32", 40 * 1024)] {
        let image = image(kind, kibibytes, directory.path());
        let path = directory.path().with_extension(kind);
        fs::write(&path, &image).unwrap();
        let mut mdir = tool("mdir");
        mdir.args(["-/", "-b", "-i"])
            .arg(&path)
            .arg("::")
            .env("LC_ALL", "C.UTF-8");
        let said = succeed(&mut mdir);
        fs::remove_file(path).unwrap();
        let mut listed: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("::")).collect();
        listed.retain(|path| !path.ends_with('/'));
        listed.sort_unstable();
        let fat = Fat::open(image).unwrap();
        let mut found: Vec<String> = fat.files().map(|(path, _)| path).collect();
        found.sort_unstable();
        assert_eq!(found, listed, "FAT{kind}");
        for (path, content) in &files {
            let (_, entry) = fat.find_file(&path.to_uppercase()).unwrap_or_else(|| panic!("{path}"));
            assert_eq!(&fat.read(entry, u64::MAX).unwrap(), content, "FAT{kind} {path}");
            let start = fat.read(entry, 5).unwrap();
            assert_eq!(start, content[..content.len().min(5)], "FAT{kind} {path}");
        }
        for missing in ["/none", "/EFI", "/startup.nsh/x", "/EFI/../startup.nsh", ""] {
            assert!(fat.find_file(missing).is_none(), "{missing}");
        }
        let by_short_name = fat.find_file("loader/exactl~1.x").map(|(path, _)| path);
        assert_eq!(by_short_name.as_deref(), Some("/loader/exactly13char.x"));
    }
}

#[test]
fn what_leads_in_circles_ends() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir_all(directory.path().join("EFI/BOOT")).unwrap();
    fs::write(directory.path().join("EFI/BOOT/large"), vec![7; 100_000]).unwrap();
    let sound = image("32", 40 * 1024, directory.path());
    let geometry = |offset: usize| usize::from(u16::from_le_bytes([sound[offset], sound[offset + 1]]));
    let (sector, reserved) = (geometry(11), geometry(14));
    let tables = usize::from(sound[16]) * geometry(36);
    let data = (reserved + tables) * sector;
    let cluster = sector * usize::from(sound[13]);
    let at = |number: usize| data + (number - 2) * cluster;
    let entry = |number: usize, entry: usize| at(number) + entry * 32;
    let changed = |changes: &[(usize, &[u8])]| {
        let mut image = sound.clone();
        for (place, bytes) in changes {
            image[*place..place + bytes.len()].copy_from_slice(bytes);
        }
        Fat::open(image)
    };
    // EFI is cluster 3; its entry BOOT, after the two for itself and the root, leads back to it.
    assert_eq!(sound[entry(3, 2)..][..4], *b"BOOT");
    let looped = changed(&[(entry(3, 2) + 26, &[3, 0])]);
    assert_eq!(looped.err(), Some(FatError::Loop("/EFI/BOOT".to_owned())));
    // The table leads from EFI to EFI.
    let looped = changed(&[(reserved * sector + 12, &[3, 0, 0, 0])]);
    assert_eq!(looped.err(), Some(FatError::TooMuch("larger directories")));
    // The table leads from the file's first cluster to nowhere, and back to it.
    let file = usize::from(sound[entry(4, 2) + 26]);
    assert_eq!(sound[entry(4, 2) + 28..][..4], 100_000_u32.to_le_bytes());
    for (next, expected) in [
        (1_u32, Err(())),
        (0x0fff_ffff, Err(())),
        (u32::try_from(file).unwrap(), Ok(100_000)),
    ] {
        let fat = changed(&[(reserved * sector + file * 4, &next.to_le_bytes())]).unwrap();
        let (_, found) = fat.find_file("/EFI/BOOT/large").unwrap();
        let read = fat.read(found, u64::MAX);
        assert_eq!(read.map(|bytes| bytes.len()).map_err(drop), expected, "{next:#x}");
    }
    // More bytes than there are.
    let vast = changed(&[(entry(4, 2) + 28, &u32::MAX.to_le_bytes())]);
    assert_eq!(vast.err(), Some(FatError::Overlap));
}
