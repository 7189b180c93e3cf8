//! A recorded machine: the event log of OVMF with swtpm, and the registers that it replays to.

use std::fs;
use std::path::Path;

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticode::Image;

use super::{Machine, says};
use crate::support::judges::uefi_shell;
use crate::support::programs::{EFI_STUB, host_file};
use crate::support::{refuse, succeed, tool};

const LOG: &str = "sys/kernel/security/tpm0/binary_bios_measurements";

fn recorded() -> Machine {
    let machine = Machine::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/tpm");
    machine.write(LOG, fs::read(data.join("ovmf-swtpm-eventlog.bin")).unwrap());
    let pcrs = fs::read_to_string(data.join("ovmf-swtpm-pcrs.yaml")).unwrap();
    let bank = pcrs.lines().skip_while(|line| line.trim() != "sha256:").skip(1);
    for line in bank.take_while(|line| line.contains(": 0x")) {
        let (number, value) = line.split_once(": 0x").unwrap();
        let name = format!("sys/class/tpm/tpm0/pcr-sha256/{}", number.trim());
        machine.write(&name, format!("{}\n", value.trim().to_uppercase()).as_bytes());
    }
    machine
}

#[test]
fn the_log_is_replayed_against_the_registers() {
    let machine = recorded();
    let said = succeed(&mut machine.bootseal(["audit", "--only", "measured.log", "-v"]));
    assert!(said.contains("PCR 7: "), "{said}");
    machine.write("sys/class/tpm/tpm0/pcr-sha256/4", "00".repeat(32).as_bytes());
    let said = refuse(&mut machine.bootseal(["audit", "--only", "measured.log"]));
    assert!(
        said.contains("PCR 4 holds 0000") && said.contains("The chain does not hold"),
        "{said}"
    );
}

#[test]
fn variables_of_another_start_are_found_and_a_cut_log_is_no_pass() {
    let machine = recorded();
    let said = refuse(&mut machine.bootseal(["audit", "--only", "measured.variables"]));
    assert!(said.contains("PK has "), "{said}");
    let log = fs::read(machine.path(LOG)).unwrap();
    machine.write(LOG, &log[..log.len() / 2]);
    let output = machine.bootseal(["audit", "--only", "measured"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

/// Authenticode SHA-256 of a file of the machine.
fn authenticode(machine: &Machine, name: &str) -> Vec<u8> {
    let file = fs::read(machine.path(name)).unwrap();
    let digest = Image::parse(&file).unwrap().unpadded_digest(HashAlgorithm::Sha256);
    digest.as_bytes().to_vec()
}

/// The recorded log up to where the first loader is, and then these: PCR, type, digest, device path.
fn started(events: &[(u32, u32, &[u8], Vec<u8>)]) -> Vec<u8> {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/data/tpm/ovmf-swtpm-eventlog.bin");
    let mut log = fs::read(recorded).unwrap();
    // EV_EFI_BOOT_SERVICES_APPLICATION in PCR 4.
    let first = [4, 0, 0, 0, 3, 0, 0, 0x80];
    let end = log.windows(8).position(|window| window == first).unwrap();
    log.truncate(end);
    for (pcr, kind, digest, path) in events {
        for field in [*pcr, *kind, 1] {
            log.extend(field.to_le_bytes());
        }
        log.extend([0x0b, 0]);
        log.extend(*digest);
        log.extend(u32::try_from(path.len() + 32).unwrap().to_le_bytes());
        log.extend([0; 24]);
        log.extend((path.len() as u64).to_le_bytes());
        log.extend(path);
    }
    log
}

/// A node of a file, and the end.
fn file_path(name: &str) -> Vec<u8> {
    let units: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let size = u16::try_from(units.len() + 4).unwrap().to_le_bytes();
    [&[4, 4, size[0], size[1]], units.as_slice(), &[0x7f, 0xff, 4, 0]].concat()
}

const APPLICATION: u32 = 0x8000_0003;
const DRIVER: u32 = 0x8000_0004;

#[test]
fn what_was_started_is_found_on_the_disk_by_its_hash() {
    let machine = Machine::new();
    machine.write("boot/vmlinuz", uefi_shell());
    let loader = "efi/EFI/BOOT/BOOTX64.EFI";
    let digest = authenticode(&machine, loader);
    let start = |digest: &[u8]| {
        let path = file_path("\\EFI\\BOOT\\BOOTX64.EFI");
        machine.write(LOG, started(&[(4, APPLICATION, digest, path)]));
        machine.check("measured.loaders")
    };
    let said = start(&digest);
    assert_eq!(said["status"], "pass", "{said:#}");
    says(
        &said,
        "evidence",
        "\\EFI\\BOOT\\BOOTX64.EFI: /efi/EFI/BOOT/BOOTX64.EFI (",
        "",
    );
    let said = start(&[7; 32]);
    assert_eq!(said["status"], "fail", "{said:#}");
    assert_eq!(said["findings"][0]["subject"], "\\EFI\\BOOT\\BOOTX64.EFI");
    says(&said, "findings", "\\EFI\\BOOT", &"07".repeat(32));
    // Another file with the hash is the file; none at all is an unknown image.
    machine.write("efi/elsewhere", fs::read(machine.path(loader)).unwrap());
    fs::remove_file(machine.path(loader)).unwrap();
    says(
        &start(&digest),
        "evidence",
        "\\EFI\\BOOT\\BOOTX64.EFI: /efi/elsewhere (",
        "",
    );
    fs::remove_file(machine.path("efi/elsewhere")).unwrap();
    assert_eq!(start(&digest)["status"], "fail");
    // GRUB hands over a kernel from memory, with a path that says no more than that, as this one of GRUB 2.14 in OVMF.
    let kernel = authenticode(&machine, "boot/vmlinuz");
    let memory = hex::decode("01031800020000000050193c00000000c8b7d13c000000007fff0400").unwrap();
    machine.write(LOG, started(&[(4, APPLICATION, &kernel, memory.clone())]));
    says(&machine.check("measured.loaders"), "evidence", "", ": /boot/vmlinuz (");
    for path in [memory.clone(), vec![9; 20]] {
        machine.write(LOG, started(&[(4, APPLICATION, &[8; 32], path)]));
        says(&machine.check("measured.loaders"), "findings", &"08".repeat(32), "");
    }
    // The firmware's own menu.
    let volume = [&memory[..24], &[4, 6, 20, 0], &[5; 16], &memory[24..]].concat();
    machine.write(LOG, started(&[(4, APPLICATION, &[8; 32], volume)]));
    says(
        &machine.check("measured.loaders"),
        "evidence",
        "",
        "part of the firmware",
    );
    machine.write(LOG, started(&[]));
    assert_eq!(machine.check("measured.loaders")["status"], "could_not_run");
    machine.write("proc/self/mountinfo", b"");
    let said = start(&digest);
    says(&said, "not_run", "no EFI system partition is mounted", "");
}

#[test]
fn option_roms_are_named_with_who_let_them_in() {
    let machine = Machine::new();
    let card = [
        2, 1, 12, 0, 0xd0, 0x41, 3, 0x0a, 0, 0, 0, 0, 1, 1, 6, 0, 0, 3, 0x7f, 0xff, 4, 0,
    ];
    machine.write(LOG, started(&[]));
    let said = machine.check("measured.option_roms");
    assert_eq!(said["status"], "pass");
    machine.write(LOG, started(&[(2, DRIVER, &[7; 32], card.to_vec())]));
    let said = machine.check("measured.option_roms");
    assert_eq!(said["status"], "warn", "{said:#}");
    assert_eq!(said["findings"][0]["subject"], "PciRoot(0x0)/Pci(0x3,0x0)");
    // Whom the recorded machine trusted is not whom this one does.
    let text = "Option ROMs were let in by \"e2e db\"; no entry of db is known to let it in";
    says(&said, "findings", "PciRoot(0x0)/Pci(0x3,0x0), SHA-256 0707", text);
    let hash = |name: &str| {
        let mut list = hex::decode("2616c4c14c509240aca941f936934328").unwrap();
        for field in [28 + 48_u32, 0, 48] {
            list.extend(field.to_le_bytes());
        }
        list.extend([0; 16]);
        list.extend([7; 32]);
        machine.set_variable(name, super::DATABASE, 0x27, &list);
        machine.check("measured.option_roms")
    };
    says(&hash("db"), "evidence", "PciRoot", "db lists its hash");
    says(&hash("dbx"), "findings", "PciRoot", "dbx forbids its hash");
}

/// A unified image whose kernel says that it is this version.
pub fn unified(machine: &Machine, name: &str, release: &str) {
    let mut kernel = vec![0; 0x400];
    kernel[0x202..0x206].copy_from_slice(b"HdrS");
    kernel[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
    kernel[0x300..0x300 + release.len()].copy_from_slice(release.as_bytes());
    machine.write("linux", &kernel);
    fs::create_dir_all(machine.path(name).parent().unwrap()).unwrap();
    machine.write("osrel", "ID=gentoo\nNAME=Gentoo\n");
    let mut objcopy = tool("objcopy");
    for (name, place) in [("osrel", "0x1000000"), ("linux", "0x2000000")] {
        let section = format!(".{name}={}", machine.path(name).display());
        objcopy.args([
            "--add-section",
            &section,
            "--change-section-vma",
            &format!(".{name}={place}"),
        ]);
    }
    succeed(objcopy.arg(host_file(EFI_STUB)).arg(machine.path(name)));
    machine.run(["sign", "efi"], &[name]);
}

#[test]
fn the_running_kernel_is_the_one_that_was_started() {
    let machine = Machine::new();
    let name = "efi/EFI/Linux/gentoo.efi";
    unified(&machine, name, super::KERNEL);
    let start = |digest: &[u8]| {
        let path = file_path("\\EFI\\Linux\\gentoo.efi");
        machine.write(LOG, started(&[(4, APPLICATION, digest, path)]));
        machine.check("kernel.image")
    };
    let said = start(&authenticode(&machine, name));
    assert_eq!(said["status"], "pass", "{said:#}");
    says(
        &said,
        "evidence",
        "/efi/EFI/Linux/gentoo.efi was started",
        "which is in db",
    );
    // Replaced by one of another version: another runs than was started.
    unified(&machine, name, "6.1.0-other");
    let said = start(&authenticode(&machine, name));
    assert_eq!(said["status"], "fail");
    says(
        &said,
        "findings",
        "/efi/EFI/Linux/gentoo.efi is 6.1.0-other, and 6.12.58-gentoo runs",
        "kexec",
    );
    // Signed by nobody whom db knows any more.
    unified(&machine, name, super::KERNEL);
    let digest = authenticode(&machine, name);
    machine.set_variable("db", super::DATABASE, 0x27, &[]);
    let said = start(&digest);
    assert_eq!(said["status"], "fail");
    says(
        &said,
        "findings",
        "/efi/EFI/Linux/gentoo.efi runs, and would not start again",
        "",
    );
    // Something else was started; and a log that names no kernel is no pass.
    says(
        &start(&[7; 32]),
        "findings",
        "no kernel that was started lies on the disk",
        &"07".repeat(32),
    );
    assert_eq!(
        start(&authenticode(&machine, "efi/EFI/BOOT/BOOTX64.EFI"))["status"],
        "could_not_run"
    );
    fs::remove_file(machine.path(LOG)).unwrap();
    assert_eq!(machine.check("kernel.image")["status"], "could_not_run");
}

#[test]
fn a_malformed_log_is_no_pass() {
    let machine = Machine::new();
    let digest = authenticode(&machine, "efi/EFI/BOOT/BOOTX64.EFI");
    let good = started(&[(4, APPLICATION, &digest, file_path("\\x.efi"))]);
    let statuses = || {
        let ids = [
            "measured.log",
            "measured.loaders",
            "measured.option_roms",
            "kernel.image",
        ];
        ids.map(|id| machine.check(id)["status"].as_str().unwrap().to_owned())
    };
    for bad in [
        vec![],
        b"no log".to_vec(),
        good[..good.len() - 1].to_vec(),
        [good.as_slice(), &[0xff; 16]].concat(),
    ] {
        machine.write(LOG, &bad);
        assert_eq!(statuses(), ["could_not_run"; 4], "{} bytes", bad.len());
    }
    // A device path that says it is longer than the event: the image is told by its hash alone.
    let mut long = good.clone();
    let length = good.len() - file_path("\\x.efi").len() - 8;
    long[length + 4] = 1;
    machine.write(LOG, &long);
    let said = machine.check("measured.loaders");
    assert_eq!(said["status"], "pass", "{said:#}");
    says(&said, "evidence", &hex::encode(&digest), "BOOTX64.EFI");
}
