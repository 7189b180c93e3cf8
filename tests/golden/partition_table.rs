//! Tables of partitions that fdisk and sfdisk made, and discs that xorriso did; sfdisk and xorriso judge what is in them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use bootseal::formats::firmware::partition_table::{EFI_SYSTEM, PartitionTables, PartitionType, TableError};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::programs::tool;
use crate::support::succeed;

/// Makes a disk of so many bytes, whose partitions are as this script of sfdisk says.
pub fn partitioned(disk: &Path, length: u64, script: &str) {
    fs::File::create(disk).unwrap().set_len(length).unwrap();
    type_in(disk, "sfdisk", &["--quiet"], script);
}

/// Makes a disc of a disk: the boot image lies at this place, in bytes, up to the end.
pub fn put_boot_image(disk: &mut [u8], place: usize) {
    const SECTOR: usize = 2048;
    let sectors = |bytes: usize| u32::try_from(bytes / SECTOR).unwrap().to_le_bytes();
    let (length, image, catalog) = (sectors(disk.len()), sectors(place), 19 * SECTOR);
    // The primary descriptor with its size, the one with the catalog's place, and the last one.
    for (number, kind) in [(16, 1), (17, 0), (18, 255)] {
        disk[number * SECTOR] = kind;
        disk[number * SECTOR + 1..][..6].copy_from_slice(b"CD001\x01");
    }
    disk[16 * SECTOR + 80..][..4].copy_from_slice(&length);
    disk[17 * SECTOR + 7..][..23].copy_from_slice(b"EL TORITO SPECIFICATION");
    disk[17 * SECTOR + 71..][..4].copy_from_slice(&sectors(catalog));
    // Its header, whose words add up to nothing, and an entry for EFI without a length.
    disk[catalog..][..2].copy_from_slice(&[1, 0xef]);
    disk[catalog + 28..][..4].copy_from_slice(&[0xaa, 0x66, 0x55, 0xaa]);
    disk[catalog + 32] = 0x88;
    disk[catalog + 40..][..4].copy_from_slice(&image);
}

fn type_in(disk: &Path, program: &str, options: &[&str], words: &str) {
    let mut command = tool(program);
    command.args(options).arg(disk).env("LC_ALL", "C");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(words.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The parts that are compared: first byte, length, type and own GUID of a partition.
type Told = (u64, u64, String, Option<String>);

fn found(disk: &[u8], block: u64) -> Vec<Told> {
    let tables = PartitionTables::read(&disk.to_vec(), block, disk.len() as u64);
    assert_eq!(tables.unread, [], "it is read");
    let told = |kind: PartitionType| match kind {
        PartitionType::Gpt { kind, own } => (kind.to_string(), Some(own.to_string())),
        PartitionType::Mbr { kind, .. } => (format!("{kind:x}"), None),
        PartitionType::ElTorito => ("boot image".to_owned(), None),
    };
    let partitions = tables.partitions.into_iter();
    let listed = partitions.map(|partition| {
        let (kind, own) = told(partition.kind);
        (partition.start, partition.length, kind, own)
    });
    listed.collect()
}

/// The same as sfdisk has it, which takes blocks of 512 bytes for what it reads of a file.
fn listed(disk: &Path) -> Vec<Told> {
    let said = succeed(tool("sfdisk").arg("--json").arg(disk));
    let said: Value = serde_json::from_str(&said).unwrap();
    let partitions = said["partitiontable"]["partitions"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_lowercase);
    let listed = partitions.map(|partition| {
        let sectors = |name: &str| partition[name].as_u64().unwrap() * 512;
        let kind = text(&partition["type"]).unwrap();
        (sectors("start"), sectors("size"), kind, text(&partition["uuid"]))
    });
    // Those that hold others have no content of their own.
    listed
        .filter(|(_, _, kind, _)| !["5", "f"].contains(&kind.as_str()))
        .collect()
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path().join("disk");
    (directory, disk)
}

#[test]
fn tables_are_read_as_sfdisk_reads_them() {
    for script in [
        "label: gpt\nsize=8MiB, type=U\nsize=1MiB, type=L\ntype=U, name=last\n",
        "label: gpt\ntable-length: 4\n3: size=8MiB, type=U\n",
        "label: gpt\ntable-length: 400\n399: size=8MiB, type=U\n",
        "label: dos\nsize=8MiB, type=ef, bootable\nsize=4MiB, type=83\n",
        "label: dos\nsize=4MiB, type=c\nsize=32MiB, type=5\nsize=4MiB, type=ef\nsize=4MiB, type=83\nsize=5MiB, type=ef\n",
        "label: dos\nsize=32MiB, type=f\ntype=ef, size=3MiB\n",
    ] {
        let (_directory, disk) = place();
        partitioned(&disk, 64 << 20, script);
        let bytes = fs::read(&disk).unwrap();
        let expected = listed(&disk);
        assert!(!expected.is_empty());
        assert_eq!(found(&bytes, 512), expected, "{script}");
    }
}

/// The table at the end is what firmware takes where the first is broken. sfdisk does, too.
#[test]
fn the_second_table_stands_in_for_the_first() {
    let (_directory, disk) = place();
    partitioned(&disk, 64 << 20, "label: gpt\nsize=8MiB, type=U\ntype=L\n");
    let sound = fs::read(&disk).unwrap();
    let mut broken = sound.clone();
    broken[512..1024].fill(0);
    fs::write(&disk, &broken).unwrap();
    assert_eq!(found(&broken, 512), listed(&disk));
    assert_eq!(found(&broken, 512), found(&sound, 512));
    let end = broken.len() - 512;
    broken[end..].fill(0);
    let tables = PartitionTables::read(&broken, 512, 64 << 20);
    assert!(matches!(tables.unread[..], [TableError::Gpt { .. }]), "{tables:?}");
    // A disk that is larger now has nothing at its end.
    let mut larger = sound.clone();
    larger.resize(65 << 20, 0);
    assert_eq!(found(&larger, 512), found(&sound, 512));
}

/// Firmware reads a partition as it reads a disk. The boot block of a file system has the mark of a table, too.
#[test]
fn file_systems_are_no_tables_and_tables_in_partitions_are_told() {
    let (directory, disk) = place();
    let (start, length) = (1 << 20, 40 << 20);
    partitioned(
        &disk,
        64 << 20,
        "label: gpt\nstart=2048, size=40MiB, type=U\nsize=4MiB, type=L\n",
    );
    for width in ["12", "16", "32"] {
        let mut format = tool("mkfs.vfat");
        format.args(["-F", width, "--offset", "2048"]);
        succeed(format.arg(&disk).arg((length >> 10).to_string()));
        let bytes = fs::read(&disk).unwrap();
        assert_eq!(bytes[start + 510..start + 512], [0x55, 0xaa]);
        assert_eq!(found(&bytes, 512), listed(&disk), "{width}");
    }
    for script in ["label: gpt\nsize=8MiB, type=U\n", "label: dos\nsize=8MiB, type=ef\n"] {
        let inner = directory.path().join("inner");
        partitioned(&inner, length, script);
        let mut bytes = fs::read(&disk).unwrap();
        bytes[start..][..40 << 20].copy_from_slice(&fs::read(&inner).unwrap());
        let unread = PartitionTables::read(&bytes, 512, 64 << 20).unread;
        assert_eq!(unread, [TableError::Nested { number: 1, others: 0 }], "{script}");
        assert!(
            unread[0]
                .to_string()
                .starts_with("its partition 1 holds a table of partitions of its own")
        );
    }
}

#[test]
fn blocks_of_4096_bytes_are_read() {
    let (_directory, disk) = place();
    fs::File::create(&disk).unwrap().set_len(64 << 20).unwrap();
    type_in(&disk, "fdisk", &["--sector-size", "4096"], "g\nn\n1\n\n+8M\nt\n1\nw\n");
    let bytes = fs::read(&disk).unwrap();
    let found = found(&bytes, 4096);
    let [(start, length, kind, Some(_))] = &found[..] else {
        panic!("{found:?}")
    };
    // fdisk begins at 1 MiB.
    assert_eq!((*start, *length, kind), (1 << 20, 8 << 20, &EFI_SYSTEM.to_string()));
}

/// The boot images of a disc, by their bytes, as xorriso has them.
fn boot_images(disc: &Path) -> Vec<u64> {
    let mut xorriso = tool("xorriso");
    xorriso.arg("-indev").arg(disc).args(["-report_el_torito", "plain"]);
    let said = succeed(&mut xorriso);
    let lines = said.lines().filter(|line| line.starts_with("El Torito boot img"));
    let sectors = lines.map(|line| line.split_whitespace().last().unwrap().parse::<u64>().unwrap());
    sectors.map(|sector| sector * 2048).collect()
}

#[test]
fn boot_images_of_discs_are_found_as_xorriso_finds_them() {
    let (directory, disc) = place();
    let tree = directory.path().join("tree");
    fs::create_dir(&tree).unwrap();
    for (name, length) in [("bios", 2048), ("efi", 1_474_560)] {
        fs::write(tree.join(name), vec![7; length]).unwrap();
    }
    for (options, count, is_stick) in [
        (&["-e", "efi", "-no-emul-boot"][..], 1, false),
        (
            &[
                "-b",
                "bios",
                "-no-emul-boot",
                "-eltorito-alt-boot",
                "-e",
                "efi",
                "-no-emul-boot",
            ],
            2,
            false,
        ),
        (
            &["-e", "efi", "-no-emul-boot", "-efi-boot-part", "--efi-boot-image"],
            1,
            true,
        ),
    ] {
        let mut xorriso = tool("xorriso");
        xorriso
            .args(["-as", "mkisofs", "-o"])
            .arg(&disc)
            .args(options)
            .arg(&tree);
        succeed(&mut xorriso);
        let bytes = fs::read(&disc).unwrap();
        let expected = boot_images(&disc);
        assert_eq!(expected.len(), count, "{options:?}");
        let block = if is_stick { 512 } else { 2048 };
        let tables = PartitionTables::read(&bytes, block, bytes.len() as u64);
        assert_eq!(tables.unread, [], "{options:?}");
        let images = tables
            .partitions
            .iter()
            .filter(|partition| partition.kind == PartitionType::ElTorito);
        let images: Vec<u64> = images.map(|image| image.start).collect();
        if is_stick {
            // The table for sticks has the same image.
            assert_eq!(images, [0; 0], "{options:?}");
            assert!(tables.partitions.iter().any(|partition| partition.start == expected[0]));
        } else {
            assert_eq!(images, expected, "{options:?}");
        }
    }
}
