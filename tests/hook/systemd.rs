//! systemd mode: Debian's kernel-install runs our plugins among those that Gentoo has and Debian has not, which small
//! scripts stand for, and tracers that tell what changed where.

use std::fs;

use super::machine::{GRUB_MKCONFIG, Machine};
use crate::support::judges::{check_grub, check_kernel, judge_module, sbverify};
use crate::support::{succeed, text};

/// Writes what is signed at this moment into `/trace`.
const TRACE: &str = r#"sum() { if [ -f "$1" ]; then sha256sum <"$1" | cut -c1-12; else echo none; fi; }
image=$3/linux; [ -f "$image" ] || image=/boot/kernel-$2
echo "${0##*/} $1 module=$(sum "/lib/modules/$2/kernel/drivers/block/loop.ko.xz") \
uki=$(sum "$KERNEL_INSTALL_STAGING_AREA/uki.efi") image=$(sum "$image") config=$(sum /boot/grub/grub.cfg.sig)" >>/trace"#;
/// Between which of the others the tracers stand.
const TRACERS: [&str; 9] = ["01", "44", "46", "59", "64", "66", "90-yx", "90-yz", "97"];
/// The work of Gentoo's plugins, where Debian has none.
const PLUGINS: [(&str, &str); 6] = [
    (
        "52-initrd",
        r#"if [ "$1" = add ]; then cp /usr/share/initramfs "$KERNEL_INSTALL_STAGING_AREA/initrd"; fi"#,
    ),
    (
        "60-ukify",
        r#"if [ "$1" = add ] && [ "$KERNEL_INSTALL_LAYOUT" = uki ]; then cp "$4" "$KERNEL_INSTALL_STAGING_AREA/uki.efi"; fi"#,
    ),
    (
        "90-compat",
        r#"[ "$KERNEL_INSTALL_LAYOUT" = grub ] || exit 0
if [ "$1" = add ]; then cp "$4" "/boot/kernel-$2"; cp "$KERNEL_INSTALL_STAGING_AREA/initrd" "/boot/initramfs-$2.img"
else rm -f "/boot/kernel-$2" "/boot/initramfs-$2.img"; fi"#,
    ),
    (
        "90-uki-copy",
        r#"[ "$KERNEL_INSTALL_LAYOUT" = uki ] || exit 0
uki=/boot/EFI/Linux/$KERNEL_INSTALL_ENTRY_TOKEN-$2+3.efi
if [ "$1" = add ]; then mkdir -p /boot/EFI/Linux; cp "$KERNEL_INSTALL_STAGING_AREA/uki.efi" "$uki"; else rm -f "$uki"; fi"#,
    ),
    (
        "90-zz-update-static",
        r#"if [ "$1" = add ] && [ "$KERNEL_INSTALL_LAYOUT" = grub ] && [ -f /boot/kernel ]; then cp "/boot/kernel-$2" /boot/kernel; fi"#,
    ),
    ("91-grub-mkconfig", GRUB_MKCONFIG),
];

fn machine(layout: &str) -> Machine {
    let machine = Machine::new();
    machine.write("etc/kernel/install.conf", format!("layout={layout}\n").as_bytes());
    machine.write("etc/kernel/entry-token", b"token\n");
    for tracer in TRACERS {
        machine.script(&format!("usr/lib/kernel/install.d/{tracer}-trace.install"), TRACE);
    }
    for (name, body) in PLUGINS {
        machine.script(&format!("usr/lib/kernel/install.d/{name}.install"), body);
    }
    machine.write("boot/grub/grub.cfg", b"menuentry x {\nchainloader /memtest.efi\n}\n");
    machine.write("boot/grub/grubenv", b"# GRUB Environment Block\n");
    machine.succeed("bootseal hook install --mode systemd");
    machine
}

/// The tracers between which a value changed.
fn changes(machine: &Machine, value: &str) -> Vec<(String, String)> {
    let trace = fs::read_to_string(machine.path("trace")).unwrap();
    let read = |line: &str| {
        let name = line.split("-trace").next().unwrap().to_owned();
        let (_, rest) = line.split_once(&format!("{value}=")).unwrap();
        (name, rest.split(' ').next().unwrap().to_owned())
    };
    let lines: Vec<_> = trace.lines().map(read).collect();
    assert_eq!(lines.len(), TRACERS.len(), "{trace}");
    let changed = lines.windows(2).filter(|pair| pair[0].1 != pair[1].1);
    changed.map(|pair| (pair[0].0.clone(), pair[1].0.clone())).collect()
}

fn between(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
        .collect()
}

/// Adds the kernel; every module, and grub.cfg, is signed at the right moment.
fn add(machine: &Machine) -> String {
    let release = machine.kernel.release();
    let _ = fs::remove_file(machine.path("trace"));
    let said = machine.succeed(&format!("kernel-install add {release} /usr/src/bzImage"));
    assert_eq!(changes(machine, "module"), between(&[("44", "46")]));
    assert_eq!(changes(machine, "config"), between(&[("90-yz", "97")]));
    for module in machine.modules() {
        succeed(&mut judge_module(&module));
    }
    check_grub(&machine.path("boot/grub/grub.cfg"));
    assert!(!machine.has("boot/grub/grubenv.sig") && !machine.has("boot/grub/grub.cfg~.sig"));
    said
}

fn remove(machine: &Machine) {
    let release = machine.kernel.release();
    machine.succeed(&format!("kernel-install remove {release}"));
    check_grub(&machine.path("boot/grub/grub.cfg"));
    let left = machine.succeed(&format!("find /boot -name '*{release}*'"));
    assert_eq!(left, "");
}

#[test]
fn bls_kernels_are_signed_and_their_signatures_go_with_them() {
    let machine = machine("bls");
    let release = machine.kernel.release().to_owned();
    let said = add(&machine);
    assert!(
        said.contains(&format!("bootseal: modules of {release}: signed 6, unchanged 0")),
        "{said}"
    );
    assert_eq!(
        changes(&machine, "image"),
        between(&[("66", "90-yx"), ("90-yx", "90-yz")])
    );
    check_kernel(&machine.path(&format!("boot/token/{release}/linux")));
    remove(&machine);
}

#[test]
fn unified_images_are_signed_before_they_are_copied() {
    let machine = machine("uki");
    let release = machine.kernel.release().to_owned();
    add(&machine);
    assert_eq!(changes(&machine, "uki"), between(&[("59", "64"), ("64", "66")]));
    succeed(&mut sbverify(
        &machine.path(&format!("boot/EFI/Linux/token-{release}+3.efi")),
    ));
    remove(&machine);
}

#[test]
fn grubs_kernels_are_signed_for_firmware_and_grub_with_those_without_a_version() {
    let machine = machine("grub");
    let release = machine.kernel.release().to_owned();
    machine.write("boot/kernel", b"a kernel that is no image");
    machine.write("boot/kernel-6.1.0", &fs::read(machine.kernel.image()).unwrap());
    machine.succeed("bootseal hook run all 6.1.0");
    let former = fs::read(machine.path("boot/kernel-6.1.0")).unwrap();
    for _ in 0..2 {
        machine.add_modules();
        add(&machine);
        assert_eq!(changes(&machine, "image").last(), between(&[("90-yx", "90-yz")]).last());
        check_kernel(&machine.path(&format!("boot/kernel-{release}")));
        check_kernel(&machine.path("boot/kernel"));
        check_grub(&machine.path(&format!("boot/initramfs-{release}.img")));
    }
    remove(&machine);
    assert_eq!(fs::read(machine.path("boot/kernel-6.1.0")).unwrap(), former);
    check_kernel(&machine.path("boot/kernel-6.1.0"));
}

#[test]
fn where_others_lay_out_kernels_modules_and_grub_are_signed() {
    let machine = machine("other");
    let said = add(&machine);
    assert!(said.contains("no image of"), "{said}");
    remove(&machine);
}

#[test]
fn depmod_says_the_same_of_signed_modules() {
    let machine = machine("other");
    let release = machine.kernel.release().to_owned();
    let map = || machine.succeed(&format!("depmod -n {release}"));
    let before = map();
    machine.succeed(&format!("bootseal hook run modules {release} /usr/src/bzImage"));
    assert!(before.contains("loop.ko.xz") && before == map());
}

#[test]
fn without_keys_a_kernel_is_installed_and_one_line_says_so() {
    let machine = machine("grub");
    machine.succeed("rm -r /etc/bootseal/keys");
    let release = machine.kernel.release().to_owned();
    let said = machine.succeed(&format!("kernel-install add {release} /usr/src/bzImage"));
    assert_eq!(
        said.matches("bootseal").count() - said.matches("bootseal ceremony").count(),
        2,
        "{said}"
    );
    assert!(said.contains("there are no keys at /etc/bootseal/keys yet"), "{said}");
    assert!(machine.has(&format!("boot/kernel-{release}")));
    assert!(!machine.has("boot/grub/grub.cfg.sig"));
}

#[test]
fn a_failure_ends_the_installation_before_the_kernel_is_replaced() {
    let machine = machine("grub");
    let release = machine.kernel.release().to_owned();
    add(&machine);
    let before = super::machine::snapshot(&machine.path("boot"));
    machine.add_modules();
    machine.write("usr/src/bzImage", b"MZ, and nothing after it");
    let output = machine.run(&format!("kernel-install add {release} /usr/src/bzImage"));
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot sign /usr/src/bzImage"), "{said}");
    assert!(
        said.contains(&format!("kernel-install add {release} /usr/src/bzImage")),
        "{said}"
    );
    assert_eq!(super::machine::snapshot(&machine.path("boot")), before);
}
