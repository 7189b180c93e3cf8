//! A node's tree below `--root`, for what needs no real kernel.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use bootseal::formats::firmware::authenticode::minimal_image;
use tempfile::TempDir;

use crate::support::{bootseal, keys, module};

pub const VERSION: &str = "6.12.58-gentoo";

/// The tree, with copies of the keys.
pub struct Node {
    pub root: TempDir,
}

impl Node {
    /// A kernel with modules, an initramfs and GRUB's configuration, nothing signed.
    pub fn new() -> Self {
        let node = Self {
            root: tempfile::Builder::new().prefix("a node ").tempdir().unwrap(),
        };
        node.write(&format!("boot/vmlinuz-{VERSION}"), &minimal_image());
        node.write(&format!("boot/initramfs-{VERSION}.img"), b"initramfs");
        node.write("boot/grub/grub.cfg", b"set timeout=5\n");
        let modules = node.path(&format!("lib/modules/{VERSION}"));
        fs::create_dir_all(&modules).unwrap();
        module(&modules, "loop.ko");
        for entry in fs::read_dir(keys()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            node.write(&format!("etc/bootseal/keys/{name}"), &fs::read(&path).unwrap());
            node.chmod(&format!("etc/bootseal/keys/{name}"), 0o400);
        }
        node
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// `bootseal --root TREE hook …`, with no terminal to ask at.
    pub fn hook(&self, arguments: &[&str]) -> Command {
        let inner = bootseal(["hook"]);
        let mut command = crate::support::tool("setsid", "util-linux");
        command
            .arg("--wait")
            .arg(inner.get_program())
            .args(["--root"])
            .arg(self.root.path());
        command.arg("hook").args(arguments);
        command
    }

    pub fn run(&self, slot: &str, arguments: &[&str]) -> Command {
        self.hook(&[&["run", slot], arguments].concat())
    }
}
