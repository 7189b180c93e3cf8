//! Partitions of other types that boot options name or that have the fallback loader, boot images of discs, disks without a table, and file
//! systems that others hide.

use std::fs;
use std::ops::Range;

use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::formats::firmware::guid::Guid;
use serde_json::Value;

use super::beside::{PARTITION, load_option_on, unmounted};
use super::disks::{LENGTH, PLACE, answers, disk, forget, gpt, list, list_partition, planted, planted_grub, plug_in};
use super::{GLOBAL, Machine, says};
use crate::golden::fat::image;
use crate::golden::partition_table::put_boot_image;

/// The type of a partition with data of Windows.
const BASIC_DATA: &str = "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7";
/// The signature of a disk.
const DISK: u32 = 0x1122_3344;
/// A GRUB that db lets in, as the disk is shown.
const OPEN: &str = "/dev/sdb1:/EFI/old/grubx64.efi";

/// A hard drive node with this signature, and what it is.
fn node(number: u32, signature: &[u8], kind: [u8; 2]) -> Vec<u8> {
    let mut node = [&[4, 1, 42, 0][..], &number.to_le_bytes(), &[0; 16], signature].concat();
    node.resize(40, 0);
    node.extend(kind);
    node
}

fn on_gpt(guid: &str) -> Vec<u8> {
    let guid: Guid = guid.parse().unwrap();
    node(1, guid.as_bytes(), [2, 2])
}

fn on_mbr(number: u32, disk: u32) -> Vec<u8> {
    node(number, &disk.to_le_bytes(), [1, 1])
}

/// Has an option lead there.
fn option(machine: &Machine, name: &str, partition: &[u8], file: &str) {
    machine.set_variable(name, GLOBAL, 7, &load_option_on(partition, "x", file, ""));
}

fn remove(machine: &Machine, name: &str) {
    forget(machine, &[&format!("sys/firmware/efi/efivars/{name}-{GLOBAL}")]);
}

fn is_told(machine: &Machine) {
    says(&machine.check("boot.images"), "findings", OPEN, "");
}

#[test]
fn partitions_of_any_type_that_options_name_are_looked_at() {
    let machine = Machine::new();
    let clean = answers(&machine);
    let file_system = planted(&machine);
    let file = "\\EFI\\old\\grubx64.efi";
    let basic = gpt().replace("type=U", &format!("type={BASIC_DATA}"));
    let old = "label: dos\nlabel-id: 0x11223344\n";
    let logical = format!("{old}start=1000, size=40000, type=5\nstart=2048, size=16MiB, type=c\n");
    for (table, partition) in [
        (basic.clone(), on_gpt(PARTITION)),
        (format!("{old}start=2048, size=16MiB, type=c\n"), on_mbr(1, DISK)),
        // EDK2 counts those that are there.
        (format!("{old}3: start=2048, size=16MiB, type=7\n"), on_mbr(1, DISK)),
        (format!("{old}3: start=2048, size=16MiB, type=7\n"), on_mbr(3, DISK)),
        (logical.clone(), on_mbr(1, 0)),
        (logical, on_mbr(5, DISK)),
    ] {
        plug_in(&machine, &disk(&table, &file_system));
        assert_eq!(answers(&machine), clean, "{table}");
        for name in ["Boot0009", "SysPrep0001", "Driver0001"] {
            option(&machine, name, &partition, "\\EFI\\none.efi");
            is_told(&machine);
            remove(&machine, name);
        }
        option(&machine, "SysPrep0001", &partition, file);
        says(&machine.check("boot.early"), "findings", "SysPrep0001", "db lets it in");
        remove(&machine, "SysPrep0001");
        option(&machine, "Boot0009", &on_mbr(1, DISK + 1), file);
        option(&machine, "Boot000A", &on_gpt(BASIC_DATA), file);
        assert_eq!(machine.check("boot.images"), clean[0], "{table}");
        for name in ["Boot0009", "Boot000A"] {
            remove(&machine, name);
        }
    }
    // A file alone is looked for everywhere.
    plug_in(&machine, &disk(&basic, &file_system));
    option(&machine, "Boot0009", &[], "\\EFI\\none.efi");
    assert_eq!(machine.check("boot.images"), clean[0]);
    option(&machine, "Boot0009", &[], file);
    is_told(&machine);
    machine.set_variable("BootOrder", GLOBAL, 7, &[9, 0]);
    says(
        &machine.check("boot.entries"),
        "evidence",
        &format!("{OPEN} (Boot0009"),
        "",
    );
    // Mounted where no loaders are meant to be, it is looked at as well.
    let mounts = "30 22 8:1 / /efi rw - vfat /dev/vda1 rw\n31 22 8:17 / /media rw - vfat /dev/sdb1 rw\n";
    machine.write("proc/self/mountinfo", mounts);
    machine.write("media/x.efi", minimal_image());
    option(&machine, "SysPrep0001", &on_gpt(PARTITION), "\\x.efi");
    says(
        &machine.check("boot.early"),
        "evidence",
        "SysPrep0001",
        "the firmware refuses it",
    );
}

#[test]
fn an_option_whose_partition_is_missing_or_no_fat_is_no_evidence() {
    let machine = Machine::new();
    let table = gpt().replace("type=U", &format!("type={BASIC_DATA}"));
    plug_in(&machine, &disk(&table, &vec![0; PLACE.len()]));
    option(&machine, "Boot0009", &on_gpt(PARTITION), "\\x.efi");
    machine.set_variable("BootOrder", GLOBAL, 7, &[9, 0]);
    for id in ["boot.images", "boot.entries"] {
        let said = machine.check(id);
        assert_eq!(said["status"], "could_not_run", "{said:#}");
        assert!(said["not_run"].to_string().contains("Boot0009"), "{said:#}");
        assert!(said["not_run"].to_string().contains("holds no FAT"), "{said:#}");
    }
    let linux = "0fc63daf-8483-4772-8e79-3d69d8477de4";
    machine.link("../../vda1", &format!("dev/disk/by-partuuid/{linux}"));
    for id in ["Boot0009", "SysPrep0001"] {
        option(&machine, id, &on_gpt(BASIC_DATA), "\\x.efi");
    }
    let has = |said: &Value, words: &str| assert!(said.to_string().contains(words), "{words}: {said:#}");
    has(
        &machine.check("boot.entries")["evidence"],
        "the partition that it names is on no disk",
    );
    let said = machine.check("boot.early");
    assert_eq!(said["status"], "pass", "{said:#}");
    has(&said["evidence"], "the partition that it names is on no disk");
}

/// An option may lead to a partition alone: the firmware starts the loader of removable media there.
#[test]
fn an_option_without_a_file_leads_to_the_fallback_loader() {
    let machine = Machine::new();
    machine.write("stage/EFI/BOOT/BOOTX64.EFI", minimal_image());
    let file_system = image("16", 16 * 1024, &machine.path("stage"));
    let table = gpt().replace("type=U", &format!("type={BASIC_DATA}"));
    plug_in(&machine, &disk(&table, &file_system));
    let path = [on_gpt(PARTITION), vec![0x7f, 0xff, 4, 0]].concat();
    let option = [&[1, 0, 0, 0][..], &[46, 0], b"x\0\0\0", &path].concat();
    machine.set_variable("Boot0009", GLOBAL, 7, &option);
    machine.set_variable("BootOrder", GLOBAL, 7, &[9, 0]);
    let said = machine.check("boot.entries");
    says(
        &said,
        "findings",
        "/dev/sdb1:/EFI/BOOT/BOOTX64.EFI (Boot0009",
        "would not start",
    );
}

/// Firmware falls back to it on each file system of a disk, whatever the type of the partition: OVMF does (`vm::disks`).
#[test]
fn partitions_of_any_type_with_the_fallback_loader_are_looked_at() {
    let machine = Machine::new();
    let clean = answers(&machine);
    machine.directory("stage/efi/Boot");
    let open = machine.path("stage/efi/Boot/bootx64.efi");
    planted_grub(&machine, &open);
    let file_system = image("16", 16 * 1024, &machine.path("stage"));
    let told = |place: &str| {
        let subject = format!("{place}:/efi/Boot/bootx64.efi");
        says(&machine.check("boot.images"), "findings", &subject, "");
    };
    let old = "label: dos\nlabel-id: 0x11223344\n";
    for table in [
        gpt().replace("type=U", &format!("type={BASIC_DATA}")),
        format!("{old}start=2048, size=16MiB, type=83\n"),
        format!("{old}start=1000, size=40000, type=5\nstart=2048, size=16MiB, type=c\n"),
    ] {
        plug_in(&machine, &disk(&table, &file_system));
        told("/dev/sdb1");
    }
    // The same in the boot image of a disc, in a drive and on a stick.
    forget(
        &machine,
        &["sys/class/block/sdb1", "sys/devices/pci/sdb/sdb1", "dev/sdb1"],
    );
    let mut disc = vec![0; usize::try_from(LENGTH).unwrap()];
    disc[PLACE].copy_from_slice(&file_system);
    put_boot_image(&mut disc, PLACE.start);
    machine.write("dev/sdb", &disc);
    told("boot image 1 of /dev/sdb");
    forget(&machine, &["sys/class/block/sdb", "sys/devices/pci/sdb", "dev/sdb"]);
    assert_eq!(answers(&machine), clean);
    list(&machine, "pci/sr0", "11:0", LENGTH);
    machine.write("sys/devices/pci/sr0/queue/logical_block_size", "2048\n");
    machine.write("sys/devices/pci/sr0/device/type", "5\n");
    machine.write("dev/sr0", &disc);
    told("boot image 1 of /dev/sr0");
    // A drive without a disc has a size, and no bytes.
    machine.write("dev/sr0", []);
    assert_eq!(answers(&machine), clean);
}

/// A stick with data is no place to start from, whatever the number of its files.
#[test]
fn partitions_of_other_types_without_loaders_cost_nothing() {
    let machine = Machine::new();
    let clean = answers(&machine);
    machine.write("stage/EFI/old/x.efi", minimal_image());
    machine.write("stage/boot/BOOTX64.EFI", minimal_image());
    let mut file_system = image("16", 16 * 1024, &machine.path("stage"));
    fs::remove_dir_all(machine.path("stage")).unwrap();
    let table = gpt().replace("type=U", &format!("type={BASIC_DATA}"));
    plug_in(&machine, &disk(&table, &file_system));
    assert_eq!(answers(&machine), clean);
    // Without the directory of loaders no other one is read, so that a broken one does not matter.
    machine.write("stage/data/x/y", b"y");
    file_system = image("16", 16 * 1024, &machine.path("stage"));
    let name = file_system.windows(11).position(|name| name == b"DATA       ").unwrap();
    file_system[name + 26..][..2].copy_from_slice(&[0xf0, 0xff]);
    plug_in(&machine, &disk(&table, &file_system));
    assert_eq!(answers(&machine), clean);
    file_system[name..][..3].copy_from_slice(b"EFI");
    file_system[name + 3] = b' ';
    plug_in(&machine, &disk(&table, &file_system));
    let said = machine.check("boot.images");
    says(&said, "not_run", "/dev/sdb1", "the chain of clusters of");
}

#[test]
fn a_disk_that_is_one_file_system_is_looked_at_if_it_has_loaders() {
    let machine = Machine::new();
    let clean = answers(&machine);
    let mut bytes = planted(&machine);
    bytes.resize(usize::try_from(LENGTH).unwrap(), 0);
    list(&machine, "pci/sdb", "8:16", LENGTH);
    machine.write("dev/sdb", &bytes);
    says(
        &machine.check("boot.images"),
        "findings",
        "/dev/sdb:/EFI/old/grubx64.efi",
        "",
    );
    // Mounted, it is looked at there.
    let mounts = "30 22 8:1 / /efi rw - vfat /dev/vda1 rw\n31 22 8:16 / /media rw - vfat /dev/sdb rw\n";
    machine.write("proc/self/mountinfo", mounts);
    machine.directory("media");
    assert_eq!(machine.check("boot.images"), clean[0]);
    machine.partition();
    // With a table it is no file system to the firmware.
    bytes[446 + 4] = 0x83;
    bytes[446 + 8] = 8;
    bytes[446 + 12] = 8;
    machine.write("dev/sdb", &bytes);
    assert_eq!(answers(&machine), clean);
    // A stick with data, and one that is broken behind its first sector.
    machine.write("stage/letter.efi", minimal_image());
    let mut data = image("16", 16 * 1024, &machine.path("stage"));
    fs::remove_dir_all(machine.path("stage")).unwrap();
    machine.write("dev/sdb", &data);
    assert_eq!(answers(&machine), clean);
    data.truncate(4096);
    machine.write("dev/sdb", &data);
    let said = machine.check("boot.images");
    says(&said, "not_run", "/dev/sdb is a disk without a table", "cannot be read");
}

/// Another file system lies at its mount point.
#[test]
fn a_partition_that_another_mount_covers_is_read_directly() {
    let machine = Machine::new();
    let file_system = planted(&machine);
    plug_in(&machine, &disk(&gpt(), &file_system));
    let lower = "30 22 8:17 / /efi rw - vfat /dev/sdb1 rw\n31 30 8:1 / /efi rw - vfat /dev/vda1 rw\n";
    machine.write("proc/self/mountinfo", lower);
    is_told(&machine);
}

/// Who makes a disk may give the mounted partition another GUID in a table that is broken.
#[test]
fn the_guid_of_the_mounted_partition_is_not_that_of_a_broken_table() {
    let machine = Machine::new();
    let mut mounted = disk(&gpt(), &vec![0; PLACE.len()]);
    let own: Guid = PARTITION.parse().unwrap();
    let other: Guid = BASIC_DATA.parse().unwrap();
    // The first entry of the first table, whose checksum is wrong then.
    assert_eq!(mounted[1024 + 16..][..16], own.as_bytes()[..]);
    mounted[1024 + 16..][..16].copy_from_slice(other.as_bytes());
    list(&machine, "pci/vda", "8:0", LENGTH);
    machine.write("dev/vda", &mounted);
    list_partition(&machine, "pci/vda/vda1", "8:1", &mounted, PLACE);
    option(&machine, "Boot0009", &on_gpt(PARTITION), "\\EFI\\BOOT\\BOOTX64.EFI");
    machine.set_variable("BootOrder", GLOBAL, 7, &[9, 0]);
    says(
        &machine.check("boot.entries"),
        "evidence",
        "/efi/EFI/BOOT/BOOTX64.EFI (Boot0009",
        "",
    );
}

/// Gives the file with this short name another one, and says so to the parts of its long name.
fn rename(image: &mut [u8], from: &[u8; 11], to: &[u8; 11]) {
    let sum = to
        .iter()
        .fold(0_u8, |sum, octet| sum.rotate_right(1).wrapping_add(*octet));
    let mut places = (0..image.len()).step_by(32);
    let at = places.find(|at| image[*at..].starts_with(from)).unwrap();
    image[at..at + 11].copy_from_slice(to);
    let part = |at: usize| -> Range<usize> { at - 32..at };
    let mut next = part(at);
    while image[next.start + 11] == 0x0f {
        image[next.start + 13] = sum;
        next = part(next.start);
    }
}

/// Firmware finds a file by either of its names.
#[test]
fn files_beside_loaders_are_found_by_their_short_names() {
    let machine = Machine::new();
    for (path, content) in [
        ("harmless directory/loader.conf", &b"editor yes\n"[..]),
        ("harmless directory/credentials/root.cred", b"x"),
        ("harmless directory/entries/a.conf", b"linux /a\noptions rd.break\n"),
        ("images of mine/Linux/x.efi.extra.d/more.raw", b"x"),
    ] {
        machine.write(&format!("stage/{path}"), content);
    }
    unmounted(&machine, &machine.path("stage"));
    let mut bytes = machine.read("dev/sdb1");
    let untouched = machine.check("boot.beside");
    assert_eq!(untouched["findings"], serde_json::json!([]), "{untouched:#}");
    rename(&mut bytes, b"HARMLE~1   ", b"LOADER     ");
    rename(&mut bytes, b"IMAGES~1   ", b"EFI        ");
    machine.write("dev/sdb1", bytes);
    let said = machine.check("boot.beside");
    for (file, words) in [
        ("harmless directory/loader.conf", "editor yes"),
        ("harmless directory/credentials/root.cred", "systemd-stub"),
        ("images of mine/Linux/x.efi.extra.d/more.raw", "systemd-stub"),
    ] {
        says(&said, "findings", &format!("/dev/sdb1:/{file}"), words);
    }
    says(
        &machine.check("boot.command_lines"),
        "findings",
        "/dev/sdb1:/harmless directory/entries/a.conf: rd.break",
        "",
    );
    forget(&machine, &["stage"]);
}
