//! The extended boot partition, which systemd-boot reads beside its own: told by the disk's own table.

use std::fs;
use std::ops::Range;

use super::beside::PARTITION;
use super::disks::{LENGTH, list, list_partition};
use super::{Machine, says};
use crate::golden::partition_table::partitioned;
use crate::support::programs::{SYSTEMD_BOOT, host_file};

/// Types of partitions: an extended boot partition, and data of Linux.
const EXTENDED: &str = "bc13c2ff-59e6-4262-a352-b275fd6f7172";
const LINUX: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";
const OWN: Range<usize> = 1 << 20..9 << 20;
const OTHER: Range<usize> = 9 << 20..17 << 20;
const MOUNTED: &str = "30 22 8:1 / /efi rw - vfat /dev/vda1 rw\n31 22 8:2 / /boot rw - vfat /dev/vda2 rw\n";

/// Lists the disk of the machine, whose second partition is of this type.
fn disk(machine: &Machine, kind: &str) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("disk");
    let table =
        format!("label: gpt\nstart=2048, size=8MiB, type=U, uuid={PARTITION}\nstart=18432, size=8MiB, type={kind}\n");
    partitioned(&path, LENGTH, &table);
    let disk = fs::read(path).unwrap();
    list(machine, "pci/vda", "8:0", LENGTH);
    machine.write("dev/vda", &disk);
    list_partition(machine, "pci/vda/vda1", "8:1", &disk, OWN);
    list_partition(machine, "pci/vda/vda2", "8:2", &disk, OTHER);
}

#[test]
fn its_entries_count_where_the_table_says_that_it_is_one() {
    let machine = Machine::new();
    let loader = "efi/EFI/BOOT/BOOTX64.EFI";
    machine.write(loader, fs::read(host_file(SYSTEMD_BOOT)).unwrap());
    machine.run(["sign", "efi"], &[loader]);
    machine.write("boot/loader/entries/a.conf", "linux /vmlinuz\n");
    machine.write("proc/self/mountinfo", MOUNTED);
    let next = || machine.check("boot.next_start");
    disk(&machine, EXTENDED);
    says(
        &next(),
        "evidence",
        "systemd-boot entry a.conf starts /boot/vmlinuz",
        "",
    );
    // Not mounted: nobody knows what is on it.
    machine.write("proc/self/mountinfo", MOUNTED.lines().next().unwrap().to_owned() + "\n");
    says(
        &next(),
        "not_run",
        "",
        "the extended boot partition of this disk, which is not mounted",
    );
    // Of another type it is none, wherever it is mounted.
    machine.write("proc/self/mountinfo", MOUNTED);
    disk(&machine, LINUX);
    says(
        &next(),
        "findings",
        "",
        "systemd-boot finds neither an entry nor a unified kernel image",
    );
}
