//! Faults in a hook: the former kernel stays bootable, and the error says what to run.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use bootseal::formats::firmware::authenticode::minimal_image;
use bootseal::formats::grub::signature_name::signature_path;

use super::machine::{Machine, snapshot};
use super::node::{Hooked, VERSION};
use crate::support::ceremony::{self, PASSPHRASE, private};
use crate::support::judges::{check_grub, check_kernel};
use crate::support::kernel::initramfs;
use crate::support::node::menu;
use crate::support::{refuse, succeed, text, tool};

#[test]
fn the_former_kernel_comes_back_though_no_key_opens() {
    let node = Hooked::new();
    succeed(&mut node.run("all", &[VERSION]));
    let before = snapshot(&node.path("boot"));
    let names = [format!("vmlinuz-{VERSION}"), format!("initramfs-{VERSION}.img")];
    for name in &names {
        let path = node.path(&format!("boot/{name}"));
        fs::rename(&path, path.with_file_name(format!("{name}.old"))).unwrap();
        fs::write(path, minimal_image()).unwrap();
    }
    node.write("etc/bootseal/keys/db.key", b"");
    let said = refuse(&mut node.run("image", &[VERSION, &format!("/boot/vmlinuz-{VERSION}")]));
    assert!(
        said.contains("is back in its place") && said.contains("have the kernel installed again: make install"),
        "{said}"
    );
    assert!(!said.contains("before the next reboot"), "{said}");
    assert_eq!(snapshot(&node.path("boot")), before);
}

#[test]
fn a_former_kernel_that_would_not_start_does_not_come_back() {
    // As it is; signed for GRUB alone, and then for nobody; without its initramfs.
    for broken in ["kernel", "signature", "initramfs"] {
        let node = Hooked::new();
        succeed(&mut node.run("all", &[VERSION]));
        let [kernel, initramfs] = [format!("vmlinuz-{VERSION}"), format!("initramfs-{VERSION}.img")]
            .map(|name| node.path(&format!("boot/{name}")));
        for path in [&kernel, &initramfs] {
            let old = PathBuf::from(format!("{}.old", path.display()));
            fs::rename(path, &old).unwrap();
            fs::write(path, minimal_image()).unwrap();
            match broken {
                "kernel" if path == &kernel => fs::write(old, minimal_image()).unwrap(),
                "initramfs" if path == &initramfs => fs::write(old, b"another").unwrap(),
                "signature" => fs::remove_file(signature_path(path)).unwrap(),
                _ => {}
            }
        }
        node.write("etc/bootseal/keys/db.key", b"");
        let said = refuse(&mut node.run("image", &[VERSION, &format!("/boot/vmlinuz-{VERSION}")]));
        assert!(
            said.contains("before the next reboot: bootseal hook run --root '")
                && said.contains(&format!(" all {VERSION}")),
            "{broken}: {said}"
        );
        assert_eq!(fs::read(&kernel).unwrap(), minimal_image(), "{broken}");
    }
}

#[test]
fn grubs_former_configuration_comes_back_where_the_new_one_cannot_be_signed() {
    for (broken, content) in [("grub.key", menu(VERSION, 6)), ("none", String::new())] {
        let node = Hooked::new();
        succeed(&mut node.run("all", &[VERSION]));
        let config = node.path("boot/grub/grub.cfg");
        fs::write(&config, &content).unwrap();
        node.chmod(
            &format!("etc/bootseal/keys/{}", if broken == "none" { "db.key" } else { broken }),
            0o644,
        );
        let said = refuse(&mut node.run("grub", &["add", VERSION, "/boot/token", "/usr/src/bzImage"]));
        assert!(said.contains("is back in its place"), "{said}");
        assert_eq!(fs::read(&config).unwrap(), menu(VERSION, 5).as_bytes());
        check_grub(&config);
        let kept = fs::read(node.path("boot/grub/grub.cfg.new")).unwrap_or_default();
        assert_eq!(kept, content.as_bytes());
    }
}

/// As grub-mkconfig leaves a menu where it finds no kernel: GRUB would end at its prompt.
#[test]
fn a_menu_that_starts_nothing_is_not_signed_and_the_one_of_before_stays() {
    let node = Hooked::new();
    succeed(&mut node.run("all", &[VERSION]));
    let good = menu(VERSION, 5);
    let [config, kept] = ["", ".signed"].map(|ending| node.path(&format!("boot/grub/grub.cfg{ending}")));
    node.write("boot/grub/more.cfg", &good);
    let arguments = ["add", VERSION, "/boot/token", "/usr/src/bzImage"];
    for idle in [
        "set timeout=5\n",
        "menuentry x {\n\techo 'linux /vmlinuz'\n}\n",
        &menu("6.6.6-gone", 5),
        "menuentry Firmware {\n\tfwsetup\n}\nconfigfile /grub/missing.cfg\n",
        "menuentry x {\n\tinitrd /initramfs-6.12.58-gentoo.img\n}\n",
    ] {
        for slot in ["grub", "all"] {
            fs::write(&config, idle).unwrap();
            let arguments = if slot == "all" { &[VERSION][..] } else { &arguments };
            let output = node.run(slot, arguments).output().unwrap();
            let said = text(&output);
            assert_eq!(output.status.code(), Some(1), "{idle}: {said}");
            assert!(
                said.contains("no entry starts a kernel or a loader that is there")
                    && said.contains("grub-mkconfig -o"),
                "{said}"
            );
            assert_eq!(fs::read(&config).unwrap(), good.as_bytes(), "{idle}: {said}");
            assert_eq!(fs::read(&kept).unwrap(), good.as_bytes());
            assert_eq!(fs::read(config.with_extension("cfg.new")).unwrap(), idle.as_bytes());
            check_grub(&config);
            check_grub(&kept);
        }
        let said = text(&node.hook(&["status", "--mode", "traditional"]).output().unwrap());
        assert!(said.contains("no entry starts a kernel"), "{said}");
        // Signed by hand, it is told of by who looks at it.
        fs::write(&config, idle).unwrap();
        let keys = node.path("etc/bootseal/keys");
        let grub = node.path("boot/grub");
        let sign = ["sign", "grub", "--keys", keys.to_str().unwrap(), "--accept-changed"];
        let mut sign = node.bootseal(sign);
        succeed(sign.args([&config, &config]));
        let said = refuse(node.bootseal(["verify", "--keys", keys.to_str().unwrap()]).arg(&grub));
        assert!(said.contains("no entry starts a kernel"), "{said}");
        let audit = node.bootseal(["audit", "--only", "grub.files"]).output().unwrap();
        assert!(text(&audit).contains("no entry starts a kernel"), "{}", text(&audit));
        fs::write(&config, &good).unwrap();
        succeed(&mut node.run("all", &[VERSION]));
    }
    // What they start is elsewhere, or known to GRUB alone.
    for (number, other) in [
        "configfile $prefix/more.cfg\n",
        "blscfg\n",
        "menuentry x {\nchainloader (http)/x.efi\n}\n",
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(&config, format!("set timeout={number}\n{other}")).unwrap();
        let config = config.to_str().unwrap();
        succeed(&mut node.hook(&["run", "--accept-changed", config, "all", VERSION]));
    }
}

#[test]
fn the_configuration_that_grub_falls_back_to_is_the_last_one_that_was_signed() {
    let node = Hooked::new();
    let [config, kept] = ["", ".signed"].map(|ending| node.path(&format!("boot/grub/grub.cfg{ending}")));
    succeed(&mut node.run("modules", &[VERSION]));
    assert!(!kept.exists(), "kept without a signature");
    succeed(&mut node.run("all", &[VERSION]));
    assert_eq!(fs::read(&kept).unwrap(), menu(VERSION, 5).as_bytes());
    check_grub(&kept);
    // As long as grub-mkconfig's new one is not signed, in the next installation.
    succeed(&mut node.run("modules", &[VERSION]));
    fs::write(&config, menu(VERSION, 6)).unwrap();
    succeed(&mut node.run("image", &[VERSION, &format!("/boot/vmlinuz-{VERSION}")]));
    assert_eq!(fs::read(&kept).unwrap(), menu(VERSION, 5).as_bytes());
    check_grub(&kept);
    succeed(&mut node.run("grub", &[VERSION, &format!("/boot/vmlinuz-{VERSION}")]));
    assert_eq!(fs::read(&kept).unwrap(), menu(VERSION, 6).as_bytes());
    check_grub(&kept);
}

#[test]
fn a_kernel_that_is_no_image_is_refused_and_all_others_are_signed() {
    let node = Hooked::new();
    let kernel = format!("boot/vmlinuz-{VERSION}");
    node.write(&kernel, b"no image");
    node.write("boot/vmlinuz-6.1.0.old", b"no image, and not of this kernel");
    let output = node.run("image", &[VERSION, &format!("/{kernel}")]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("cannot sign"), "{}", text(&output));
    assert_eq!(fs::read(node.path(&kernel)).unwrap(), b"no image");
}

#[test]
fn odd_versions_are_refused_and_odd_paths_are_not() {
    let node = Hooked::new();
    for odd in ["../../etc", "6.12 1", "$(touch /pwned)", "-6", "6\n1", ""] {
        let output = node.run("modules", &["--", odd, "/boot/x"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{odd:?}: {}", text(&output));
    }
    let image = format!("boot/odd name's $HOME/vmlinuz-{VERSION}");
    node.write(&image, minimal_image());
    succeed(&mut node.run("image", &[VERSION, &format!("/{image}")]));
    check_kernel(&node.path(&image));
}

#[test]
fn a_link_out_of_the_modules_is_an_error_and_leads_nowhere() {
    let node = Hooked::new();
    let outside = node.path("opt/outside.ko");
    node.write("opt/outside.ko", b"\x7fELF");
    symlink("/opt/outside.ko", node.path(&format!("lib/modules/{VERSION}/link.ko"))).unwrap();
    let said = refuse(&mut node.run("modules", &[VERSION]));
    assert!(
        said.contains("outside of the named directory") && said.contains("make install"),
        "{said}"
    );
    assert_eq!(fs::read(outside).unwrap(), b"\x7fELF");
}

#[test]
fn two_hooks_at_once_end_well() {
    let node = Hooked::new();
    let runs: Vec<_> = (0..3).map(|_| node.run("all", &[VERSION]).spawn().unwrap()).collect();
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    check_kernel(&node.path(&format!("boot/vmlinuz-{VERSION}")));
    check_grub(&node.path("boot/grub/grub.cfg"));
}

#[test]
fn an_encrypted_key_opens_by_configuration_or_credential_and_else_nothing_is_written() {
    let node = Hooked::new();
    for entry in fs::read_dir(ceremony::encrypted().keys()).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("etc/bootseal/keys/{}", path.file_name().unwrap().to_str().unwrap());
        fs::remove_file(node.path(&name)).ok();
        node.write(&name, fs::read(&path).unwrap());
        node.chmod(&name, 0o400);
    }
    let run = || node.run("modules", &[VERSION]);
    let before = snapshot(&node.path("lib"));
    let output = run().output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
    let said = text(&output);
    assert!(
        said.contains("there is no terminal") && said.contains("[hook] passphrase_file"),
        "{said}"
    );
    assert_eq!(snapshot(&node.path("lib")), before);

    // A program of that machine is not started here.
    node.write(
        "etc/bootseal/config.toml",
        "[hook]\npassphrase_command = [\"/bin/tell\"]\n",
    );
    let said = text(&run().output().unwrap());
    assert!(
        said.contains("passphrase_command is not started below another root"),
        "{said}"
    );
    fs::remove_file(node.path("etc/bootseal/config.toml")).unwrap();

    let status = text(&node.hook(&["status", "--mode", "traditional"]).output().unwrap());
    assert!(status.contains("the module key is encrypted"), "{status}");

    let credentials = tempfile::tempdir().unwrap();
    private(&credentials.path().join("bootseal.passphrase"), PASSPHRASE.as_bytes());
    let said = succeed(run().env("CREDENTIALS_DIRECTORY", credentials.path()));
    assert!(said.contains("signed 1"), "{said}");

    private(&node.path("etc/bootseal/passphrase"), PASSPHRASE.as_bytes());
    let config = "[hook]\npassphrase_file = \"/etc/bootseal/passphrase\"\n";
    node.write("etc/bootseal/config.toml", config.as_bytes());
    let said = succeed(&mut run());
    assert!(said.contains("unchanged 1"), "{said}");
}

#[test]
fn a_hook_that_is_killed_leaves_the_old_kernel_and_the_next_one_completes() {
    for nth in 1..=4 {
        let node = Hooked::new();
        let old = "boot/vmlinuz-6.1.0";
        node.write(old, minimal_image());
        succeed(&mut node.run("all", &["6.1.0"]));
        fs::remove_file(node.path(&format!("boot/vmlinuz-{VERSION}.sig"))).unwrap();
        node.write("boot/grub/grub.cfg", menu(VERSION, 7));
        let config = node.path("boot/grub/grub.cfg");
        let again = ["run", "--accept-changed", config.to_str().unwrap(), "all", VERSION];
        let inner = node.hook(&again);
        let mut strace = tool("strace");
        let calls = "rename,renameat,renameat2";
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e"]);
        strace.arg(format!("inject={calls}:signal=KILL:when={nth}"));
        let output = strace.arg(inner.get_program()).args(inner.get_args()).output().unwrap();
        assert!(!output.status.success(), "{nth}: {}", text(&output));
        check_kernel(&node.path(old));
        succeed(&mut node.hook(&again));
        check_kernel(&node.path(&format!("boot/vmlinuz-{VERSION}")));
        check_grub(&node.path("boot/grub/grub.cfg"));
        let left = snapshot(node.root()).into_iter().map(|(path, _)| path);
        let staged: Vec<_> = left
            .filter(|path| path.to_string_lossy().contains(".bootseal-"))
            .collect();
        assert_eq!(staged, Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn no_room_and_no_right_to_write_are_told_before_a_kernel_is_replaced() {
    let machine = Machine::new();
    let release = machine.kernel.release().to_owned();
    let size = fs::metadata(machine.path("usr/src/bzImage")).unwrap().len();
    let modules = snapshot(&machine.path("usr/lib/modules"));
    for (options, expected) in [
        (
            format!("size={}", size / 2),
            "bytes left, and signing the kernel there takes",
        ),
        ("ro".to_owned(), "/boot is mounted for reading only"),
    ] {
        let script =
            format!("mount -t tmpfs -o {options} tmpfs /boot; bootseal hook run modules {release} /usr/src/bzImage");
        let (code, said) = machine.refuse(&script);
        assert_eq!(code, 3, "{said}");
        assert!(said.contains(expected), "{said}");
        assert_eq!(snapshot(&machine.path("usr/lib/modules")), modules);
    }
    // And where it is found too late: the image stays as it was copied.
    for (options, expected) in [
        (format!("size={}", size + size / 2), "No space left on device"),
        ("rw".to_owned(), "Read-only file system"),
    ] {
        let remount = if options == "rw" {
            "mount -o remount,ro /boot;"
        } else {
            ""
        };
        let script = format!(
            "mount -t tmpfs -o {options} tmpfs /boot; cp /usr/src/bzImage /boot/vmlinuz-{release}; {remount}
             code=0; bootseal hook run image {release} /boot/vmlinuz-{release} || code=$?
             cmp /usr/src/bzImage /boot/vmlinuz-{release}; exit $code"
        );
        let (code, said) = machine.refuse(&script);
        assert_eq!(code, 3, "{said}");
        assert!(
            said.contains(expected) && said.contains("before the next reboot"),
            "{said}"
        );
    }
}

/// Firmware starts unified images by itself: beside them, a menu of GRUB that starts nothing and never did keeps nobody from installing
/// one.
#[test]
fn a_menu_that_never_started_anything_is_no_loss_beside_unified_images() {
    let node = Hooked::new();
    for name in ["vmlinuz", "initramfs"] {
        let ending = if name == "vmlinuz" { "" } else { ".img" };
        fs::remove_file(node.path(&format!("boot/{name}-{VERSION}{ending}"))).unwrap();
    }
    let unified = format!("boot/EFI/Linux/gentoo-{VERSION}.efi");
    node.kernel(&unified);
    node.write("boot/grub/grub.cfg", "set timeout=5\n");
    let said = succeed(&mut node.run("grub", &[VERSION, &format!("/{unified}")]));
    assert!(said.contains("no entry starts a kernel"), "{said}");
    // One that started a kernel once is not given up for it.
    node.kernel(&format!("boot/vmlinuz-{VERSION}"));
    node.write("boot/grub/grub.cfg", menu(VERSION, 5));
    node.write(&format!("boot/initramfs-{VERSION}.img"), initramfs("#!/bin/sh\n"));
    let boot = node.path("boot");
    succeed(&mut node.hook(&["run", "--accept-changed", boot.to_str().unwrap(), "all", VERSION]));
    fs::remove_file(node.path(&format!("boot/vmlinuz-{VERSION}"))).unwrap();
    node.write("boot/grub/grub.cfg", "set timeout=6\n");
    refuse(&mut node.run("grub", &[VERSION, &format!("/{unified}")]));
}
