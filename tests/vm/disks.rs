//! Tables of partitions as OVMF reads them: what it starts is on what bootseal finds, and what boot options lead to is what they name.

use std::fs;
use std::path::{Path, PathBuf};

use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::formats::firmware::device_path::DevicePath;
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::partition_table::PartitionTables;
use bootseal::formats::firmware::variable_image::{ImageVariable, VariableImage};

use super::bootseal::Bootseal;
use super::machine::{Firmware, Machine, Serial};
use super::packages;
use crate::golden::fat::image;
use crate::golden::partition_table::{partitioned, put_boot_image};

/// The length of a disk, in bytes, and of its file system.
const LENGTH: u64 = 20 << 20;
const FILE_SYSTEM: u64 = 16 << 20;
/// The place of the file system, in bytes.
const PLACE: u64 = 1 << 20;
/// GUID and signature of a disk.
const GUID: &str = "b0075ea1-0000-4000-8000-0000000000";
const DISK: u32 = 0xb007_5e00;
/// The file that boot options lead to.
const FILE: &str = "\\EFI\\named.efi";

/// A disk: its table, how it is changed then, and the number of its partition in boot options; true if it has a GUID there.
struct Case {
    what: &'static str,
    table: &'static str,
    change: fn(&mut Vec<u8>),
    node: Option<Node>,
    starts: bool,
}

/// The partition in a boot option.
enum Node {
    /// This number, with the partition's GUID.
    Gpt(u32),
    /// This number, with the disk's signature.
    Mbr(u32),
    /// This number, with the signature 0.
    Logical(u32),
}

fn same(_: &mut Vec<u8>) {}

const fn case(what: &'static str, table: &'static str, node: Node) -> Case {
    Case {
        what,
        table,
        change: same,
        node: Some(node),
        starts: true,
    }
}

fn cases() -> Vec<Case> {
    let esp = "label: gpt\nsize=16MiB, start=2048, type=U, uuid=GUID\n";
    let old = "label: dos\nlabel-id: DISK\nsize=16MiB, start=2048, type=ef\n";
    vec![
        case("a GUID partition table", esp, Node::Gpt(1)),
        case(
            "data of Windows",
            "label: gpt\nsize=16MiB, start=2048, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, uuid=GUID\n",
            Node::Gpt(1),
        ),
        case(
            "Linux, the third",
            "label: gpt\n3: size=16MiB, start=2048, type=L, uuid=GUID\n",
            Node::Gpt(3),
        ),
        Case {
            change: |disk| disk[512..1024].fill(0),
            ..case("the second table alone", esp, Node::Gpt(1))
        },
        Case {
            change: |disk| {
                // The fourth record is a FAT file system at another place.
                disk[446 + 48 + 4..][..1].fill(0x0c);
                disk[446 + 48 + 8..][..8].copy_from_slice(&[0, 0, 1, 0, 0, 1, 0, 0]);
            },
            ..case("a hybrid", esp, Node::Gpt(1))
        },
        Case {
            change: |disk| {
                let end = disk.len();
                disk[512..1024].fill(0);
                disk[end - 512..].fill(0);
            },
            starts: false,
            ..case("no table of both", esp, Node::Gpt(1))
        },
        case("a master boot record", old, Node::Mbr(1)),
        case(
            "FAT of an older kind",
            "label: dos\nlabel-id: DISK\n3: size=16MiB, start=2048, type=c\n",
            Node::Mbr(3),
        ),
        case(
            "a logical one",
            "label: dos\nlabel-id: DISK\nstart=1000, size=39000, type=5\nsize=16MiB, start=2048, type=ef\n",
            Node::Logical(1),
        ),
        Case {
            change: |disk| disk[510] = 0,
            starts: false,
            ..case("a record without its mark", old, Node::Mbr(1))
        },
        Case {
            change: |disk| {
                let place = usize::try_from(PLACE).expect("a size");
                disk.drain(..place);
                disk.resize(place + disk.len(), 0);
            },
            node: None,
            ..case("no table", old, Node::Mbr(1))
        },
        Case {
            change: |disk| {
                disk[..512].fill(0);
                put_boot_image(disk, usize::try_from(PLACE).expect("a size"));
            },
            node: None,
            ..case("a disc", old, Node::Mbr(1))
        },
    ]
}

/// Makes the disk of this number.
fn make(directory: &Path, number: usize, case: &Case, file_system: &[u8]) -> PathBuf {
    let path = directory.join(format!("disk{number}"));
    let guid = format!("{GUID}{number:02}");
    let signature = format!("{:#x}", DISK + u32::try_from(number).expect("a number"));
    partitioned(
        &path,
        LENGTH,
        &case.table.replace("GUID", &guid).replace("DISK", &signature),
    );
    let mut disk = fs::read(&path).expect("a disk");
    let place = usize::try_from(PLACE).expect("a size");
    disk[place..place + file_system.len()].copy_from_slice(file_system);
    (case.change)(&mut disk);
    fs::write(&path, disk).expect("written");
    path
}

/// The device path of the boot option that leads to its file.
fn device_path(number: usize, node: &Node) -> Vec<u8> {
    let (partition, signature, kind) = match node {
        Node::Gpt(partition) => {
            let guid: Guid = format!("{GUID}{number:02}").parse().expect("a GUID");
            (partition, guid.as_bytes().to_vec(), [2, 2])
        }
        Node::Mbr(partition) => {
            let signature = DISK + u32::try_from(number).expect("a number");
            (partition, signature.to_le_bytes().to_vec(), [1, 1])
        }
        Node::Logical(partition) => (partition, vec![0; 16], [1, 1]),
    };
    let mut path = [&[4, 1, 42, 0][..], &partition.to_le_bytes(), &[0; 16], &signature].concat();
    path.resize(40, 0);
    path.extend(kind);
    let name: Vec<u8> = FILE.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    path.extend([4, 4]);
    path.extend(u16::try_from(name.len() + 4).expect("a length").to_le_bytes());
    path.extend(name);
    path.extend([0x7f, 0xff, 4, 0]);
    path
}

/// Has the firmware try a boot option for each disk.
fn put_options(machine: &Machine, cases: &[Case]) {
    let path = machine.variables();
    let mut variables = VariableImage::parse(fs::read(path).expect("variables")).expect("variables");
    let mut put = |name: &str, data: Vec<u8>| {
        variables.set(ImageVariable::new(name, Guid::GLOBAL, 7, data));
    };
    let mut order = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let Some(node) = &case.node else { continue };
        let path = device_path(number, node);
        let mut option = 1_u32.to_le_bytes().to_vec();
        option.extend(u16::try_from(path.len()).expect("a length").to_le_bytes());
        option.extend(described(number).encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        option.extend(path);
        put(&format!("Boot{:04X}", 0x100 + number), option);
        order.extend(u16::try_from(0x100 + number).expect("a number").to_le_bytes());
    }
    put("BootOrder", order);
    fs::write(path, variables.to_bytes().expect("there is room")).expect("written");
}

fn described(number: usize) -> String {
    format!("named {number:02}")
}

fn has_started(log: &Serial, option: &str) -> bool {
    let started = log.after("BdsDxe: starting Boot");
    started.iter().any(|line| line.contains(option))
}

/// An application that returns `EFI_NOT_FOUND` at once, so that the firmware goes on: `mov rax, STATUS; ret`.
fn program_that_gives_up() -> Vec<u8> {
    const SECTION: usize = 64 + 24 + 240;
    const CODE: usize = 0x200;
    let mut file = minimal_image();
    let status = 0x8000_0000_0000_000e_u64.to_le_bytes();
    let code = [&[0x48, 0xb8][..], &status, &[0xc3]].concat();
    // VirtualSize: firmware loads no more.
    file[SECTION + 8] = u8::try_from(code.len()).expect("a size");
    file[CODE..CODE + code.len()].copy_from_slice(&code);
    file
}

#[test]
fn firmware_finds_the_partitions_that_are_found_here() {
    packages::require_all();
    let work = tempfile::tempdir().expect("a temporary folder");
    let ours = Bootseal::ceremony(&work.path().join("keys"));
    let cases = cases();
    let program = work.path().join("program.efi");
    fs::write(&program, program_that_gives_up()).expect("written");
    ours.sign_efi(&program);
    let tree = work.path().join("tree");
    fs::create_dir_all(tree.join("EFI/BOOT")).expect("a folder");
    for file in ["EFI/BOOT/BOOTX64.EFI", "EFI/named.efi"] {
        fs::copy(&program, tree.join(file)).expect("written");
    }
    let file_system = image("16", u32::try_from(FILE_SYSTEM / 1024).expect("a size"), &tree);
    let disks: Vec<PathBuf> = (0..)
        .zip(&cases)
        .map(|(number, case)| make(work.path(), number, case, &file_system))
        .collect();
    for firmware in [Firmware::debian_12(), Firmware::newest()] {
        let machine = Machine::with_firmware(firmware);
        ours.enroll_image(machine.variables());
        put_options(&machine, &cases);
        let log = machine.with_disks(disks[1..].to_vec()).boot_disk(&disks[0]);
        compare(&log, &cases, &disks, &file_system);
    }
}

/// Compares what was started with what is found.
fn compare(log: &Serial, cases: &[Case], disks: &[PathBuf], file_system: &[u8]) {
    let started = log.after("BdsDxe: starting Boot");
    let mut differences = Vec::new();
    for (number, (case, disk)) in cases.iter().zip(disks).enumerate() {
        let disk = fs::read(disk).expect("a disk");
        let tables = PartitionTables::read(&disk, 512, disk.len() as u64);
        let here = || tables.partitions.iter().filter(|partition| partition.start == PLACE);
        let found = here().next().is_some() || tables.is_bare && disk.starts_with(&file_system[..512]);
        // The disks are in the slots from the third on.
        let slot = format!("Pci({:#X},0x0)", number + 2).replace("0X", "0x");
        let falls_back = started.iter().any(|line| line.ends_with(&slot));
        if (found, falls_back) != (case.starts, case.starts) {
            differences.push(format!(
                "{}: found {found}, and falls back to it {falls_back}",
                case.what
            ));
        }
        if let Some(node) = &case.node {
            let named = DevicePath::new(&device_path(number, node))
                .partition()
                .expect("a partition");
            let is_named = here().any(|partition| partition.is_named_by(&named));
            let is_started = has_started(log, &described(number));
            if (is_named, is_started) != (case.starts, case.starts) {
                differences.push(format!("{}: named {is_named}, and started {is_started}", case.what));
            }
        }
    }
    assert!(differences.is_empty(), "{}\n{}", differences.join("\n"), log.tail());
}
