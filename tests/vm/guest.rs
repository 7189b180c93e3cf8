//! The content of the virtual machine: an initrd of busybox, the program under test and `init.sh`,
//! and a unified kernel image of it.

use super::packages::{Kernel, run};
use crate::support::programs::{BUSYBOX, EFI_STUB, KMOD, judge, tool};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Said by the guest as soon as it can.
pub const FIRST_WORDS: &str = "vm: started with ";
/// Said by the guest when it has nothing more to say.
pub const LAST_WORDS: &str = "vm: done";

/// The libraries that Debian 13's kmod is linked to or loads by itself; the first is its loader.
const MODINFO_LIBRARIES: [&str; 7] = [
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libcrypto.so.3",
    "libkmod.so.2",
    "liblzma.so.5",
    "libz.so.1",
    "libzstd.so.1",
];

/// Silent but for what is fatal; a panic switches the machine off. The kernel's check of its timer does not bear an
/// emulator that has to wait for a processor, and panics.
pub const COMMAND_LINE: &str = "console=ttyS0 panic=-1 no_timer_check quiet";

/// A unified kernel image: systemd's stub with the kernel, its initrd and its command line.
pub fn unified_image(kernel: &Kernel, initrd: &Path, image: &Path) {
    let work = tempfile::tempdir().expect("a temporary folder");
    let os_release = work.path().join("os-release");
    let command_line = work.path().join("cmdline");
    fs::write(&os_release, "ID=bootseal-vm\nNAME=bootseal\n").expect("written");
    fs::write(&command_line, COMMAND_LINE).expect("written");

    let mut objcopy = tool("objcopy");
    let mut address = end_of_stub();
    for (section, file) in [
        (".osrel", os_release.as_path()),
        (".cmdline", &command_line),
        (".linux", kernel.image()),
        (".initrd", initrd),
    ] {
        objcopy
            .arg("--add-section")
            .arg(format!("{section}={}", file.display()));
        objcopy
            .arg("--change-section-vma")
            .arg(format!("{section}={address:#x}"));
        address = page_after(address + file.metadata().expect("a section's file").len());
    }
    run(objcopy.arg(EFI_STUB).arg(image));
}

/// Where sections can be added: objcopy would put them over those of the stub.
fn end_of_stub() -> u64 {
    let stub = fs::read(EFI_STUB).expect("the stub can be read");
    let stub = goblin::pe::PE::parse(&stub).expect("the stub is a PE image");
    let ends = stub
        .sections
        .iter()
        .map(|section| u64::from(section.virtual_address + section.virtual_size));
    page_after(ends.max().expect("the stub has sections"))
}

fn page_after(address: u64) -> u64 {
    address.next_multiple_of(0x1000)
}

/// The parts of the initrd.
pub struct System<'a> {
    pub kernel: &'a Kernel,
    /// The program under test: `/bin/bootseal`.
    pub program: &'a Path,
    /// The keys that are enrolled, of which only the public part goes to `/keys`.
    pub keys: &'a Path,
    /// Those of another ceremony, `/former`: its db is there before bootseal comes, and its private keys are the ones
    /// that the guest itself signs with.
    pub former: &'a Path,
    /// The modules to be tried, by name, in `/modules/try`.
    pub modules: &'a [(String, Vec<u8>)],
    /// An image of a FAT file system, `/fat.img`.
    pub fat: &'a Path,
}

/// Modules of the kernel that the guest needs, with the signature of Debian's build.
const OWN_MODULES: [&str; 6] = [
    "drivers/block/loop.ko",
    "fs/efivarfs/efivarfs.ko",
    "fs/fat/fat.ko",
    "fs/fat/vfat.ko",
    "fs/nls/nls_ascii.ko",
    "fs/nls/nls_cp437.ko",
];

impl System<'_> {
    /// The initrd.
    pub fn initrd(&self) -> Vec<u8> {
        let mut archive = Archive::default();
        archive.file("/init", 0o755, include_bytes!("init.sh"));
        archive.program("/bin/busybox", Path::new(BUSYBOX));
        // It goes by the name that it is called by.
        archive.program("/kmod/insmod", Path::new(KMOD));
        archive.modinfo("/modinfo");
        archive.program("/bin/bootseal", self.program);
        archive.c_program("/bin/finit_module", include_str!("finit_module.c"));
        for directory in ["/dev", "/proc", "/sys", "/tmp", "/var/lib"] {
            archive.directory(directory);
        }
        // Private keys stay on the host: enrolling needs none.
        archive.keys("/keys", self.keys, |path| {
            path.extension().is_none_or(|extension| extension != "key")
        });
        archive.keys("/former", self.former, |_| true);
        for path in OWN_MODULES {
            let (_, name) = path.rsplit_once('/').expect("a path");
            archive.file(&format!("/modules/{name}"), 0o644, &self.kernel.module(path));
        }
        for (name, module) in self.modules {
            archive.file(&format!("/modules/try/{name}"), 0o644, module);
        }
        archive.file("/fat.img", 0o644, &fs::read(self.fat).expect("a FAT file system"));
        archive.finish()
    }
}

/// A guest that does what it is told on its disk, as an administrator would.
pub struct Administered<'a> {
    pub kernel: &'a Kernel,
    /// The program under test: `/bin/bootseal`.
    pub program: &'a Path,
    /// Key directories with their private keys, and where they go.
    pub keys: &'a [(&'a str, &'a Path)],
}

/// The modules that mount a FAT file system from a virtio disk, in the order of loading.
pub const DISK_MODULES: [&str; 6] = [
    "fs/efivarfs/efivarfs.ko",
    "drivers/block/virtio_blk.ko",
    "fs/nls/nls_cp437.ko",
    "fs/nls/nls_ascii.ko",
    "fs/fat/fat.ko",
    "fs/fat/vfat.ko",
];

impl Administered<'_> {
    /// The initrd.
    pub fn initrd(&self) -> Vec<u8> {
        let mut archive = Archive::default();
        archive.file("/init", 0o755, include_bytes!("administered.sh"));
        archive.program("/bin/busybox", Path::new(BUSYBOX));
        archive.program("/bin/bootseal", self.program);
        for directory in ["/dev", "/proc", "/sys", "/tmp", "/var/lib", "/efi"] {
            archive.directory(directory);
        }
        for (name, directory) in self.keys.iter().copied() {
            archive.keys(name, directory, |_| true);
        }
        for (number, path) in DISK_MODULES.iter().enumerate() {
            archive.file(&format!("/modules/{number:02}.ko"), 0o644, &self.kernel.module(path));
        }
        archive.finish()
    }
}

/// The initrd of a guest that says that it was started, and whether the kernel is locked down.
pub fn silent() -> Vec<u8> {
    let mut archive = Archive::default();
    archive.file("/init", 0o755, include_bytes!("started.sh"));
    archive.program("/bin/busybox", Path::new(BUSYBOX));
    for directory in ["/proc", "/sys"] {
        archive.directory(directory);
    }
    archive.finish()
}

/// A cpio archive in the one format that the kernel unpacks, "newc"; everything belongs to root.
#[derive(Default)]
pub struct Archive {
    bytes: Vec<u8>,
    names: BTreeSet<String>,
}

impl Archive {
    /// A program without its debugging information, which can be 100 MB, and with the libraries it
    /// was linked to.
    pub fn program(&mut self, name: &str, program: &Path) {
        let work = tempfile::tempdir().expect("a temporary folder");
        let stripped = work.path().join("stripped");
        run(tool("strip").arg("--strip-debug").arg("-o").arg(&stripped).arg(program));
        self.file(name, 0o755, &fs::read(stripped).expect("the stripped program"));

        let libraries = tool("ldd").arg(program).output().expect("ldd can be started").stdout;
        let libraries = String::from_utf8(libraries).expect("ldd writes UTF-8");
        assert!(
            !libraries.contains("not found"),
            "{} lacks libraries:\n{libraries}",
            program.display()
        );
        for library in libraries.split_whitespace().filter(|word| word.starts_with('/')) {
            self.file(library, 0o755, &fs::read(library).expect("a library"));
        }
    }

    /// A program from its source, in need of no library.
    fn c_program(&mut self, name: &str, source: &str) {
        self.file(name, 0o755, &compiled(source));
    }

    /// The files of a key directory that are wanted.
    pub fn keys(&mut self, name: &str, directory: &Path, wanted: impl Fn(&Path) -> bool) {
        for entry in fs::read_dir(directory).expect("the ceremony's folder can be read") {
            let path = entry.expect("the ceremony's folder can be read").path();
            if path.is_file() && wanted(&path) {
                let file = path.file_name().expect("a name").display();
                self.file(&format!("{name}/{file}"), 0o400, &fs::read(&path).expect("a key"));
            }
        }
    }

    /// Debian 13's kmod, which knows signatures over SHA3-512, with the loader and the libraries that it wants.
    fn modinfo(&mut self, directory: &str) {
        let root = judge("kmod/usr");
        let program = [root.join("bin/kmod")];
        let libraries = MODINFO_LIBRARIES.map(|name| root.join("lib/x86_64-linux-gnu").join(name));
        for path in program.iter().chain(&libraries) {
            let name = path.file_name().expect("a name").display();
            let content = fs::read(path).expect("a file of kmod and its libraries");
            self.file(&format!("{directory}/{name}"), 0o755, &content);
        }
    }

    /// Every file below a directory of the host, with its permissions, at the same path below the archive's root.
    pub fn tree(&mut self, root: &Path) {
        let mut directories = vec![root.to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("the tree can be read") {
                let path = entry.expect("the tree can be read").path();
                if path.is_dir() {
                    directories.push(path);
                    continue;
                }
                let name = path.strip_prefix(root).expect("a path below the root").display();
                let permissions = path.metadata().expect("a file").permissions().mode() & 0o777;
                self.file(&format!("/{name}"), permissions, &fs::read(&path).expect("a file"));
            }
        }
    }

    /// A file and the directories above it; a name that is there already stays as it is.
    pub fn file(&mut self, name: &str, permissions: u32, content: &[u8]) {
        let (parent, _) = name.rsplit_once('/').expect("an absolute name");
        self.directory(parent);
        self.entry(name, 0o100_000 | permissions, content);
    }

    pub fn directory(&mut self, name: &str) {
        for (end, _) in name.match_indices('/').skip(1).chain([(name.len(), "")]) {
            self.entry(&name[..end], 0o040_755, &[]);
        }
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        if name.is_empty() || !self.names.insert(name.to_owned()) {
            return;
        }
        let inode = self.names.len();
        self.record(inode, name, mode, content);
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.record(0, "TRAILER!!!", 0, &[]);
        self.bytes
    }

    /// A header of 6 + 13 * 8 characters, the name with its NUL, the content; each padded to 4 bytes.
    fn record(&mut self, inode: usize, name: &str, mode: u32, content: &[u8]) {
        let name = name.trim_start_matches('/');
        let (links, name_size, size) = (1, name.len() + 1, content.len());
        self.bytes.extend(b"070701");
        // inode, mode, user, group, links, time, size, 4 device numbers, size of the name, checksum
        let mode = mode as usize;
        for field in [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0] {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes().chain([0]));
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

/// The program of this C source, which needs no library.
pub fn compiled(source: &str) -> Vec<u8> {
    let work = tempfile::tempdir().expect("a temporary folder");
    let (file, program) = (work.path().join("source.c"), work.path().join("program"));
    fs::write(&file, source).expect("written");
    run(tool("gcc").args(["-static", "-s", "-o"]).arg(&program).arg(&file));
    fs::read(program).expect("the program")
}
