//! A machine whose next start is at stake: the content of its disk and all that bootseal looks at of it, as a tree.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tempfile::TempDir;

use super::super::bootseal::Bootseal;
use super::super::disk::{DISK_UUID, boot_option};
use super::super::grub::image::Version;
use super::super::guest::{Archive, COMMAND_LINE, unified_image};
use super::super::machine::{Machine, Serial};
use super::super::node::{MODULES, Root, put_modules};
use super::super::packages::{Kernel, run};
use super::Place;
use crate::support::node::{DATABASE, GLOBAL, Node};
use crate::support::programs::{BUSYBOX, SYSTEMD_BOOT, host_file, judge, tool};
use crate::support::text;

/// Where the firmware falls back to.
pub const FALLBACK: &str = "boot/EFI/BOOT/BOOTX64.EFI";

/// The machine.
pub struct Scratch {
    pub node: Node,
    /// The program, with the keys of the ceremony.
    pub bootseal: Bootseal,
    /// Another ceremony, of which the machine knows nothing.
    pub foreign: Bootseal,
    /// The kernel that starts, and the one of before.
    pub kernels: [Kernel; 2],
    /// The firmware, with the keys.
    machine: Machine,
    work: TempDir,
}

/// Debian's GRUB, unsigned.
const GRUB: &str = "/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi";
/// The same, signed by Debian.
const DEBIANS_GRUB: &str = "signed/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed";
/// All that a machine can have signed.
const CONFIGURATION: &str = "[sign]\nmodules = [\"/lib/modules\"]\nefi = [{ path = \"/boot/vmlinuz-*-amd64\", optional = true }, \
    { path = \"/boot/EFI/Linux/*.efi\", optional = true }]\ngrub = [{ path = \"/boot/grub\", optional = true }]\n\
    [grub]\nremovable = true\n";
/// The boot options that the ways choose, by name.
const OPTIONS: [(&str, &str); 2] = [
    ("gone", "\\EFI\\gone\\grubx64.efi"),
    ("debian", "\\EFI\\debian\\grubx64.efi"),
];

impl Scratch {
    /// A machine with two kernels that GRUB starts, by its menu and an image that enforces signatures.
    pub fn with_grub() -> Self {
        let scratch = Self::without_kernels();
        let root = scratch.tree();
        for kernel in scratch.kernels.iter().rev() {
            root.install(&scratch.bootseal, kernel);
        }
        let said = scratch.script("bootseal grub install");
        assert!(said.status.success(), "{}", text(&said));
        scratch
    }

    /// A machine with two unified images that systemd-boot starts.
    pub fn with_systemd_boot() -> Self {
        let scratch = Self::without_kernels();
        let root = scratch.tree();
        let node = &scratch.node;
        for kernel in scratch.kernels.iter().rev() {
            let release = kernel.release();
            put_modules(node.root(), kernel);
            run(&mut root.sign_modules(&scratch.bootseal, kernel));
            node.directory("boot/EFI/Linux");
            let image = node.path(&format!("boot/EFI/Linux/linux-{release}.efi"));
            scratch.unified(kernel, release, &image);
            fs::copy(&image, scratch.part(&format!("unsigned-{release}.efi"))).expect("copied");
        }
        let [new, old] = &scratch.kernels;
        scratch.unified(new, old.release(), &scratch.part("other-initramfs.efi"));
        let module = format!("lib/modules/{}/kernel/drivers/block/virtio_blk.ko", new.release());
        let signed = node.read(&module);
        node.write(&module, fs::read(scratch.part(&module)).expect("a module"));
        scratch.unified(new, new.release(), &scratch.part("unsigned-module.efi"));
        node.write(&module, signed);
        for loader in [FALLBACK, "boot/EFI/systemd/systemd-bootx64.efi"] {
            node.write(loader, fs::read(SYSTEMD_BOOT).expect("systemd-boot"));
            let said = scratch.script(&format!("bootseal sign efi {loader}"));
            assert!(said.status.success(), "{}", text(&said));
        }
        node.write("boot/loader/loader.conf", "timeout 0\n");
        // That which starts by itself is signed first: a run ends with the next start.
        for kernel in &scratch.kernels {
            let said = scratch.script(&format!(
                "bootseal hook run --accept-changed boot all {}",
                kernel.release()
            ));
            assert!(said.status.success(), "{}", text(&said));
        }
        scratch
    }

    /// Keys, firmware, hooks, and the running kernel as far as it is looked at.
    fn without_kernels() -> Self {
        let work = tempfile::tempdir().expect("a temporary folder");
        let [bootseal, foreign] = ["keys", "foreign"].map(|name| Bootseal::ceremony(&work.path().join(name)));
        let root = work.path().join("root");
        fs::create_dir(&root).expect("a folder");
        let machine = Machine::in_setup_mode();
        bootseal.enroll_image(machine.variables());
        let scratch = Self {
            node: Node::at(fs::canonicalize(root).expect("a folder")),
            bootseal,
            foreign,
            kernels: Kernel::newest_ones(),
            machine,
            work,
        };
        let root = scratch.tree();
        root.make(&scratch.bootseal, &scratch.bootseal.keys, COMMAND_LINE, &[]);
        let node = &scratch.node;
        node.chmod("etc/bootseal/keys", 0o700);
        node.write("boot/initrd-common.img", common_initrd());
        node.write("etc/bootseal/config.toml", CONFIGURATION);
        node.write("usr/bin/bootseal", "#!/bin/sh\n");
        node.chmod("usr/bin/bootseal", 0o755);
        scratch.firmware();
        scratch.running_kernel();
        scratch.parts();
        scratch
    }

    fn tree(&self) -> Root {
        Root(self.node.root().to_owned())
    }

    /// Secure Boot with the keys.
    fn firmware(&self) {
        let node = &self.node;
        for (name, vendor) in [("PK", GLOBAL), ("KEK", GLOBAL), ("db", DATABASE), ("dbx", DATABASE)] {
            node.set_variable(name, vendor, 0x27, &self.bootseal.list(name));
        }
        node.set_variable("SecureBoot", GLOBAL, 6, &[1]);
        node.set_variable("SetupMode", GLOBAL, 6, &[0]);
        node.directory("boot/EFI");
        node.chmod("boot", 0o700);
        node.write("proc/self/mountinfo", "30 22 8:1 / /boot rw - vfat /dev/vda1 rw\n");
    }

    fn running_kernel(&self) {
        let id = self.bootseal.key_on_keyring("db");
        let [_, running] = &self.kernels;
        self.node.write_all([
            ("proc/sys/kernel/osrelease", format!("{}\n", running.release())),
            ("proc/sys/kernel/hostname", "node\n".to_owned()),
            ("sys/class/dmi/id/sys_vendor", "QEMU\n".to_owned()),
            (
                "sys/kernel/security/lockdown",
                "none [integrity] confidentiality\n".to_owned(),
            ),
            ("sys/module/module/parameters/sig_enforce", "Y\n".to_owned()),
            ("proc/cmdline", "root=/dev/vda2 ro quiet\n".to_owned()),
            ("proc/sys/kernel/tainted", "0\n".to_owned()),
            (
                "proc/keys",
                format!("2f3ab2bb I------     1 perm 1f030000     0     0 asymmetri {id}\n"),
            ),
        ]);
    }

    /// The files that the ways put into their places, and the programs that a real machine has.
    fn parts(&self) {
        for kernel in &self.kernels {
            put_modules(&self.work.path().join("parts"), kernel);
            self.sources(kernel.release(), kernel.image());
        }
        for (name, path) in OPTIONS {
            let option = [&7_u32.to_le_bytes()[..], &boot_option(path)].concat();
            fs::write(self.part(&format!("Boot0001-{name}")), option).expect("written");
        }
        let order = [7, 0, 0, 0, 1, 0];
        fs::write(self.part("BootOrder"), order).expect("written");
        let db = [&0x27_u32.to_le_bytes()[..], &self.foreign.list("db")].concat();
        fs::write(self.part("foreign-db"), db).expect("written");
        fs::write(self.part("functions.sh"), include_str!("functions.sh")).expect("written");
        // On a real machine grub-probe, sysfs and the distribution's places tell this.
        let mkimage = Version::V2_12.mkimage(self.work.path());
        let menu = self.node.path("boot/grub/grub.cfg");
        let program = format!(
            "#!/bin/sh\ncase \" $*\" in\n*\" --root \"*) ;;\n*) set -- --root '{root}' \"$@\" ;;\nesac\n\
             case \" $*\" in\n*\" grub install\"*\" --fs-uuid \"*) set -- \"$@\" --no-nvram {common} ;;\n\
             *\" grub install\"*) set -- \"$@\" --no-nvram --fs-uuid {DISK_UUID} {common} ;;\nesac\nexec '{program}' \"$@\"\n",
            root = self.node.root().display(),
            common = format!(
                "--grub-path /grub --menu '{}' --modules-dir '{}' --mkimage '{}'",
                menu.display(),
                Version::V2_12.modules().display(),
                mkimage.display()
            ),
            program = self.bootseal.program.display(),
        );
        let directory = self.work.path().join("bin");
        fs::create_dir(&directory).expect("a folder");
        let mkconfig = format!(
            "#!/bin/sh\nROOT='{root}' exec '{root}/usr/lib/kernel/postinst.d/91-grub-mkconfig'\n",
            root = self.node.root().display()
        );
        let dracut = format!(
            "#!/bin/sh\ncd '{root}'\n. '{functions}'\ninitramfs \"$3\"\n",
            root = self.node.root().display(),
            functions = self.part("functions.sh").display()
        );
        self.node.write("usr/bin/dracut", "");
        // No system is in the root that could run these.
        let chroot = "#!/bin/sh\ncd \"$1\" && shift\ncase $1 in\nmake) exec make -C \".$3\" \"$4\" ;;\n*) exec \"$@\" ;;\nesac\n";
        let bootctl = "#!/bin/sh\nset -e\n. \"$parts/functions.sh\"\n\
                       for file in boot/EFI/BOOT/BOOTX64.EFI boot/EFI/systemd/systemd-bootx64.efi; do\n\
                       mkdir -p \"${file%/*}\"\ncat \"$systemd_boot\" >\"$file\"\ndone\n";
        for (name, text) in [
            ("bootseal", program),
            ("grub-mkconfig", mkconfig),
            ("dracut", dracut),
            ("bootctl", bootctl.to_owned()),
            ("chroot", chroot.to_owned()),
        ] {
            let path = directory.join(name);
            fs::write(&path, text).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("made executable");
        }
    }

    /// The tree that a kernel was built in.
    fn sources(&self, release: &str, image: &Path) {
        let sources = format!("usr/src/linux-{release}");
        let makefile = format!(
            "install:\n\tcd '{}' && . '{}' && install_kernel {release}\n",
            self.node.root().display(),
            self.part("functions.sh").display()
        );
        self.node.write(&format!("{sources}/Makefile"), makefile);
        let image = fs::read(image).expect("an image");
        self.node.write(&format!("{sources}/arch/x86/boot/bzImage"), image);
        self.node.directory(&format!("lib/modules/{release}"));
        let link = self.node.path(&format!("lib/modules/{release}/build"));
        symlink(format!("../../../{sources}"), link).expect("a link");
    }

    fn part(&self, name: &str) -> PathBuf {
        self.work.path().join("parts").join(name)
    }

    /// A unified image of a kernel, with the initramfs of that release.
    fn unified(&self, kernel: &Kernel, release: &str, image: &Path) {
        let initrd = self.work.path().join("initrd");
        let script = format!(
            "initramfs {release}; cat boot/initrd-common.img boot/initramfs-{release}.img >'{}'; rm boot/initramfs-{release}.img",
            initrd.display()
        );
        let said = self.script(&script);
        assert!(said.status.success(), "{}", text(&said));
        unified_image(kernel, &initrd, image);
    }

    /// Starts the machine, with somebody at the keyboard, until it is off or these words are said.
    pub fn start(&self, conversation: &[(&str, &str)], last_words: Option<&str>) -> Serial {
        let last_words: Vec<&str> = last_words.into_iter().collect();
        let firmware = self.machine.twin();
        firmware.talk_until(&self.node.path("boot"), conversation, &last_words)
    }

    /// True if the kernel that starts by itself is there.
    pub fn has_newest_kernel(&self) -> bool {
        let release = self.kernels[0].release();
        let names = [
            format!("boot/vmlinuz-{release}"),
            format!("boot/EFI/Linux/linux-{release}.efi"),
        ];
        names.iter().any(|name| self.node.path(name).is_file())
    }

    /// A copy of the machine as it is.
    pub fn keep(&self) -> TempDir {
        let kept = tempfile::tempdir().expect("a temporary folder");
        run(tool("cp").arg("-a").arg(self.node.root()).arg(kept.path()));
        kept
    }

    /// The machine as it was.
    pub fn bring_back(&self, kept: &TempDir) {
        fs::remove_dir_all(self.node.root()).expect("removed");
        run(tool("cp").arg("-a").arg(kept.path().join("root")).arg(self.node.root()));
    }
}

impl Place for Scratch {
    fn script(&self, commands: &str) -> Output {
        let [new, old] = &self.kernels;
        let path = std::env::var("PATH").expect("a path of programs");
        let mut shell = tool("sh");
        shell
            .args(["-euc", &format!(". \"$parts/functions.sh\"\n{commands}")])
            .current_dir(self.node.root())
            .env("PATH", format!("{}:{path}", self.work.path().join("bin").display()))
            .env("parts", self.work.path().join("parts"))
            .env("program", &self.bootseal.program)
            .env("foreign", &self.foreign.keys)
            .env("image", new.image())
            .env("uki", format!("boot/EFI/Linux/linux-{}.efi", new.release()))
            .env("disk", format!("kernel/{}", MODULES[0]))
            .env("grub", host_file(GRUB))
            .env("debians_grub", judge(DEBIANS_GRUB))
            .env("systemd_boot", host_file(SYSTEMD_BOOT))
            .env("keys", &self.bootseal.keys)
            .env("new", new.release())
            .env("old", old.release())
            .stdin(Stdio::null());
        shell.output().expect("the shell can be started")
    }
}

/// The initrd of every kernel: a shell and the guest's script.
fn common_initrd() -> Vec<u8> {
    let mut archive = Archive::default();
    archive.file("/init", 0o755, include_bytes!("init.sh"));
    archive.program("/bin/busybox", Path::new(BUSYBOX));
    for directory in ["/boot", "/dev", "/proc", "/sys", "/lib/modules"] {
        archive.directory(directory);
    }
    archive.finish()
}
