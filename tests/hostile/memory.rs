//! The peak memory of commands on files that are large, or unpack to much.

use std::fs::{self, File};
use std::io::{Read, repeat};
use std::path::Path;
use std::process::Command;

use bootseal::formats::kernel::compression::Compression;

use crate::support::node::{DATABASE, GLOBAL, Node};
use crate::support::{module as compiled, refuse, sign, succeed, text, tool, verify};

/// Most memory that a command may take, in bytes.
const MOST: u64 = 256 << 20;

/// The peak memory of a command, in bytes, with what it printed. It must exit with this code.
fn peak(command: &Command, code: i32) -> (u64, String) {
    let measure = "import resource, subprocess, sys\n\
        code = subprocess.run(sys.argv[1:]).returncode\n\
        print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n\
        sys.exit(code)";
    let mut measured = tool("python3");
    measured
        .args(["-c", measure])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        measured.env(name, value.unwrap());
    }
    let output = measured.output().unwrap();
    let printed = text(&output);
    assert_eq!(output.status.code(), Some(code), "{printed}");
    let kib = printed.lines().find_map(|line| line.strip_prefix("peak ")).unwrap();
    let bytes = kib.trim().parse::<u64>().unwrap() << 10;
    eprintln!("{} MiB: {command:?}", bytes >> 20);
    (bytes, printed)
}

#[track_caller]
fn is_bounded(command: &Command, code: i32) -> String {
    let (bytes, printed) = peak(command, code);
    assert!(bytes < MOST, "{} MiB: {command:?}", bytes >> 20);
    printed
}

/// Signs over SHA-512, which is fast in every profile.
fn signed(path: &Path) -> Command {
    let mut command = sign("modules", &[path]);
    command.args(["--hash", "sha512"]);
    command
}

/// A real module with so many zeros behind it.
fn padded(directory: &Path, zeros: u64) -> impl Read + use<> {
    let module = fs::read(compiled(directory, "small.ko")).unwrap();
    std::io::Cursor::new(module).chain(repeat(0).take(zeros))
}

#[test]
fn a_module_that_is_larger_than_memory_is_signed_and_judged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.ko");
    let mut module = File::create(&path).unwrap();
    std::io::copy(&mut padded(directory.path(), 0), &mut module).unwrap();
    module.set_len(400 << 20).unwrap();
    drop(module);
    is_bounded(&verify(&[&path]), 1);
    is_bounded(&signed(&path), 0);
    assert!(fs::metadata(&path).unwrap().len() > 400 << 20);
    is_bounded(&verify(&[&path]), 0);
    assert!(is_bounded(&signed(&path), 0).contains("unchanged 1"));
    // A bit far from both ends.
    let file = File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"x", 200 << 20).unwrap();
    is_bounded(&verify(&[&path]), 1);
}

#[test]
fn a_module_that_unpacks_to_more_than_memory_is_signed_and_judged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.ko.zst");
    let (size, more) = (300 << 20, 2_u64 << 30);
    let small = fs::metadata(compiled(directory.path(), "small.ko")).unwrap().len();
    let pack = |zeros: u64| {
        let file = File::create(&path).unwrap();
        let mut content = padded(directory.path(), zeros);
        Compression::Zstd.pack_into(&mut content, small + zeros, file).unwrap();
    };
    pack(size);
    is_bounded(&signed(&path), 0);
    is_bounded(&verify(&[&path]), 0);
    pack(more);
    let said = is_bounded(&signed(&path), 1);
    assert!(said.contains("more than 1073741824 bytes"), "{said}");
    is_bounded(&verify(&[&path]), 1);
}

#[test]
fn files_for_grub_are_not_held_to_be_verified() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("initramfs.img");
    let file = File::create(&path).unwrap();
    file.set_len(400 << 20).unwrap();
    succeed(&mut sign("grub", &[&path]));
    is_bounded(&verify(&[&path]), 0);
    is_bounded(&verify(&[directory.path()]), 0);
    std::os::unix::fs::FileExt::write_all_at(&file, b"x", 200 << 20).unwrap();
    is_bounded(&verify(&[&path]), 1);
    let said = refuse(&mut verify(&[directory.path()]));
    assert!(said.contains("initramfs.img"), "{said}");
}

/// A unified image with an initramfs of so many bytes.
fn unified(path: &Path, size: usize) {
    let mut image = bootseal::formats::firmware::authenticode::minimal_image();
    // The last section becomes the initramfs.
    let entry = 64 + 24 + 240 + 2 * 40;
    image[entry..entry + 8].copy_from_slice(b".initrd\0");
    for field in [entry + 8, entry + 16] {
        image[field..field + 4].copy_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
    }
    fs::write(path, image).unwrap();
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(3 * 0x200 + size as u64)
        .unwrap();
}

#[test]
fn images_are_not_held_to_be_signed_and_judged() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("uki.efi"), directory.path().join("copy.efi"));
    unified(&path, 400 << 20);
    is_bounded(&verify(&[&path]), 1);
    is_bounded(&sign("efi", &[&path]), 0);
    is_bounded(&verify(&[&path]), 0);
    let mut again = sign("efi", &[&path]);
    again.arg("--recheck").arg("--output").arg(&copy);
    assert!(is_bounded(&again, 0).contains("unchanged 1"));
    assert_eq!(fs::metadata(&path).unwrap().len(), fs::metadata(&copy).unwrap().len());
    succeed(
        tool("sbverify")
            .arg("--cert")
            .arg(crate::support::keys().join("db.pem"))
            .arg(&path),
    );
    // GRUB reads it too.
    is_bounded(&sign("grub", &[&path]), 0);
    is_bounded(&verify(&[&path]), 0);
    let file = File::options().write(true).open(&path).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"x", 200 << 20).unwrap();
    let said = is_bounded(&verify(&[&path]), 1);
    assert!(said.contains("EFI image") && said.contains("GRUB file"), "{said}");
}

#[test]
fn lists_and_scripts_of_any_size_are_told_as_too_large() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dbx.esl");
    let entries = (32 << 20) / 48;
    let mut list = hex::decode("2616c4c14c509240aca941f936934328").unwrap();
    for number in [28 + 48 * entries, 0, 48] {
        list.extend(u32::to_le_bytes(number));
    }
    list.resize(list.len() + 48 * entries as usize, 7);
    fs::write(&path, list).unwrap();
    let image = directory.path().join("image.efi");
    unified(&image, 1 << 20);
    let mut judged = verify(&[&image]);
    judged.arg("--dbx").arg(&path);
    for command in [&verify(&[&path]), &judged] {
        let said = is_bounded(command, 1);
        assert!(said.contains("larger than 4194304"), "{said}");
    }
    let script = directory.path().join("grub.cfg");
    fs::write(&script, "set a=b; linux /vmlinuz quiet\n".repeat(7_000_000)).unwrap();
    let said = is_bounded(&verify(&[&script]), 1);
    assert!(said.contains("it has more than 524288 words"), "{said}");
    fs::write(&script, format!("#{}\n", "x".repeat(1022)).repeat(200_000)).unwrap();
    let said = is_bounded(&verify(&[&script]), 1);
    assert!(said.contains("it has more than 16777216 bytes"), "{said}");
}

/// Many scripts in GRUB's directory, each of which is small enough by itself.
#[test]
fn scripts_that_are_small_alone_and_large_together_are_told_as_too_large() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("grub.cfg"), "set timeout=5\n").unwrap();
    for number in 0..8 {
        let script = "set a=b; linux /vmlinuz quiet\n".repeat(50_000);
        fs::write(directory.path().join(format!("{number}.cfg")), script).unwrap();
    }
    let said = is_bounded(&verify(&[directory.path()]), 1);
    assert!(
        said.contains("it and the scripts before it have more than 524288 words"),
        "{said}"
    );
}

/// A run holds little of each file that it signs. In the dev profile, of few files, it is some more than docs/limits.md has.
#[test]
fn what_a_run_holds_of_each_file_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let peak_of = |count: u64| {
        let files = directory.path().join(format!("{count}"));
        fs::create_dir(&files).unwrap();
        for number in 0..count {
            fs::write(files.join(format!("module-{number}.mod")), number.to_string()).unwrap();
        }
        fs::write(files.join("grub.cfg"), "set timeout=5\n").unwrap();
        let state = directory.path().join(format!("state-{count}"));
        let mut command = sign("grub", &[&files]);
        command.env("STATE_DIRECTORY", &state);
        let (first, _) = peak(&command, 0);
        let (again, said) = peak(&command, 0);
        assert!(said.contains(&format!("unchanged {}", count + 1)), "{said}");
        assert!(state.join("ledger.jsonl").exists());
        first.max(again)
    };
    let (few, many) = (1000, 4000);
    let each = peak_of(many).saturating_sub(peak_of(few)) / (many - few);
    eprintln!("{each} bytes for each file");
    assert!(each < 3500, "{each} bytes for each file");
}

/// The header of a file of so many bytes in an initramfs.
fn cpio(name: &str, size: u32) -> Vec<u8> {
    let mut header = b"070701".to_vec();
    let length = u32::try_from(name.len() + 1).unwrap();
    for field in [1, 0o100_644, 0, 0, 1, 0, size, 8, 1, 0, 0, length, 0] {
        header.extend(format!("{field:08x}").bytes());
    }
    header.extend(name.bytes().chain([0]));
    header.resize(header.len().next_multiple_of(4), 0);
    header
}

/// Makes an archive with one file of 200 MiB of the initramfs of so many bytes, with which an image ends.
fn fill_initramfs(image: &Path, size: u64) {
    let file = File::options().write(true).open(image).unwrap();
    let (first, last) = (cpio("data", 200 << 20), cpio("TRAILER!!!", 0));
    let start = fs::metadata(image).unwrap().len() - size;
    for (bytes, place) in [(&first, start), (&last, start + first.len() as u64 + (200 << 20))] {
        std::os::unix::fs::FileExt::write_all_at(&file, bytes, place).unwrap();
    }
}

/// A machine whose firmware starts an image that is larger than memory.
#[test]
fn images_are_not_held_to_be_looked_at() {
    let node = Node::new();
    node.partition();
    node.firmware();
    node.set_variable("SetupMode", GLOBAL, 6, &[0]);
    node.set_variable("SecureBoot", GLOBAL, 6, &[1]);
    node.keys(crate::support::keys(), |_| true);
    for (name, vendor) in [("PK", GLOBAL), ("KEK", GLOBAL), ("db", DATABASE)] {
        let lists = fs::read(crate::support::keys().join(format!("{name}.esl"))).unwrap();
        node.set_variable(name, vendor, 0x27, &lists);
    }
    let image = node.directory("efi/EFI/BOOT").join("BOOTX64.EFI");
    unified(&image, 300 << 20);
    let write = |bytes: &[u8], at: u64| {
        let file = File::options().write(true).open(&image).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, bytes, at).unwrap();
    };
    // The section before the initramfs becomes the kernel.
    write(b".linux\0\0", 64 + 24 + 240 + 40);
    fill_initramfs(&image, 300 << 20);
    succeed(&mut sign("efi", &[&image]));
    let said = |arguments: &[&str], code| is_bounded(&node.bootseal(arguments), code);
    assert!(said(&["status"], 1).contains("accepted, signed by"));
    assert!(said(&["enroll", "plan"], 1).contains("BOOTX64.EFI"));
    let audited = said(&["audit", "-v"], 1);
    assert!(
        audited.contains("BOOTX64.EFI .initrd: 0 of 0 modules, in 1 entries"),
        "{audited}"
    );
    write(b"x", 150 << 20);
    assert!(!said(&["status"], 1).contains("accepted, signed by"));
}

/// The same image on a partition that nobody has mounted, and of which firmware may start it.
#[test]
fn images_on_a_partition_that_is_not_mounted_are_not_held() {
    let node = Node::new();
    node.firmware();
    node.keys(crate::support::keys(), |_| true);
    node.write(
        "run/udev/data/b8:17",
        "E:ID_PART_ENTRY_TYPE=c12a7328-f81f-11d2-ba4b-00a0c93ec93b\n",
    );
    node.write("sys/dev/block/8:17/uevent", "MAJOR=8\nMINOR=17\nDEVNAME=sdb1\n");
    let image = node.path("BOOTX64.EFI");
    unified(&image, 300 << 20);
    fill_initramfs(&image, 300 << 20);
    succeed(&mut sign("efi", &[&image]));
    let device = node.directory("dev").join("sdb1");
    let mtools = |program: &str, words: &[&str]| {
        let mut command = tool(program);
        command.env("MTOOLS_SKIP_CHECK", "1").args(words);
        command
    };
    succeed(mtools("mkfs.vfat", &["-F", "32", "-C"]).arg(&device).arg("400000"));
    succeed(mtools("mmd", &["-i"]).arg(&device).args(["::/EFI", "::/EFI/BOOT"]));
    succeed(mtools("mcopy", &["-i"]).arg(&device).arg(&image).arg("::/EFI/BOOT/"));
    fs::remove_file(&image).unwrap();
    let said = || {
        is_bounded(
            &node.bootseal(["audit", "-v", "--only", "boot.images,modules.initramfs"]),
            0,
        )
    };
    let told = said();
    for expected in [
        "BOOTX64.EFI: not let in, signed by test Secure Boot Signing Key",
        "BOOTX64.EFI .initrd: 0 of 0 modules, in 1 entries",
    ] {
        assert!(told.contains(expected), "{told}");
    }
    // A bit in the middle of the file.
    let file = File::options().write(true).open(&device).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"x", 200 << 20).unwrap();
    let told = said();
    assert!(!told.contains("signed by test"), "{told}");
}
