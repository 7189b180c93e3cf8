//! Disks with EFI system partitions that nobody has mounted, on machines with udev, with old records of it, and without.

use std::fs;
use std::ops::Range;
use std::path::Path;

use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::formats::firmware::guid::Guid;
use serde_json::Value;

use super::beside::{PARTITION, load_option_on, unmounted};
use super::{GLOBAL, Machine, says};
use crate::golden::fat::image;
use crate::golden::partition_table::partitioned;
use crate::support::{succeed, tool};

/// The length of a disk, in bytes.
pub const LENGTH: u64 = 24 << 20;
/// A table with an EFI system partition, for its file system of 16 MiB.
const TABLE: &str = "label: gpt\nstart=2048, size=16MiB, type=U, uuid=";
/// The place of that partition, in bytes.
pub const PLACE: Range<usize> = 1 << 20..17 << 20;
const LINUX: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";

/// A disk with this table and the file system.
pub fn disk(table: &str, file_system: &[u8]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("disk");
    partitioned(&path, LENGTH, table);
    let mut disk = fs::read(path).unwrap();
    disk[PLACE].copy_from_slice(file_system);
    disk
}

pub fn gpt() -> String {
    format!("{TABLE}{PARTITION}\n")
}

fn link(machine: &Machine, place: &str, name: &str) {
    if !machine.path(name).is_symlink() {
        machine.link(&format!("../../devices/{place}"), name);
    }
}

/// Has the kernel list a disk, by its place in /sys/devices, which has so many bytes.
pub fn list(machine: &Machine, place: &str, number: &str, length: u64) {
    let name = place.rsplit('/').next().unwrap();
    let directory = format!("sys/devices/{place}");
    machine.write(&format!("{directory}/dev"), format!("{number}\n"));
    machine.write(&format!("{directory}/size"), format!("{}\n", length / 512));
    machine.write(&format!("{directory}/queue/logical_block_size"), "512\n");
    link(machine, place, &format!("sys/class/block/{name}"));
}

/// Has it list a partition of a disk, with its bytes.
pub fn list_partition(machine: &Machine, place: &str, number: &str, disk: &[u8], bytes: Range<usize>) {
    let name = place.rsplit('/').next().unwrap();
    let directory = format!("sys/devices/{place}");
    for (attribute, value) in [
        ("partition", "1".to_owned()),
        ("dev", number.to_owned()),
        ("start", (bytes.start / 512).to_string()),
        ("size", (bytes.len() / 512).to_string()),
        ("uevent", format!("DEVNAME={name}\nDEVTYPE=partition")),
    ] {
        machine.write(&format!("{directory}/{attribute}"), format!("{value}\n"));
    }
    link(machine, place, &format!("sys/class/block/{name}"));
    link(machine, place, &format!("sys/dev/block/{number}"));
    machine.write(&format!("dev/{name}"), &disk[bytes]);
}

/// Has it list a disk of this content with its one partition.
pub fn plug_in(machine: &Machine, disk: &[u8]) {
    list(machine, "pci/sdb", "8:16", LENGTH);
    machine.write("dev/sdb", disk);
    list_partition(machine, "pci/sdb/sdb1", "8:17", disk, PLACE);
}

/// A GRUB that opens anything and that db lets in, and files of other checks.
pub fn planted(machine: &Machine) -> Vec<u8> {
    let name = |path: &str| format!("stage/{path}");
    machine.write(&name("loader/loader.conf"), b"editor yes\n");
    machine.write(&name("loader/entries/a.conf"), b"linux /a\noptions rd.break\n");
    machine.write(&name("EFI/Linux/unsigned.efi"), minimal_image());
    machine.directory(&name("EFI/old"));
    planted_grub(machine, &machine.path(&name("EFI/old/grubx64.efi")));
    let file_system = image("16", 16 * 1024, &machine.path("stage"));
    fs::remove_dir_all(machine.path("stage")).unwrap();
    file_system
}

/// The same GRUB alone, here.
pub fn planted_grub(machine: &Machine, open: &Path) {
    let mut mkimage = tool("grub-mkimage");
    mkimage.args(["-O", "x86_64-efi", "-p", "/boot/grub", "-o"]).arg(open);
    succeed(mkimage.args(["normal", "fat", "part_gpt"]));
    let name = open.strip_prefix(machine.path("")).unwrap();
    machine.run(["sign", "efi"], &[name.to_str().unwrap()]);
}

pub fn forget(machine: &Machine, paths: &[&str]) {
    for path in paths {
        let path = machine.path(path);
        let removed = if path.is_dir() {
            fs::remove_dir_all(path)
        } else {
            fs::remove_file(path)
        };
        removed.unwrap();
    }
}

/// The answers that such a partition has a say in.
pub fn answers(machine: &Machine) -> Vec<Value> {
    [
        "boot.images",
        "boot.beside",
        "boot.command_lines",
        "boot.entries",
        "grub.files",
    ]
    .map(|id| machine.check(id))
    .to_vec()
}

#[test]
fn without_udev_as_much_is_told_as_with_it() {
    let machine = Machine::new();
    let clean = answers(&machine);
    let file_system = planted(&machine);
    let tree = tempfile::tempdir().unwrap();
    unmounted(&machine, tree.path());
    machine.write("dev/sdb1", &file_system);
    let expected = answers(&machine);
    let open = "/dev/sdb1:/EFI/old/grubx64.efi";
    assert_eq!(expected[0]["status"], "fail", "{:#}", expected[0]);
    says(&expected[0], "findings", open, "");
    forget(&machine, &["run/udev", "sys/dev/block", "dev/sdb1"]);
    assert_eq!(answers(&machine), clean);

    let sound = disk(&gpt(), &file_system);
    plug_in(&machine, &sound);
    assert_eq!(answers(&machine), expected);
    // The table at the end stands in for that at the start.
    let mut broken = sound.clone();
    broken[512..1024].fill(0);
    plug_in(&machine, &broken);
    assert_eq!(answers(&machine), expected);
    // The kernel has read another table, as one that was exchanged while it ran: the disk is read at the partition's place.
    machine.write("sys/devices/pci/sdb/sdb1/size", "16\n");
    let said = machine.check("boot.images");
    says(&said, "findings", "partition 1 of /dev/sdb:/EFI/old/grubx64.efi", "");
    // The older table.
    let older = disk("label: dos\nstart=2048, size=16MiB, type=ef\n", &file_system);
    plug_in(&machine, &older);
    says(&machine.check("boot.images"), "findings", open, "");
    plug_in(
        &machine,
        &disk("label: dos\nstart=2048, size=16MiB, type=c\n", &file_system),
    );
    assert_eq!(answers(&machine), clean, "a stick with data");
    // More than disks have, all of one file system.
    let many: String = (0..33).map(|_| "size=4KiB, type=U\n").collect();
    plug_in(&machine, &disk(&format!("label: gpt\n{many}"), &file_system));
    let said = machine.check("boot.images");
    says(&said, "not_run", "/dev/sdb: firmware", "it has more than 32");
    // A table that nobody can read.
    let last = broken.len() - 512;
    broken[last..].fill(0);
    plug_in(&machine, &broken);
    let said = machine.check("boot.images");
    assert_eq!(said["status"], "could_not_run", "{said:#}");
    says(
        &said,
        "not_run",
        "/dev/sdb: firmware",
        "its GUID partition table is broken",
    );
}

/// Firmware reads the disk. udev has read it some time ago, and is asked where nobody else can be.
#[test]
fn records_of_udev_count_where_the_disk_cannot_be_opened_and_nowhere_else() {
    let machine = Machine::new();
    let clean = machine.check("boot.images");
    let file_system = planted(&machine);
    plug_in(&machine, &disk(&gpt(), &file_system));
    let record = |kind: &str| {
        machine.write("run/udev/data/b8:16", "E:ID_PART_TABLE_TYPE=gpt\n");
        machine.write("run/udev/data/b8:17", format!("E:ID_PART_ENTRY_TYPE={kind}\n"));
    };
    let told = |said: &Value| says(said, "findings", "/dev/sdb1:/EFI/old/grubx64.efi", "");
    record(LINUX);
    told(&machine.check("boot.images"));
    plug_in(&machine, &disk(&gpt().replace("type=U", "type=L"), &file_system));
    let esp = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
    record(esp);
    assert_eq!(machine.check("boot.images"), clean);
    // Nobody can open it.
    forget(&machine, &["dev/sdb"]);
    told(&machine.check("boot.images"));
    record(LINUX);
    assert_eq!(machine.check("boot.images"), clean);
    for record in ["b8:17", "b8:16"] {
        forget(&machine, &[&format!("run/udev/data/{record}")]);
        let said = machine.check("boot.images");
        assert_eq!(said["status"], "could_not_run", "{said:#}");
        says(&said, "not_run", "/dev/sdb: firmware", "ask again as root");
        assert_eq!(machine.check("grub.files")["status"], "could_not_run");
    }
}

/// Who makes a partition chooses its GUID.
#[test]
fn a_partition_with_the_guid_of_the_mounted_one_is_looked_at() {
    let machine = Machine::new();
    machine.link("../../vda1", &format!("dev/disk/by-partuuid/{PARTITION}"));
    let file_system = planted(&machine);
    unmounted(&machine, tempfile::tempdir().unwrap().path());
    machine.write("dev/sdb1", &file_system);
    says(
        &machine.check("boot.images"),
        "findings",
        "/dev/sdb1:/EFI/old/grubx64.efi",
        "",
    );
}

/// Without udev as well, a boot option leads to the partition whose GUID it names, and not to a file of that path on a mounted one.
#[test]
fn the_guid_of_the_mounted_partition_is_that_of_the_table() {
    let machine = Machine::new();
    let mounted = disk(&gpt().replace(PARTITION, LINUX), &vec![0; PLACE.len()]);
    list(&machine, "pci/vda", "8:0", LENGTH);
    machine.write("dev/vda", &mounted);
    list_partition(&machine, "pci/vda/vda1", "8:1", &mounted, PLACE);
    machine.write("stage/EFI/BOOT/BOOTX64.EFI", minimal_image());
    let file_system = image("16", 16 * 1024, &machine.path("stage"));
    plug_in(&machine, &disk(&gpt(), &file_system));
    let leads_to = |guid: &str, subject: &str| {
        let guid: Guid = guid.parse().unwrap();
        let node = [&[4, 1, 42, 0][..], &[0; 20], guid.as_bytes(), &[2, 2]].concat();
        let option = load_option_on(&node, "x", "\\EFI\\BOOT\\BOOTX64.EFI", "");
        machine.set_variable("Boot0009", GLOBAL, 7, &option);
        machine.set_variable("BootOrder", GLOBAL, 7, &[9, 0]);
        let said = machine.check("boot.entries");
        let list = if subject.starts_with("/dev") {
            "findings"
        } else {
            "evidence"
        };
        says(&said, list, &format!("{subject}/EFI/BOOT/BOOTX64.EFI (Boot0009"), "");
    };
    leads_to(PARTITION, "/dev/sdb1:");
    leads_to(LINUX, "/efi");
}

/// Names say nothing: the kernel tells which device is part of which, and which are its own.
#[test]
fn disks_that_firmware_sees_are_looked_at_and_no_others() {
    let machine = Machine::new();
    let clean = machine.check("boot.images");
    let file_system = planted(&machine);
    let sound = disk(&gpt(), &file_system);
    // None of them can be opened, and nothing is said of it.
    for (place, number) in [
        ("virtual/block/loop0", "7:0"),
        ("virtual/block/dm-0", "254:0"),
        ("virtual/block/md0", "9:0"),
        ("virtual/block/zram0", "253:0"),
        ("pci/nvme0c0n1", "259:9"),
    ] {
        list(&machine, place, number, LENGTH);
    }
    list_partition(&machine, "virtual/block/loop0/loop0p1", "259:8", &sound, PLACE);
    machine.write("run/udev/data/b259:8", "E:ID_PART_ENTRY_TYPE=0xef\n");
    machine.write("sys/devices/virtual/block/md0/md/metadata_version", "1.2\n");
    machine.write("sys/devices/pci/nvme0c0n1/hidden", "1\n");
    // A reader without a card, and a drive without a floppy disk.
    list(&machine, "pci/sdc", "8:32", 0);
    list(&machine, "platform/fd0", "2:0", 4096);
    machine.write("dev/fd0", [0; 4096]);
    assert_eq!(machine.check("boot.images"), clean);

    for (place, name, number, partition) in [
        (
            "virtual/nvme-subsystem/nvme-subsys0/nvme0n1",
            "nvme0n1",
            "259:0",
            "nvme0n1p1",
        ),
        ("platform/mmcblk0", "mmcblk0", "179:0", "mmcblk0p1"),
        // Not a partition, although it lies where those do.
        (
            "platform/mmcblk0/mmcblk0boot0",
            "mmcblk0boot0",
            "179:8",
            "mmcblk0boot0p1",
        ),
        ("virtual/block/md126", "md126", "9:126", "md126p1"),
    ] {
        list(&machine, place, number, LENGTH);
        machine.write(
            "sys/devices/virtual/block/md126/md/metadata_version",
            "external:/md127/0\n",
        );
        machine.write(&format!("dev/{name}"), &sound);
        list_partition(&machine, &format!("{place}/{partition}"), "259:1", &sound, PLACE);
        let said = machine.check("boot.images");
        says(&said, "findings", &format!("/dev/{partition}:/EFI/old/grubx64.efi"), "");
        // Mounted, it is looked at where that is.
        let mounts =
            "30 22 8:1 / /efi rw - vfat /dev/vda1 rw\n31 22 259:1 / /media rw - vfat /dev/disk/by-label/X rw\n";
        machine.write("proc/self/mountinfo", mounts);
        machine.directory("media");
        assert_eq!(machine.check("boot.images")["status"], "pass", "{name}");
        machine.partition();
        forget(&machine, &[&format!("dev/{name}"), &format!("sys/class/block/{name}")]);
        forget(
            &machine,
            &[&format!("sys/class/block/{partition}"), "sys/dev/block/259:1"],
        );
        assert_eq!(machine.check("boot.images"), clean, "{name}");
    }
}
