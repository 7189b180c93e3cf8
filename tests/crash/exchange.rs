//! A kernel and its signature for GRUB are replaced at one moment: GRUB's own readers of file systems see one pair or the other while both
//! names are links.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{bootseal, succeed, text, tool};

use super::life::machine;
use super::rotation::Machine;
use super::tracer::{injection, on_one_processor};

const KERNEL: &str = "vmlinuz";
const SIGNATURE: &str = "vmlinuz.sig";

/// A machine whose kernel is signed anew, by another db key, and killed at this call of renameat(2).
fn killed_at(machine: &Machine, nth: usize) -> Machine {
    let machine = machine.duplicate();
    let inject = injection("renameat", &format!("signal=KILL:when={nth}"));
    let output = traced(&machine, &["-e", "trace=renameat", "-e", &inject])
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(9), "{nth}: {}", text(&output));
    machine
}

fn traced(machine: &Machine, options: &[&str]) -> Command {
    let rotate = machine.rotate("db", "node");
    let mut traced = on_one_processor(0);
    traced
        .args(["strace", "-f", "-o"])
        .arg(machine.file("trace"))
        .args(options);
    traced.arg(rotate.get_program()).args(rotate.get_args());
    traced.env("STATE_DIRECTORY", machine.file("state"));
    traced
}

/// Images with the files of a directory, of the file systems that have links and that GRUB reads.
fn images(directory: &Path, at: &Path) -> Vec<PathBuf> {
    let [ext4, btrfs, xfs] = ["ext4", "btrfs", "xfs"].map(|name| at.join(format!("boot.{name}")));
    for image in [&ext4, &btrfs, &xfs] {
        fs::File::create(image).unwrap().set_len(320 << 20).unwrap();
    }
    succeed(
        tool("mke2fs")
            .args(["-q", "-t", "ext4", "-d"])
            .arg(directory)
            .arg(&ext4),
    );
    succeed(tool("mkfs.btrfs").args(["-q", "--rootdir"]).arg(directory).arg(&btrfs));
    let prototype = at.join("prototype");
    fs::write(
        &prototype,
        format!("/dev/null\n0 0\nd--755 0 0\n{}$\n", prototype_of(directory)),
    )
    .unwrap();
    succeed(tool("mkfs.xfs").args(["-q", "-p"]).arg(prototype).arg(&xfs));
    vec![ext4, btrfs, xfs]
}

/// The entries of a directory as mkfs.xfs(8) takes them.
fn prototype_of(directory: &Path) -> String {
    let mut lines = String::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let line = if path.is_symlink() {
            format!("{name} l--777 0 0 {}\n", fs::read_link(&path).unwrap().display())
        } else if path.is_dir() {
            format!("{name} d--755 0 0\n{}$\n", prototype_of(&path))
        } else {
            format!("{name} ---644 0 0 {}\n", path.display())
        };
        lines.push_str(&line);
    }
    lines
}

/// The bytes of a file of an image, as GRUB reads them.
fn read_by_grub(image: &Path, name: &str) -> Vec<u8> {
    let output = tool("grub-fstest")
        .arg(image)
        .args(["cat", &format!("(loop0)/{name}")])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}: {name}: {}",
        image.display(),
        text(&output)
    );
    output.stdout
}

#[test]
fn grub_reads_one_pair_or_the_other_while_both_are_exchanged() {
    let machine = machine();
    let reference = machine.duplicate();
    let output = traced(&reference, &["-e", "trace=renameat"]).output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let renames = fs::read_to_string(reference.file("trace")).unwrap();
    let renames: Vec<&str> = renames.lines().filter(|line| line.contains(" renameat(")).collect();
    let exchange = renames.iter().position(|line| line.contains("\"next\"")).unwrap() + 1;
    let boot = "root/boot";
    let before = fs::read(machine.file(boot).join(KERNEL)).unwrap();
    let mut seen = BTreeSet::new();
    // Before the exchange, after it, and with the kernel in its place already.
    for nth in [exchange, exchange + 1, exchange + 2] {
        let machine = killed_at(&machine, nth);
        let boot = machine.file(boot);
        let are_links = [KERNEL, SIGNATURE].map(|name| boot.join(name).is_symlink());
        seen.insert((nth, are_links));
        for image in images(&boot, &machine.file("")) {
            let place = machine.file("read");
            fs::create_dir_all(&place).unwrap();
            for name in [KERNEL, SIGNATURE] {
                fs::write(place.join(name), read_by_grub(&image, name)).unwrap();
            }
            assert_eq!(
                fs::read(place.join(KERNEL)).unwrap() == before,
                nth == exchange,
                "{nth}: {}",
                image.display()
            );
            let mut gpgv = tool("gpgv");
            gpgv.arg("--keyring").arg(machine.file("node/grub.gpg"));
            succeed(gpgv.arg(place.join(SIGNATURE)).arg(place.join(KERNEL)));
        }
        // What looks at them meanwhile sees files, and the next run has them be files again.
        let mut verify = bootseal(["verify", "--keys"]);
        let said = text(
            &verify
                .arg(machine.file("node"))
                .arg(boot.join(KERNEL))
                .output()
                .unwrap(),
        );
        assert!(
            said.contains("✓") && said.contains("(GRUB file): signed by"),
            "{nth}: {said}"
        );
        succeed(&mut machine.rotate("db", "node"));
        for entry in fs::read_dir(&boot).unwrap().map(|entry| entry.unwrap()) {
            assert!(
                entry.file_type().unwrap().is_file(),
                "{nth}: {} is left",
                entry.path().display()
            );
        }
    }
    assert_eq!(
        seen,
        [
            (exchange, [true, true]),
            (exchange + 1, [true, true]),
            (exchange + 2, [false, true])
        ]
        .into()
    );
}
