//! dracut makes a real initramfs in its slot: it holds signed modules, and where it runs too early, `hook status` and the audit say so.

use std::fs;
use std::path::PathBuf;

use super::machine::Machine;
use crate::support::judges::judge_module;
use crate::support::{refuse, succeed};

const DRACUT: &str = r#"[ "$1" = add ] || exit 0
depmod "$2"
dracut --quiet --force --no-hostonly --no-compress --no-early-microcode --modules "base kernel-modules" \
    --drivers "loop fat" --kver "$2" "$KERNEL_INSTALL_STAGING_AREA/initrd"
cp "$KERNEL_INSTALL_STAGING_AREA/initrd" /initrd"#;

/// Looks into that image, as it is and packed as dracut would with `zstd`.
const AUDIT: &str = "cp /initrd /boot/initramfs-plain.img; zstd -q -15 /initrd -o /boot/initramfs-zstd.img; \
    bootseal audit -v --only modules.initramfs";

fn initramfs(plugin: &str) -> (Machine, PathBuf) {
    let machine = Machine::new();
    machine.script(&format!("etc/kernel/install.d/{plugin}"), DRACUT);
    machine.write("etc/kernel/install.conf", b"layout=other\n");
    machine.succeed("bootseal hook install --mode systemd");
    let release = machine.kernel.release().to_owned();
    machine.succeed(&format!("kernel-install add {release} /usr/src/bzImage"));
    let unpack = "mkdir /unpacked; cd /unpacked; cpio -id --quiet </initrd; find . -name 'loop.ko*'";
    let found = machine.succeed(unpack);
    let module = machine.path("unpacked").join(found.trim().trim_start_matches("./"));
    assert!(fs::metadata(&module).unwrap().len() > 1000, "{found}");
    (machine, module)
}

#[test]
fn dracut_takes_signed_modules_after_our_hook() {
    let (machine, module) = initramfs("52-dracut.install");
    succeed(&mut judge_module(&module));
    let said = machine.succeed(AUDIT);
    assert!(
        said.contains("/boot/initramfs-plain.img: 2 of 2 modules, in ")
            && said.contains("/boot/initramfs-zstd.img: 2 of 2 modules, in "),
        "{said}"
    );
    let said = machine.succeed("bootseal hook status --mode systemd");
    assert!(
        said.contains("52-dracut.install") && !said.contains("wrong order"),
        "{said}"
    );
}

#[test]
fn dracut_before_our_hook_is_a_wrong_order() {
    let (machine, module) = initramfs("44-dracut.install");
    refuse(&mut judge_module(&module));
    let (code, said) = machine.refuse(AUDIT);
    let expected = format!(
        "/boot/initramfs-zstd.img: usr/lib/modules/{}/kernel/drivers/block/loop.ko",
        machine.kernel.release()
    );
    assert!(code == 1 && said.contains(&expected), "{expected}: {said}");
    let (code, said) = machine.refuse("bootseal hook status --mode systemd");
    assert_eq!(code, 1);
    let expected =
        "wrong order: /etc/kernel/install.d/44-dracut.install puts modules into the initramfs before they are signed";
    assert!(said.contains(expected), "{said}");
}
