//! Directories and files that are exchanged while bootseal works.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bootseal::formats::firmware::authenticode::{Image, minimal_image};
use rustix::fs::{AtFlags, CWD, Mode as Permissions, OFlags, RenameFlags, openat, renameat, renameat_with, unlinkat};

use super::machine::{Machine, Mode, VERSION};
use crate::support::text;

/// The time that one race takes.
const RACE: Duration = Duration::from_secs(3);

/// Exchanges two names all the while that `work` is done again and again.
fn race(one: &Path, other: &Path, mut work: impl FnMut()) {
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let is_over = AtomicBool::new(false);
    let exchanged = AtomicUsize::new(0);
    let mut runs = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // A name that bootseal has just renamed may be missing for a moment.
                if renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).is_ok() {
                    exchanged.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_micros(50));
            }
        });
        // Also where the work fails.
        let _over = Over(&is_over);
        let end = Instant::now() + RACE;
        while Instant::now() < end {
            work();
            runs += 1;
        }
    });
    assert!(
        runs > 1 && exchanged.load(Ordering::Relaxed) > runs,
        "{runs} runs, {exchanged:?}"
    );
}

/// Works in the directory of this name, if it is none that a link leads to.
fn in_real_directory(path: &Path, work: impl FnOnce(&OwnedFd)) {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    if let Ok(opened) = openat(CWD, path, flags, Permissions::empty()) {
        work(&opened);
    }
}

#[test]
fn a_directory_that_is_exchanged_for_a_link_leads_no_signature_out() {
    for mode in Mode::BOTH {
        let machine = Machine::new();
        for number in 0..20 {
            for directory in ["boot/grub/fonts", "etc/grub/fonts"] {
                machine.write(&format!("{directory}/{number}.pf2"), "font");
            }
        }
        machine.link("/etc/grub/fonts", "boot/trap");
        let before = machine.outside();
        race(&machine.path("boot/grub/fonts"), &machine.path("boot/trap"), || {
            let output = machine.slot(mode, "grub");
            assert_ne!(output.status.code(), Some(70), "{}", text(&output));
            // The next run signs anew. Nothing that came through the link may be taken away here.
            for directory in ["boot/grub/fonts", "boot/trap"].map(|name| machine.path(name)) {
                in_real_directory(&directory, |opened| {
                    for number in 0..20 {
                        let _ = unlinkat(opened, format!("{number}.pf2.sig"), AtFlags::empty());
                    }
                });
            }
        });
        assert_eq!(machine.outside(), before, "{mode:?}");
    }
}

#[test]
fn a_module_directory_that_is_exchanged_for_a_link_leads_no_module_out() {
    for mode in Mode::BOTH {
        let machine = Machine::new();
        let module = machine.read("srv/modules/loop.ko");
        for number in 0..20 {
            for directory in [format!("lib/modules/{VERSION}/kernel"), "srv/modules".to_owned()] {
                machine.write(&format!("{directory}/{number}.ko"), &module);
            }
        }
        machine.link("/srv/modules", &format!("lib/modules/{VERSION}/trap"));
        let before = machine.outside();
        let tree = machine.path(&format!("lib/modules/{VERSION}"));
        race(&tree.join("kernel"), &tree.join("trap"), || {
            let output = machine.slot(mode, "modules");
            assert_ne!(output.status.code(), Some(70), "{}", text(&output));
            for directory in ["kernel", "trap"].map(|name| tree.join(name)) {
                in_real_directory(&directory, |opened| {
                    for number in 0..20 {
                        let temporary = tree.join("unsigned");
                        fs::write(&temporary, &module).unwrap();
                        let _ = renameat(CWD, &temporary, opened, format!("{number}.ko"));
                    }
                });
            }
        });
        assert_eq!(machine.outside(), before, "{mode:?}");
    }
}

#[test]
fn a_signature_that_becomes_a_link_in_mid_run_is_still_replaced() {
    for mode in Mode::BOTH {
        let machine = Machine::new();
        let signature = format!("boot/initramfs-{VERSION}.img.sig");
        machine.write(&signature, "old");
        machine.link("/etc/shadow", "boot/trap");
        let before = machine.outside();
        race(&machine.path(&signature), &machine.path("boot/trap"), || {
            let output = machine.slot(mode, "grub");
            assert_ne!(output.status.code(), Some(70), "{}", text(&output));
            fs::remove_file(machine.path("boot/trap")).ok();
            machine.link("/etc/shadow", "boot/trap");
        });
        assert_eq!(machine.outside(), before, "{mode:?}");
    }
}

#[test]
fn an_image_that_is_exchanged_in_mid_run_is_signed_whole_or_not_at_all() {
    let machine = Machine::new();
    let mut other = minimal_image();
    let last = other.len() - 1;
    other[last] ^= 1;
    let kernel = format!("boot/vmlinuz-{VERSION}");
    let contents = [minimal_image(), other.clone()];
    race(&machine.path(&kernel), &machine.path("boot/other"), || {
        machine.write("boot/new", &contents[0]);
        fs::rename(machine.path("boot/new"), machine.path(&kernel)).unwrap();
        machine.write("boot/new", &contents[1]);
        fs::rename(machine.path("boot/new"), machine.path("boot/other")).unwrap();
        machine.slot(Mode::Traditional, "image");
        for name in [kernel.as_str(), "boot/other"] {
            let bytes = machine.read(name);
            let image = Image::parse(&bytes).unwrap();
            match image.signatures() {
                [] => assert!(contents.contains(&bytes), "{name}"),
                [signature] => signature.signature().unwrap().verify_integrity(&image).unwrap(),
                more => panic!("{name} has {} signatures", more.len()),
            }
        }
    });
}
