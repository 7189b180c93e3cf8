//! `sign all` on a node's tree: the configuration decides, GRUB's signatures come last, and a second run does nothing.

use std::fs;

use bootseal::formats::authenticode::minimal_image;
use serde_json::Value;

use crate::support::{bootseal, keys, module, succeed, text, verify};

#[test]
fn a_whole_node_is_signed_in_the_right_order() {
    let root = tempfile::tempdir().unwrap();
    let path = |name: &str| root.path().join(name);
    for directory in ["boot/grub/x86_64-efi", "lib/modules/6.12.58", "etc/bootseal"] {
        fs::create_dir_all(path(directory)).unwrap();
    }
    fs::write(path("boot/vmlinuz-6.12.58"), minimal_image()).unwrap();
    fs::write(path("boot/initramfs-6.12.58.img"), b"initramfs").unwrap();
    fs::write(path("boot/grub/grub.cfg"), b"set timeout=5\n").unwrap();
    fs::write(path("boot/grub/x86_64-efi/normal.mod"), b"\x7fELF").unwrap();
    std::os::unix::fs::symlink("vmlinuz-6.12.58", path("boot/vmlinuz")).unwrap();
    module(&path("lib/modules/6.12.58"), "loop.ko");
    fs::remove_file(path("lib/modules/6.12.58/module.c")).unwrap();
    let config = "[sign]\nmodules = [\"/lib/modules\"]\nefi = [\"/boot/vmlinuz*\"]\n\
        grub = [\"/boot/grub\", \"/boot/vmlinuz*\", \"/boot/initramfs-*.img\"]\n";
    fs::write(path("etc/bootseal/config.toml"), config).unwrap();

    let sign_all = || {
        let mut command = bootseal(["sign", "all", "--json", "--root"]);
        command.arg(root.path()).arg("--keys").arg(keys());
        command
    };
    let report: Value = serde_json::from_str(&succeed(&mut sign_all())).unwrap();
    assert_eq!(report["schema"], "bootseal.sign/1");
    // One module, one kernel by two names, and five names that GRUB opens.
    assert_eq!(
        (&report["signed"], &report["failed"]),
        (&7.into(), &0.into()),
        "{report}"
    );
    let names = [
        "boot/vmlinuz-6.12.58",
        "boot/vmlinuz",
        "boot/grub/grub.cfg",
        "lib/modules/6.12.58/loop.ko",
    ];
    let files = names.map(path);
    let said = succeed(&mut verify(&files.each_ref().map(std::path::PathBuf::as_path)));
    assert!(
        said.contains("vmlinuz (GRUB file)") && said.contains("vmlinuz (EFI image)"),
        "{said}"
    );
    assert!(path("boot/vmlinuz.sig").is_file() && fs::symlink_metadata(path("boot/vmlinuz")).unwrap().is_symlink());

    let again: Value = serde_json::from_str(&succeed(&mut sign_all())).unwrap();
    assert_eq!(
        (&again["signed"], &again["unchanged"]),
        (&0.into(), &7.into()),
        "{again}"
    );

    fs::remove_file(path("boot/initramfs-6.12.58.img")).unwrap();
    let output = sign_all().output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["error"]["kind"], "could_not_run", "{}", text(&output));
    assert!(report.to_string().contains("initramfs-*.img"), "{report}");
}
