//! Modules in initramfs images made by other people's tools, and loaded ones.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use super::measured::unified;
use super::{ELSEWHERE, KERNEL, Machine, says, unsigned_module};
use crate::support::{refuse, succeed, tool};

const INITRD: &str = "boot/initrd";

/// The archive that cpio makes of files, by name and content.
pub fn cpio(files: &[(&str, &[u8])]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    pack(directory.path())
}

/// The archive that cpio makes of a directory.
fn pack(directory: &Path) -> Vec<u8> {
    let mut names = tool("find");
    let names = succeed(names.args([".", "-mindepth", "1"]).current_dir(directory));
    let mut cpio = tool("cpio");
    filter(
        cpio.args(["--quiet", "-o", "-H", "newc"]).current_dir(directory),
        names.as_bytes(),
    )
}

/// The output of a command for an input.
fn filter(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "{command:?}");
    output.stdout
}

fn signed_module(machine: &Machine) -> Vec<u8> {
    fs::read(machine.path(&format!("lib/modules/{KERNEL}/kernel/x.ko"))).unwrap()
}

impl Machine {
    /// Installs an initramfs, signed for GRUB.
    fn initramfs(&self, image: &[u8]) {
        self.write(INITRD, image);
        self.run(["sign", "grub"], &["boot/grub"]);
    }
}

#[test]
fn an_unsigned_module_in_an_initramfs_is_convicted_however_it_is_packed() {
    let machine = Machine::new();
    let good = signed_module(&machine);
    let early = cpio(&[("kernel/x86/microcode/AuthenticAMD.bin", b"microcode")]);
    let plain = |module: &[u8]| {
        let own = [
            ("init", &b"#!/bin/sh\n"[..]),
            ("usr/lib/modules/6.12/kernel/y.ko", module),
        ];
        cpio(&own)
    };
    let xz = ["--check=crc32", "--lzma2=dict=1MiB"];
    let packers: [(&str, &[&str]); 6] = [
        ("cat", &[]),
        ("gzip", &["-n"]),
        ("xz", &xz),
        ("zstd", &["-q", "-19", "-T0"]),
        ("xz", &["--format=lzma"]),
        ("lz4", &["-l", "-c"]),
    ];
    for (program, options) in packers {
        let packed = |module: &[u8]| {
            let body = filter(tool(program).args(options), &plain(module));
            [early.clone(), body].concat()
        };
        machine.initramfs(&packed(&good));
        assert_eq!(machine.audit(), (0, vec![]), "{program}");
        machine.initramfs(&packed(&unsigned_module()));
        let subject = "/boot/initrd: usr/lib/modules/6.12/kernel/y.ko";
        machine.convicts("modules.initramfs", "fail", subject);
    }
}

#[test]
fn modules_with_several_names_and_packed_ones_are_judged() {
    let machine = Machine::new();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("a.ko"), unsigned_module()).unwrap();
    fs::hard_link(path("a.ko"), path("b.ko")).unwrap();
    machine.initramfs(&pack(directory.path()));
    machine.convicts("modules.initramfs", "fail", "/boot/initrd: ");
    let packed = filter(
        tool("xz").args(["--check=crc32", "--lzma2=dict=1MiB"]),
        &unsigned_module(),
    );
    machine.initramfs(&cpio(&[("lib/a.ko.xz", &packed)]));
    machine.convicts("modules.initramfs", "fail", "/boot/initrd: lib/a.ko.xz");
    machine.initramfs(&cpio(&[("lib/a.ko", b"no ELF at all")]));
    machine.convicts("modules.initramfs", "fail", "/boot/initrd: lib/a.ko");
}

#[test]
fn every_initramfs_is_found_by_its_name_or_by_an_entry() {
    let machine = Machine::new();
    let bad = cpio(&[("lib/y.ko", &unsigned_module())]);
    for name in ["boot/initramfs-6.6.img", "efi/initrd.img-old"] {
        machine.write(name, &bad);
        machine.convicts("modules.initramfs", "fail", &format!("/{name}: lib/y.ko"));
        fs::remove_file(machine.path(name)).unwrap();
    }
    machine.write("efi/0123/6.12/early", &bad);
    let entry = b"title Gentoo\nlinux /EFI/BOOT/BOOTX64.EFI\ninitrd /0123/6.12/early\noptions root=/dev/vda2\n";
    machine.write("efi/loader/entries/0123.conf", entry);
    machine.convicts("modules.initramfs", "fail", "/efi/0123/6.12/early: lib/y.ko");
}

#[test]
fn what_is_no_initramfs_could_not_be_looked_at() {
    let machine = Machine::new();
    let good = cpio(&[("lib/y.ko", &signed_module(&machine))]);
    let zeros = filter(tool("gzip").arg("-1"), &vec![0; 1 << 20]);
    let cut = filter(tool("zstd").arg("-q"), &good);
    let loop_free = [
        (b"garbage".to_vec(), "neither a cpio archive"),
        (good[..good.len() / 2].to_vec(), "ends in the middle"),
        (cut[..cut.len() / 2].to_vec(), "cannot be unpacked"),
        (filter(tool("lz4").arg("-c"), &good), "which no kernel unpacks"),
        (
            [&b"\x02\x21\x4c\x18"[..], b"070701"].concat(),
            "a block of 925906736 bytes, of which 2 are there",
        ),
        ([&zeros[..], b"BZh9"].concat(), "compressed with bzip2"),
    ];
    for (image, reason) in loop_free {
        machine.initramfs(&image);
        let output = machine.bootseal(["audit"]).args(ELSEWHERE).output().unwrap();
        crate::support::remedies::printed(&output);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(reason), "{reason}: {said}");
    }
    // Nothing is followed in a circle.
    machine.initramfs(&good);
    std::os::unix::fs::symlink("initramfs.img", machine.path("boot/initramfs.img")).unwrap();
    std::os::unix::fs::symlink("../kernel", machine.path(&format!("lib/modules/{KERNEL}/kernel/loop"))).unwrap();
    assert_eq!(machine.audit(), (0, vec![]));
}

/// Debian's tool says the same of an image that it made, or that we take apart.
#[test]
fn lsinitramfs_counts_the_same_entries() {
    let machine = Machine::new();
    let files: Vec<(String, Vec<u8>)> = (0..40)
        .map(|n| (format!("usr/lib/modules/m{n}.ko"), signed_module(&machine)))
        .collect();
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, content)| (name.as_str(), &content[..]))
        .collect();
    let body = filter(tool("zstd").args(["-q", "-19"]), &cpio(&files));
    let early = cpio(&[("kernel/x86/microcode/AuthenticAMD.bin", b"microcode")]);
    machine.initramfs(&[early, body].concat());
    let listed = succeed(tool("lsinitramfs").arg(machine.path(INITRD)));
    let entries = listed.lines().filter(|line| *line != ".").count();
    let modules = listed.lines().filter(|line| line.contains("/modules/m")).count();
    let said = succeed(&mut machine.bootseal(["audit", "-v", "--only", "modules.initramfs"]));
    let expected = format!("{modules} of {modules} modules, in {entries} entries");
    assert!(said.contains(&expected), "{expected}: {said}");
}

#[test]
fn loaded_modules_are_matched_to_their_files() {
    let machine = Machine::new();
    let list = "proc/modules";
    let with = |content: &str, subject: &str| {
        machine.write(list, content.as_bytes());
        machine.convicts("modules.loaded", "fail", subject);
    };
    with("ghost 16384 0 - Live 0x0\n", "ghost");
    with("x 16384 0 - Live 0x0 (OE)\n", "x");
    with("x 16384 1 ghost_two,[permanent], Live 0x0 (F)\n", "x");
    machine.write(list, b"x 16384 0 - Live 0x0 (O)\n");
    assert_eq!(machine.audit(), (0, vec![]), "an out-of-tree module is named, no more");
    machine.write("sys/module/x/srcversion", b"0123456789ABCDEF\n");
    machine.convicts("modules.loaded", "fail", "x");
    machine.write("sys/module/x/srcversion", b"");
    fs::remove_file(machine.path("sys/module/x/srcversion")).unwrap();
    // What the compiler's own build ID is, as the kernel shows the note.
    let file = machine.path(&format!("lib/modules/{KERNEL}/kernel/x-y.ko"));
    let source = machine.path("x.c");
    fs::write(&source, "int f(void) { return 8; }").unwrap();
    let object = machine.path("x.o");
    succeed(tool("gcc").args(["-c", "-o"]).args([&object, &source]));
    succeed(tool("ld").args(["-r", "--build-id=sha1", "-o"]).args([&file, &object]));
    let note = machine.path("note");
    let mut objcopy = tool("objcopy");
    succeed(
        objcopy
            .args([
                "-O",
                "binary",
                "-j",
                ".note.gnu.build-id",
                "--set-section-flags",
                ".note.gnu.build-id=alloc",
            ])
            .args([&file, &note]),
    );
    machine.run(["sign", "modules"], &[&format!("lib/modules/{KERNEL}/kernel/x-y.ko")]);
    machine.write(list, b"x_y 16384 0 - Live 0x0\n");
    let shown = "sys/module/x_y/notes/.note.gnu.build-id";
    let mut id = fs::read(&note).unwrap();
    assert!(id.len() > 20);
    machine.write(shown, &id);
    assert_eq!(machine.audit(), (0, vec![]));
    *id.last_mut().unwrap() ^= 1;
    machine.write(shown, &id);
    machine.convicts("modules.loaded", "fail", "x_y");
    machine.write(list, b"../x 1 0 - Live 0x0\n");
    let (code, wrong) = machine.audit();
    assert_eq!((code, wrong[0].0.as_str()), (1, "modules.loaded"));
}

#[test]
fn modules_of_every_kernel_that_can_be_started_are_judged() {
    let machine = Machine::new();
    let next = "6.12.99-next";
    for release in [next, "6.12.98"] {
        machine.write(&format!("lib/modules/{release}/kernel/y.ko"), unsigned_module());
    }
    let audit = ["audit", "-v", "--only", "modules.files"];
    let ours = format!("1 of 1 modules of {KERNEL}");
    // A name that leads elsewhere is followed nowhere.
    unified(&machine, "efi/EFI/Linux/odd.efi", &format!("../modules/{next}"));
    let said = succeed(&mut machine.bootseal(audit));
    assert!(said.contains(&ours), "nothing starts the others: {said}");
    unified(&machine, "efi/EFI/Linux/next.efi", next);
    let said = refuse(&mut machine.bootseal(audit));
    assert!(
        said.contains(&format!("/lib/modules/{next}/kernel/y.ko: the module is not signed")),
        "{said}"
    );
    assert!(
        said.contains(&format!(
            "bootseal sign modules {}",
            machine.path(&format!("lib/modules/{next}")).display()
        )),
        "{said}"
    );
    machine.run(["sign", "modules"], &[&format!("lib/modules/{next}")]);
    let said = succeed(&mut machine.bootseal(audit));
    assert!(
        said.contains(&ours) && said.contains(&format!("1 of 1 modules of {next}")),
        "{said}"
    );
}

/// Headers of arm64's and riscv64's images, and of one whose architecture is none of ours.
#[test]
fn kernels_of_other_architectures_are_kernels_or_could_not_be_looked_at() {
    let machine = Machine::new();
    let next = "6.12.99-next";
    machine.write(&format!("lib/modules/{next}/kernel/y.ko"), unsigned_module());
    let kernel = format!("boot/vmlinuz-{next}");
    for magic in [b"ARM\x64", b"RSC\x05"] {
        let mut image = vec![0; 0x1000];
        image[0x38..0x3c].copy_from_slice(magic);
        // Nobody can tell which modules are its own.
        machine.write(&kernel, &image);
        let said = machine.check("modules.files");
        assert_eq!(said["status"], "could_not_run", "{said:#}");
        says(&said, "not_run", &format!("/{kernel}"), "does not tell its version");
        image.extend(format!("Linux version {next} (builder@host) #1\n\0").bytes());
        machine.write(&kernel, &image);
        let said = machine.check("modules.files");
        assert_eq!(said["status"], "fail", "{said:#}");
        says(
            &said,
            "findings",
            &format!("/lib/modules/{next}/kernel/y.ko"),
            "not signed",
        );
    }
}
