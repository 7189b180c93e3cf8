//! Programs that the firmware starts before loaders, and files beside these which nobody verifies.

use std::fs;
use std::path::Path;

use bootseal::formats::firmware::authenticode::minimal_image;

use super::{GLOBAL, KERNEL, Machine, says};
use crate::golden::fat::image;
use crate::support::judges::shim;
use crate::support::kernel::archive;
use crate::support::programs::{EFI_STUB, host_file};
use crate::support::{grub_image, keys, succeed, text, tool};

/// An active load option that leads to a file by its path alone.
fn load_option(description: &str, file: &str, optional_data: &str) -> Vec<u8> {
    load_option_on(&[], description, file, optional_data)
}

/// The same on a partition, by its node of a device path.
pub fn load_option_on(partition: &[u8], description: &str, file: &str, optional_data: &str) -> Vec<u8> {
    let wide = |text: &str| {
        text.encode_utf16()
            .chain([0])
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<u8>>()
    };
    let name = wide(file);
    let mut path = [partition, &[4, 4]].concat();
    path.extend(u16::try_from(name.len() + 4).unwrap().to_le_bytes());
    path.extend(name);
    path.extend([0x7f, 0xff, 4, 0]);
    let mut option = 1_u32.to_le_bytes().to_vec();
    option.extend(u16::try_from(path.len()).unwrap().to_le_bytes());
    option.extend(wide(description));
    option.extend(path);
    if !optional_data.is_empty() {
        option.extend(wide(optional_data));
    }
    option
}

#[test]
fn programs_before_the_loader_are_named() {
    let machine = Machine::new();
    let said = machine.check("boot.early");
    assert_eq!(said["status"], "pass", "{said:#}");
    let loader = "\\EFI\\BOOT\\BOOTX64.EFI";
    machine.set_variable("SysPrep0001", GLOBAL, 7, &load_option("helper", loader, ""));
    machine.convicts("boot.early", "warn", "SysPrep0001");
    // Not active, it is not started; and the firmware's own recovery leads where the fallback loader is.
    let mut inactive = load_option("helper", loader, "");
    inactive[0] = 0;
    machine.set_variable("SysPrep0001", GLOBAL, 7, &inactive);
    machine.set_variable("PlatformRecovery0000", GLOBAL, 7, &load_option("recovery", loader, ""));
    let said = machine.check("boot.early");
    assert_eq!(said["status"], "pass", "{said:#}");
    says(&said, "evidence", "PlatformRecovery0000 ", "signed by");
    machine.set_variable("Driver0000", GLOBAL, 7, &load_option("driver", "\\EFI\\none.efi", ""));
    let said = machine.check("boot.early");
    assert_eq!(said["status"], "could_not_run", "{said:#}");
}

#[test]
fn settings_and_companions_of_loaders_are_named_with_what_reads_them() {
    let machine = Machine::new();
    machine.write("efi/loader/loader.conf", b"timeout 3\neditor no\n");
    machine.write("efi/EFI/Linux/x.efi.extra.d/README", b"");
    let said = machine.check("boot.beside");
    assert_eq!(said["status"], "pass", "{said:#}");
    for (name, content, subject) in [
        (
            "efi/loader/loader.conf",
            b"editor yes\n".as_slice(),
            "/efi/loader/loader.conf",
        ),
        ("efi/loader/loader.conf", b"\teditor t\n", "/efi/loader/loader.conf"),
        (
            "efi/loader/loader.conf",
            b"secure-boot-enroll force\n",
            "/efi/loader/loader.conf",
        ),
        (
            "efi/loader/credentials/root.cred",
            b"x",
            "/efi/loader/credentials/root.cred",
        ),
        (
            "efi/EFI/Linux/x.efi.extra.d/more.raw",
            b"x",
            "/efi/EFI/Linux/x.efi.extra.d/more.raw",
        ),
    ] {
        machine.write(name, content);
        let said = machine.check("boot.beside");
        assert_eq!(said["status"], "warn", "{name}: {said:#}");
        assert_eq!(said["findings"][0]["subject"], subject);
        fs::remove_file(machine.path(name)).unwrap();
    }
}

#[test]
fn command_lines_of_boot_options_and_of_the_next_kernels_count() {
    let machine = Machine::new();
    let option = load_option("Linux", "\\EFI\\BOOT\\BOOTX64.EFI", "root=/dev/vda2 systemd.run=/bin/x");
    machine.set_variable("Boot0009", GLOBAL, 7, &option);
    let said = machine.check("boot.command_lines");
    assert_eq!(said["status"], "fail", "{said:#}");
    says(&said, "findings", "Boot0009 \"Linux\"", "systemd.run=/bin/x");
    machine.set_variable(
        "Boot0009",
        GLOBAL,
        7,
        &load_option("Linux", "\\EFI\\BOOT\\BOOTX64.EFI", "root=/dev/vda2"),
    );
    machine.write("etc/kernel/cmdline", b"# why\nroot=/dev/vda2\nrd.break\n");
    let said = machine.check("boot.command_lines");
    says(&said, "findings", "/etc/kernel/cmdline: rd.break", "dracut reads it");
    machine.write("etc/kernel/cmdline", b"root=/dev/vda2\n");
    assert_eq!(machine.check("boot.command_lines")["status"], "pass");
    // All of the menu is read, and what it leads to in another directory.
    let long = format!(
        "{}configfile $prefix/more/a.cfg\n",
        "# no more than a remark\n".repeat(200_000)
    );
    machine.write("boot/grub/grub.cfg", long.as_bytes());
    machine.write("boot/grub/more/a.cfg", b"menuentry x { linux /vmlinuz kgdboc=ttyS0 }\n");
    let said = machine.check("boot.command_lines");
    says(&said, "findings", "/boot/grub/more/a.cfg:1: kgdboc=ttyS0", "");
}

#[test]
fn modules_behind_a_link_are_looked_at() {
    let machine = Machine::new();
    let signed = fs::read(machine.path(&format!("lib/modules/{KERNEL}/kernel/x.ko"))).unwrap();
    machine.write("opt/modules/y.ko", &signed);
    std::os::unix::fs::symlink("/opt/modules", machine.path(&format!("lib/modules/{KERNEL}/extra"))).unwrap();
    machine.write("opt/source/z.ko", b"no module");
    std::os::unix::fs::symlink("/opt/source", machine.path(&format!("lib/modules/{KERNEL}/source"))).unwrap();
    let said = machine.check("modules.files");
    assert_eq!(said["status"], "pass", "{said:#}");
    says(&said, "evidence", "2 of 2 modules of ", "");
    machine.write("opt/modules/y.ko", &signed[..signed.len() - 40]);
    assert_eq!(machine.check("modules.files")["status"], "fail");
}

#[test]
fn an_efi_partition_that_is_not_mounted_is_no_pass() {
    let machine = Machine::new();
    assert_eq!(machine.check("boot.images")["status"], "pass");
    let record =
        |kind: &str| format!("S:disk/by-label/X\nE:ID_PART_ENTRY_TYPE={kind}\nE:ID_PART_ENTRY_UUID={PARTITION}\n");
    machine.write("run/udev/data/b8:17", record("0fc63daf-8483-4772-8e79-3d69d8477de4"));
    assert_eq!(machine.check("boot.images")["status"], "pass", "a partition of Linux");
    machine.write("run/udev/data/b8:17", record("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"));
    machine.write("sys/dev/block/8:17/uevent", b"MAJOR=8\nMINOR=17\nDEVNAME=sdb1\n");
    let said = machine.check("boot.images");
    assert_eq!(said["status"], "could_not_run", "{said:#}");
    says(&said, "not_run", "/dev/sdb1 (", "is not mounted");
    machine.write("dev/sdb1", vec![0; 4096]);
    let said = machine.check("boot.images");
    assert_eq!(said["status"], "could_not_run", "{said:#}");
    says(&said, "not_run", "/dev/sdb1 (", "it is no FAT file system");
}

/// All that firmware may start from it is judged as if it were mounted.
#[test]
fn an_efi_partition_that_is_not_mounted_is_read() {
    let machine = Machine::new();
    let tree = tempfile::tempdir().unwrap();
    let ours = fs::read(machine.path("efi/EFI/BOOT/BOOTX64.EFI")).unwrap();
    for (path, content) in [
        ("EFI/debian/shimx64.efi", shim()),
        ("EFI/Linux/a kernel that is signed.efi", ours),
        ("EFI/Linux/unsigned.efi", minimal_image()),
        ("EFI/Linux/broken.efi", b"MZ".to_vec()),
        ("notes.txt", b"MZ?".to_vec()),
        ("loader/loader.conf", b"editor yes\n".to_vec()),
        ("loader/credentials/root.cred", b"x".to_vec()),
        ("EFI/Linux/unsigned.efi.extra.d/more.raw", b"x".to_vec()),
        ("EFI/Linux/elsewhere/more.raw", b"x".to_vec()),
    ] {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    unmounted(&machine, tree.path());
    for (kind, kibibytes) in [("12", 2880), ("16", 16 * 1024), ("32", 40 * 1024)] {
        machine.write("dev/sdb1", image(kind, kibibytes, tree.path()));
        let said = machine.check("boot.images");
        assert_eq!(said["status"], "warn", "{said:#}");
        says(&said, "findings", "/dev/sdb1:/EFI/debian/shimx64.efi", "is a shim");
        says(&said, "findings", "/dev/sdb1:/EFI/Linux/broken.efi", "is no image");
        says(
            &said,
            "evidence",
            "/dev/sdb1:/EFI/Linux/a kernel that is signed.efi",
            "signed by",
        );
        says(&said, "evidence", "/dev/sdb1:/EFI/Linux/unsigned.efi: not let in", "");
        assert_eq!(said["not_run"], serde_json::json!([]), "{said:#}");
        let said = machine.check("boot.beside");
        says(&said, "findings", "/dev/sdb1:/loader/loader.conf", "editor yes");
        says(
            &said,
            "findings",
            "/dev/sdb1:/loader/credentials/root.cred",
            "systemd-stub",
        );
        says(
            &said,
            "findings",
            "/dev/sdb1:/EFI/Linux/unsigned.efi.extra.d/more.raw",
            "",
        );
        assert_eq!(said["findings"].as_array().unwrap().len(), 3, "{said:#}");
    }
    // A program before the loader, and a boot option.
    machine.set_variable(
        "SysPrep0001",
        GLOBAL,
        7,
        &load_option("x", "\\efi\\linux\\A KERNEL THAT IS SIGNED.EFI", ""),
    );
    let said = machine.check("boot.early");
    says(&said, "findings", "SysPrep0001", "db lets it in");
    machine.set_variable(
        "Boot0009",
        GLOBAL,
        7,
        &load_option("other", "\\EFI\\LINUX\\UNSIGNED.EFI", ""),
    );
    machine.set_variable("BootOrder", GLOBAL, 7, &[9, 0]);
    let said = machine.check("boot.entries");
    assert_eq!(said["status"], "fail", "{said:#}");
    says(
        &said,
        "findings",
        "/dev/sdb1:/EFI/Linux/unsigned.efi (Boot0009",
        "would not start",
    );
}

/// Files on mounted partitions do not stand in for those that the start goes on with there.
#[test]
fn a_start_from_a_partition_that_is_not_mounted_is_no_pass() {
    let machine = Machine::new();
    assert_eq!(machine.check("boot.next_start")["not_run"], serde_json::json!([]));
    let tree = tempfile::tempdir().unwrap();
    fs::create_dir_all(tree.path().join("EFI/x")).unwrap();
    let loader = fs::read(machine.path("efi/EFI/BOOT/BOOTX64.EFI")).unwrap();
    fs::write(tree.path().join("EFI/x/loader.efi"), loader).unwrap();
    unmounted(&machine, tree.path());
    machine.set_variable("Boot0009", GLOBAL, 7, &load_option("x", "\\EFI\\x\\loader.efi", ""));
    machine.set_variable("BootOrder", GLOBAL, 7, &[9, 0]);
    let said = machine.check("boot.next_start");
    assert_eq!(said["status"], "could_not_run", "{said:#}");
    says(&said, "not_run", "/dev/sdb1:/EFI/x/loader.efi", "is not mounted");
    // verify judges the rest, and does not pass over the loader.
    let output = machine.bootseal(["verify"]).output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    for wanted in [
        "/dev/sdb1:/EFI/x/loader.efi: the next start begins with it",
        "/boot/grub",
    ] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }

    // The menu of a GRUB there may be on what is mounted.
    succeed(&mut grub_image(keys(), &tree.path().join("EFI/x/loader.efi")));
    unmounted(&machine, tree.path());
    let said = machine.check("boot.next_start");
    assert_eq!(said["status"], "pass", "{said:#}");
}

/// Its loaders start kernels with them, whoever mounts it.
#[test]
fn command_lines_and_modules_on_a_partition_that_is_not_mounted_are_judged() {
    let machine = Machine::new();
    let module = fs::read(crate::support::module(machine.root(), "unsigned.ko")).unwrap();
    let bad = archive(&[("lib/y.ko", &module)]);
    machine.write("bad", &bad);
    let mut objcopy = tool("objcopy");
    for (section, address) in [("linux", "0x2000000"), ("initrd", "0x3000000")] {
        let file = machine.path(if section == "linux" { "boot/vmlinuz" } else { "bad" });
        objcopy.arg(format!("--add-section=.{section}={}", file.display()));
        objcopy.arg(format!("--change-section-vma=.{section}={address}"));
    }
    succeed(objcopy.arg(host_file(EFI_STUB)).arg(machine.path("unified")));
    let tree = tempfile::tempdir().unwrap();
    for (path, content) in [
        (
            "loader/entries/a.conf",
            b"linux /a\ninitrd \\a\\early\noptions quiet rd.break\n".to_vec(),
        ),
        ("a/early", bad.clone()),
        (
            "grub/grub.cfg",
            b"menuentry x { linux /k init=/bin/sh; initrd /i/other }\n".to_vec(),
        ),
        ("i/other", bad.clone()),
        ("initramfs-6.6.img", bad),
        ("EFI/Linux/x.efi", machine.read("unified")),
    ] {
        let path = tree.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    unmounted(&machine, tree.path());
    let said = machine.check("boot.command_lines");
    says(
        &said,
        "findings",
        "/dev/sdb1:/loader/entries/a.conf: rd.break",
        "dracut reads it",
    );
    says(&said, "findings", "/dev/sdb1:/grub/grub.cfg:1: init=/bin/sh", "");
    assert_eq!(said["not_run"], serde_json::json!([]), "{said:#}");
    let said = machine.check("modules.initramfs");
    for name in ["a/early", "i/other", "initramfs-6.6.img", "EFI/Linux/x.efi .initrd"] {
        says(&said, "findings", &format!("/dev/sdb1:/{name}: lib/y.ko"), "not signed");
    }
    assert_eq!(said["findings"].as_array().unwrap().len(), 4, "{said:#}");
    assert_eq!(said["not_run"], serde_json::json!([]), "{said:#}");
}

/// Has a disk with a partition of these files, which nobody mounts.
pub fn unmounted(machine: &Machine, files: &Path) {
    let record =
        format!("E:ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\nE:ID_PART_ENTRY_UUID={PARTITION}\n");
    machine.write("run/udev/data/b8:17", record);
    machine.write("sys/dev/block/8:17/uevent", b"MAJOR=8\nMINOR=17\nDEVNAME=sdb1\n");
    machine.write("dev/sdb1", image("16", 16 * 1024, files));
}

/// Its GUID.
pub const PARTITION: &str = "aa5c8f1e-4c5b-4b7e-9d1a-0123456789ab";
