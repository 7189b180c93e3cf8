//! Disks for virtual machines: file systems and partitions that hold a tree of files.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use efivar::boot::{BootEntry, BootEntryAttributes, EFIHardDrive, EFIHardDriveType, FilePath, FilePathList};

use super::packages::run;
use crate::support::programs::tool;

/// The identity of the disk's file system, by which GRUB finds it.
pub const DISK_UUID: &str = "B007-5EA1";
/// The identity of a disk's one partition.
pub const PARTITION: &str = "b0075ea1-0000-4000-8000-000000000001";
/// Where it begins, in bytes.
pub const PARTITION_START: u64 = 1 << 20;

/// A small FAT file system that holds the tree `files`.
pub fn make_floppy(image: &Path, files: &Path) {
    run(tool("mkfs.vfat").arg("-C").arg(image).arg("1440"));
    run(tool("mcopy")
        .arg("-s")
        .arg("-i")
        .arg(image)
        .args(entries(files))
        .arg("::/"));
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory)
        .expect("the tree can be read")
        .map(|entry| entry.expect("an entry").path())
        .collect()
}

/// A disk without partitions: one FAT32 file system, which is all that the firmware asks for.
pub fn make_disk(disk: &Path, files: &Path) {
    let bytes: u64 = entries(files).iter().map(|path| size(path)).sum();
    // FAT32 begins at 33 MiB; 16 MiB are for its tables and the ends of clusters. What is signed needs its room twice.
    let kibibytes = (bytes / 1024 * 2 + 16 * 1024).max(48 * 1024);
    run(tool("mkfs.vfat")
        .args(["-F", "32", "-i", &DISK_UUID.replace('-', ""), "-C"])
        .arg(disk)
        .arg(kibibytes.to_string()));
    run(tool("mcopy")
        .arg("-s")
        .arg("-i")
        .arg(disk)
        .args(entries(files))
        .arg("::/"));
}

/// A disk with a GPT whose first partition, an EFI system partition, holds the tree `files`; another, of
/// another type, may be behind it.
pub fn make_partitioned_disk(disk: &Path, files: &Path, other: Option<&Path>) {
    make_disk(disk, files);
    let mut image = vec![0; usize::try_from(PARTITION_START).expect("a size")];
    let mut table = "label: gpt\n".to_owned();
    let own = format!("U, uuid={PARTITION}");
    for (file, kind) in std::iter::once((disk, own.as_str())).chain(other.map(|other| (other, "L"))) {
        let partition = fs::read(file).expect("a file system");
        let (start, sectors) = (image.len() / 512, partition.len() / 512);
        writeln!(table, "start={start}, size={sectors}, type={kind}").expect("a string takes all");
        image.extend(partition);
    }
    // For the table at the end.
    image.resize(image.len() + (1 << 20), 0);
    fs::write(disk, &image).expect("written");
    let script = disk.with_extension("sfdisk");
    fs::write(&script, table).expect("written");
    let mut sfdisk = tool("sfdisk");
    sfdisk
        .arg("--quiet")
        .arg(disk)
        .stdin(fs::File::open(&script).expect("a script"));
    let output = sfdisk.output().expect("sfdisk can be started");
    assert!(output.status.success(), "{output:?}");
}

/// Writes a file, of that name, into the root of a disk.
pub fn write_to_disk(disk: &Path, file: &Path) {
    run(tool("mcopy").arg("-o").arg("-i").arg(disk).arg(file).arg("::/"));
}

/// Puts a file at a path of a disk, and makes the directories above.
pub fn put_on_disk(disk: &Path, file: &Path, path: &str) {
    let directories: Vec<&str> = path.match_indices('/').map(|(at, _)| &path[..at]).collect();
    for directory in directories {
        // One that is there already is an error of mmd alone.
        let mut mmd = tool("mmd");
        mmd.args(["-D", "s", "-i"]).arg(disk).arg(format!("::/{directory}"));
        mmd.output().expect("mmd can be started");
    }
    run(tool("mcopy")
        .arg("-o")
        .arg("-i")
        .arg(disk)
        .arg(file)
        .arg(format!("::/{path}")));
}

/// Reads a file from a disk.
pub fn read_from_disk(disk: &Path, path: &str, to: &Path) {
    run(tool("mcopy")
        .arg("-n")
        .arg("-i")
        .arg(disk)
        .arg(format!("::/{path}"))
        .arg(to));
}

/// Reads a directory from the partition of a disk.
pub fn read_from_partition(disk: &Path, directory: &str, to: &Path) {
    let image = format!("{}@@{PARTITION_START}", disk.display());
    run(tool("mcopy")
        .args(["-s", "-n", "-i", &image, &format!("::{directory}")])
        .arg(to));
}

fn size(path: &Path) -> u64 {
    if path.is_dir() {
        fs::read_dir(path)
            .expect("a folder")
            .map(|entry| size(&entry.expect("an entry").path()))
            .sum()
    } else {
        path.metadata().expect("a file").len()
    }
}

/// A boot option of the firmware for a file of the partition.
pub fn boot_option(path: &str) -> Vec<u8> {
    BootEntry {
        attributes: BootEntryAttributes::LOAD_OPTION_ACTIVE,
        description: "linux".to_owned(),
        file_path_list: Some(FilePathList {
            hard_drive: EFIHardDrive {
                partition_number: 1,
                partition_start: 2048,
                partition_size: 0,
                partition_sig: PARTITION.parse().expect("a GUID"),
                format: 2,
                sig_type: EFIHardDriveType::Gpt,
            },
            file_path: FilePath { path: path.to_owned() },
        }),
        optional_data: Vec::new(),
    }
    .to_bytes()
}

/// QEMU's options for a further disk, by its place in the order in which the firmware tries them.
pub fn device(number: usize, disk: &Path) -> [String; 4] {
    let drive = format!("if=none,id=disk{number},format=raw,file={}", disk.display());
    let device = format!("virtio-blk-pci,drive=disk{number},bootindex={number}");
    ["-drive".to_owned(), drive, "-device".to_owned(), device]
}
