//! The files that the slots sign on a tree of its own, and their reports.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::formats::grub::signature_name::signature_path;
use serde_json::Value;

use super::node::{Hooked, VERSION};
use crate::support::judges::{check_grub, check_kernel, sbverify};
use crate::support::node::{DATABASE, GLOBAL};
use crate::support::{refuse, succeed, text};

#[test]
fn another_machines_root_is_signed_with_boot_and_esp_in_it() {
    let node = Hooked::new();
    let uki = format!("boot/efi/EFI/Linux/gentoo-{VERSION}.efi");
    node.write(&uki, minimal_image());
    let said = succeed(&mut node.run("all", &[VERSION]));
    // Module, image and UKI; image, initramfs and grub.cfg for GRUB.
    assert!(
        said.contains(&format!("bootseal: all of {VERSION}: signed 6, unchanged 0")),
        "{said}"
    );
    check_kernel(&node.path(&format!("boot/vmlinuz-{VERSION}")));
    succeed(&mut sbverify(&node.path(&uki)));
    check_grub(&node.path("boot/grub/grub.cfg"));
    // Hooks that run there name their paths as they see them.
    let said = succeed(&mut node.run("image", &[VERSION, &format!("/boot/vmlinuz-{VERSION}")]));
    assert!(said.contains("signed 0, unchanged 4"), "{said}");
}

#[test]
fn each_file_is_a_line_in_the_log() {
    let node = Hooked::new();
    fs::create_dir(node.path("dev")).unwrap();
    let daemon = UnixDatagram::bind(node.path("dev/log")).unwrap();
    daemon.set_nonblocking(true).unwrap();
    succeed(&mut node.run("modules", &[VERSION]));
    node.write(&format!("boot/vmlinuz-{VERSION}"), b"no image");
    refuse(&mut node.run("image", &[VERSION, &format!("/boot/vmlinuz-{VERSION}")]));
    let mut lines = Vec::new();
    let mut buffer = [0; 2048];
    while let Ok(length) = daemon.recv(&mut buffer) {
        lines.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    let module = node.path(&format!("lib/modules/{VERSION}/loop.ko"));
    assert!(lines[0].starts_with("<30>bootseal["), "{lines:?}");
    assert!(
        lines[0].ends_with(&format!(": modules {VERSION}: signed {} (modules)", module.display())),
        "{lines:?}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("<27>") && line.contains("cannot sign")),
        "{lines:?}"
    );
}

#[test]
fn after_a_package_of_portage_what_the_configuration_lists_is_signed() {
    let node = Hooked::new();
    node.write("boot/efi/EFI/gentoo/grubx64.efi", minimal_image());
    node.write("boot/grub/x86_64-efi/normal.mod", b"\x7fELF");
    node.write("boot/grub/grubenv", b"# GRUB Environment Block\n");
    // The loader is one that a person put on the root file system; nobody knows the one beside it.
    node.write("usr/local/lib/loaders/grub.efi", minimal_image());
    let mut planted = minimal_image();
    *planted.last_mut().unwrap() ^= 1;
    node.write("boot/efi/EFI/gentoo/shimx64.efi", &planted);
    let config = "[sign]\nefi = [\"/boot/efi/EFI/gentoo/*.efi\"]\ngrub = [\"/boot/grub\"]\n\
        sources = [\"/usr/local/lib/loaders\"]\n";
    node.write("etc/bootseal/config.toml", config.as_bytes());
    let said = succeed(&mut node.run("portage", &["sys-boot/grub-2.12-r4"]));
    // The loader; grub.cfg, the module of GRUB and initramfs; the kernel is the loader once more.
    assert!(
        said.contains("bootseal: portage of sys-boot/grub-2.12-r4: signed 5, unchanged 0, left unsigned 1"),
        "{said}"
    );
    succeed(&mut sbverify(&node.path("boot/efi/EFI/gentoo/grubx64.efi")));
    refuse(&mut sbverify(&node.path("boot/efi/EFI/gentoo/shimx64.efi")));
    assert!(said.contains("shimx64.efi stays unsigned: nobody knows it"), "{said}");
    check_grub(&node.path("boot/grub/x86_64-efi/normal.mod"));
    assert!(!node.path("boot/grub/grubenv.sig").exists());
    fs::remove_dir_all(node.path("boot/efi/EFI/gentoo")).unwrap();
    let output = node.run("portage", &["sys-boot/grub-2.12-r4"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = text(&output);
    assert!(said.contains("*.efi\" of the configuration"), "{said}");
    assert!(
        said.contains("hint: bootseal hook run --root ") && said.contains(" portage sys-boot/grub-2.12-r4"),
        "{said}"
    );
}

#[test]
fn a_dry_run_tells_and_changes_nothing_and_json_is_one_object() {
    let node = Hooked::new();
    let before = super::machine::snapshot(node.root());
    let said = succeed(&mut node.hook(&["--dry-run", "--json", "run", "all", VERSION]));
    let report: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(report["schema"], "bootseal.hook.run/1");
    assert_eq!(
        (&report["slot"], &report["signed"], &report["has_keys"]),
        (&"all".into(), &5.into(), &true.into())
    );
    assert_eq!(super::machine::snapshot(node.root()), before);
}

#[test]
fn a_machine_without_one_of_the_keys_signs_what_it_can() {
    let node = Hooked::new();
    for name in ["db.key", "db.pem", "db.der"] {
        fs::remove_file(node.path(&format!("etc/bootseal/keys/{name}"))).unwrap();
    }
    let said = succeed(&mut node.run("all", &[VERSION]));
    assert!(said.contains("there is no db key: the image stays as it is"), "{said}");
    assert!(said.contains("signed 4, unchanged 0"), "{said}");
    check_grub(&node.path(&format!("boot/vmlinuz-{VERSION}")));
    refuse(&mut sbverify(&node.path(&format!("boot/vmlinuz-{VERSION}"))));
}

#[test]
fn a_boot_partition_that_is_not_mounted_ends_the_installation_before_the_kernel_is_copied() {
    let node = Hooked::new();
    node.write("etc/fstab", b"LABEL=boot /boot ext4 noauto 0 2\n");
    node.write("proc/self/mountinfo", b"22 1 8:3 / / rw - ext4 /dev/sda3 rw\n");
    node.write("usr/src/bzImage", minimal_image());
    let module = node.read(&format!("lib/modules/{VERSION}/loop.ko"));
    let said = refuse(&mut node.run("modules", &[VERSION, "/usr/src/bzImage"]));
    assert!(
        said.contains("/boot is listed in /etc/fstab and is not mounted") && said.contains("hint: mount /boot\n"),
        "{said}"
    );
    assert_eq!(node.read(&format!("lib/modules/{VERSION}/loop.ko")), module);
    node.write("proc/self/mountinfo", b"23 22 8:1 / /boot rw - ext4 /dev/sda1 rw\n");
    let said = succeed(&mut node.run("modules", &[VERSION, "/usr/src/bzImage"]));
    assert!(!said.contains("fstab"), "{said}");
}

/// As after `keys rotate db` whose last stage was left out, or with another machine's keys.
#[test]
fn a_db_key_that_the_enforcing_firmware_does_not_know_ends_the_installation() {
    let node = Hooked::new();
    node.write("usr/src/bzImage", minimal_image());
    node.firmware();
    let entry = |name: &str| {
        let mut lists = SignatureDatabase::default();
        let certificate = Certificate::from_pem(&node.read(&format!("etc/bootseal/keys/{name}.pem"))).unwrap();
        lists.add_certificate(Guid::MICROSOFT, certificate.as_der());
        lists.to_bytes()
    };
    let install = || node.run("modules", &[VERSION, "/usr/src/bzImage"]);
    node.set_variable("db", DATABASE, 0x27, &entry("module"));
    for (enforces, code) in [(0, 0), (1, 1)] {
        node.set_variable("SecureBoot", GLOBAL, 6, &[enforces]);
        let output = install().output().unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(
            said.contains("its db does not hold the certificate"),
            code == 1,
            "{said}"
        );
        assert_eq!(said.contains("hint: bootseal enroll add db "), code == 1, "{said}");
    }
    // Where shim started the machine, the owner's keys count too.
    let shim = "605dab50-e046-4300-abb6-3dd810dd8b23";
    node.set_variable("MokListRT", shim, 6, &entry("db"));
    succeed(&mut install());
    fs::remove_file(node.variable("MokListRT", shim)).unwrap();
    node.set_variable("db", DATABASE, 0x27, &entry("db"));
    succeed(&mut install());
}

/// rsync and other mirrors look at sizes and times: a signature made anew has the size of the one before.
#[test]
fn a_signature_made_anew_has_a_new_time_and_a_kernel_keeps_its_own() {
    let node = Hooked::new();
    succeed(&mut node.run("all", &[VERSION]));
    let initramfs = node.path(&format!("boot/initramfs-{VERSION}.img"));
    let signature = signature_path(&initramfs);
    let before = filetime(&signature);
    fs::write(&initramfs, crate::support::kernel::initramfs("#!/BIN/SH\n")).unwrap();
    let accepted = initramfs.to_str().unwrap();
    succeed(&mut node.hook(&["run", "--accept-changed", accepted, "all", VERSION]));
    check_grub(&initramfs);
    assert!(filetime(&signature) > before);
}

fn filetime(path: &Path) -> std::time::SystemTime {
    fs::metadata(path).unwrap().modified().unwrap()
}

/// The menu of before that Gentoo's hook keeps is no file that GRUB would open.
#[test]
fn a_kept_menu_stays_unsigned_and_no_audit_convicts_it() {
    let node = Hooked::new();
    node.write("boot/grub/grub.cfg~", "set check_signatures=no\n");
    succeed(&mut node.run("all", &[VERSION]));
    assert!(!node.path("boot/grub/grub.cfg~.sig").exists());
    let said = text(&node.bootseal(["audit", "-v", "--only", "grub.files"]).output().unwrap());
    assert!(!said.contains("grub.cfg~"), "{said}");
    let keys = node.path("etc/bootseal/keys");
    let verify = |node: &Hooked| {
        let mut command = node.bootseal(["verify", "--keys", keys.to_str().unwrap()]);
        command.arg(node.path("boot/grub"));
        command
    };
    succeed(&mut verify(&node));
    // With a signature it is a file as any other.
    let signature = node.read("boot/grub/grub.cfg.sig");
    node.write("boot/grub/grub.cfg~.sig", signature);
    let said = refuse(&mut verify(&node));
    assert!(said.contains("grub.cfg~"), "{said}");
}
