//! A scratch machine: this one's files under a layer of its own, into which it is chrooted.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bootseal::formats::firmware::authenticode::minimal_image;
use tempfile::TempDir;

use crate::support::kernel::{Built, initramfs};
use crate::support::node::contents;
use crate::support::{keys, module_certificate, text, tool};
use crate::vm::packages::Kernel;

/// Mounts the layer below $1, puts the program $2 in place, and runs the script $3 in it.
const ENTER: &str = r#"set -e
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
mount --rbind /dev "$1/root/dev"
mount -t proc proc "$1/root/proc"
mount -t sysfs sysfs "$1/root/sys"
# It has no disks: those of the host are none of its own, and may not be readable.
mount -t tmpfs none "$1/root/sys/class/block"
: >>"$1/root/usr/local/bin/bootseal"
mount --bind "$2" "$1/root/usr/local/bin/bootseal"
exec chroot "$1/root" /bin/sh -euc "$3""#;
/// Removes the files that the host may have and the scratch machine has not.
const CLEAN: &str = "for d in /boot /efi /etc/kernel /etc/portage /etc/bootseal /var/lib/bootseal /usr/lib/modules; do \
    rm -rf $d; done; mkdir -p /boot /etc/kernel /usr/lib/modules /etc/bootseal";
/// Stands for `91-grub-mkconfig`: a menu that is another one each time, with an entry for each kernel and for a tool.
pub const GRUB_MKCONFIG: &str = r##"cp /boot/grub/grub.cfg /boot/grub/grub.cfg~
{ echo "# $(date +%N)"
for kernel in /boot/vmlinuz-* /boot/kernel-* /boot/token/*/linux; do
    case $kernel in *.sig | *.old) continue ;; esac
    [ ! -f "$kernel" ] || printf 'menuentry x {\nlinux %s\n}\n' "${kernel#/boot}"
done
printf 'menuentry x {\nchainloader /memtest.efi\n}\n'; } >/boot/grub/grub.cfg"##;
/// The modules of the real kernel that are installed, enough to be signed and loaded together.
const MODULES: [&str; 6] = [
    "drivers/block/loop.ko.xz",
    "drivers/block/virtio_blk.ko.xz",
    "fs/fat/fat.ko.xz",
    "fs/fat/vfat.ko.xz",
    "fs/nls/nls_cp437.ko.xz",
    "net/ipv4/netfilter/ip_tables.ko.xz",
];

/// The machine. It is root's: mounting and chroot take that.
pub struct Machine {
    layer: TempDir,
    pub kernel: Kernel,
}

impl Machine {
    /// A machine with no kernel installed, the modules and the image of one in `/usr/lib/modules` and `/usr/src`, and
    /// bootseal's keys.
    pub fn new() -> Self {
        // An upper layer cannot be on the file system that is below it.
        let layer = tempfile::tempdir_in("/dev/shm").unwrap();
        fs::set_permissions(layer.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["upper", "work", "root"] {
            fs::create_dir(layer.path().join(name)).unwrap();
        }
        let machine = Self {
            layer,
            kernel: Kernel::newest(),
        };
        machine.succeed(CLEAN);
        machine.add_modules();
        machine.build(&Built {
            release: machine.kernel.release(),
            certificates: &[module_certificate().as_der()],
            config: None,
        });
        machine.write("boot/memtest.efi", &minimal_image());
        machine.write(
            "var/db/pkg/sys-apps/memtest86+-7/CONTENTS",
            contents("/boot/memtest.efi", &minimal_image()).as_bytes(),
        );
        machine.write("usr/share/initramfs", &initramfs("#!/bin/sh\n"));
        let directory = machine.path("etc/bootseal/keys");
        fs::create_dir_all(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        for entry in fs::read_dir(keys()).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, directory.join(path.file_name().unwrap())).unwrap();
        }
        machine
    }

    /// Puts a kernel that is built like this where the next installation takes it from, in the image of the real one.
    pub fn build(&self, built: &Built<'_>) {
        let image = built.within(&fs::read(self.kernel.image()).unwrap());
        self.write("usr/src/bzImage", &image);
    }

    /// The modules as they came from the package, unsigned by us.
    pub fn add_modules(&self) {
        let release = self.kernel.release();
        for name in MODULES {
            self.write(
                &format!("usr/lib/modules/{release}/kernel/{name}"),
                &fs::read(self.kernel.modules().join("kernel").join(name)).unwrap(),
            );
        }
        for name in ["modules.order", "modules.builtin", "modules.builtin.modinfo"] {
            let content = fs::read(self.kernel.modules().join(name)).unwrap();
            self.write(&format!("usr/lib/modules/{release}/{name}"), &content);
        }
    }

    pub fn modules(&self) -> Vec<PathBuf> {
        let directory = self.path(&format!("usr/lib/modules/{}/kernel", self.kernel.release()));
        MODULES.iter().map(|name| directory.join(name)).collect()
    }

    /// A file that the machine wrote, or that is written for it, by its path without the leading slash.
    pub fn path(&self, name: &str) -> PathBuf {
        self.layer.path().join("upper").join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// An executable script of `/bin/sh`.
    pub fn script(&self, name: &str, body: &str) {
        self.write(name, format!("#!/bin/sh\nset -eu\n{body}\n").as_bytes());
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs a script in the machine, with an environment as bare as that of `emerge`.
    pub fn run(&self, script: &str) -> Output {
        let mut unshare = tool("unshare");
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        unshare
            .env_clear()
            .env("PATH", path)
            .env("HOME", "/nonexistent/homedir")
            .args(["--mount", "--", "sh", "-c", ENTER, "sh"])
            .arg(self.layer.path())
            .arg(env!("CARGO_BIN_EXE_bootseal"))
            .arg(script);
        unshare.output().unwrap()
    }

    /// Runs a script that must succeed; returns both streams.
    #[track_caller]
    pub fn succeed(&self, script: &str) -> String {
        let output = self.run(script);
        assert!(
            output.status.success(),
            "{script}\n{:?}\n{}",
            output.status,
            text(&output)
        );
        text(&output)
    }

    /// Runs a script that must fail; returns its exit code and both streams.
    #[track_caller]
    pub fn refuse(&self, script: &str) -> (i32, String) {
        let output = self.run(script);
        assert!(
            !output.status.success(),
            "{script} should have failed:\n{}",
            text(&output)
        );
        (output.status.code().unwrap(), text(&output))
    }

    /// Reports that a file exists.
    pub fn has(&self, name: &str) -> bool {
        // What was removed from the layer below is a character device in this one.
        self.path(name).is_file()
    }
}

/// Every file of a directory, with its content.
pub fn snapshot(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut list: Command = tool("find");
    let listed = crate::support::succeed(list.arg(directory).args(["-type", "f", "-o", "-type", "l"]));
    let mut files: Vec<_> = listed.lines().map(PathBuf::from).collect();
    files.sort();
    let read = |path: PathBuf| {
        let content =
            fs::read(&path).unwrap_or_else(|_| fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes());
        (path, content)
    };
    files.into_iter().map(read).collect()
}
