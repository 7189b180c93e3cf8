//! A machine whose `/boot` the attacker has, and whose root file system is out of reach.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::fs::{CWD, FileType, Mode as Permissions, makedev, mknodat};

use crate::support::kernel::initramfs;
use crate::support::node::{Node, menu};
use crate::support::{keys, text, tool};

pub const VERSION: &str = "6.12.58-gentoo";
/// The content of a file that nobody else may read.
pub const SECRET: &str = "root:$y$secret:19000::::::\n";
/// Longest time that a run may take, in seconds: none of them waits for anybody.
const PATIENCE: &str = "60";

/// The caller of a hook.
#[derive(Debug, Clone, Copy)]
pub enum Mode {
    Traditional,
    KernelInstall,
}

impl Mode {
    pub const BOTH: [Self; 2] = [Self::Traditional, Self::KernelInstall];
}

pub struct Machine(Node);

impl Deref for Machine {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.0
    }
}

impl Machine {
    /// A kernel with initramfs, modules and GRUB's configuration, nothing signed; and files that root runs or keeps.
    pub fn new() -> Self {
        let node = Node::new();
        node.kernel(&format!("boot/vmlinuz-{VERSION}"));
        node.write("boot/grub/grub.cfg", menu(VERSION, 5));
        node.write_all([
            ("boot/grub/fonts/unicode.pf2", "font"),
            ("etc/shadow", SECRET),
            ("etc/profile", "# run by root\n"),
            ("etc/grub/grub.cfg", "set timeout=1\n"),
            ("etc/grub/fonts/unicode.pf2", "font"),
        ]);
        node.write(&format!("boot/initramfs-{VERSION}.img"), initramfs("#!/bin/sh\n"));
        node.module(&format!("lib/modules/{VERSION}/kernel/loop.ko"));
        node.kernel("srv/token/6.12.58/linux");
        node.module("srv/modules/loop.ko");
        node.chmod("etc/shadow", 0o600);
        node.keys(keys(), |_| true);
        Self(node)
    }

    pub fn initramfs(&self) -> PathBuf {
        self.path(&format!("boot/initramfs-{VERSION}.img"))
    }

    /// A slot of the hook, as a caller of this mode calls it.
    pub fn slot(&self, mode: Mode, slot: &str) -> Output {
        let image = format!("/boot/vmlinuz-{VERSION}");
        match mode {
            Mode::Traditional => self.hook(&[slot, VERSION, &image]),
            Mode::KernelInstall => self.hook(&[slot, "add", VERSION, &format!("/boot/token/{VERSION}"), &image]),
        }
    }

    pub fn hook(&self, arguments: &[&str]) -> Output {
        self.run(&[&["hook", "run"], arguments].concat())
    }

    /// bootseal on this machine, which must come to an end of its own.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        assert_ne!(output.status.code(), Some(124), "it waits for something: {arguments:?}");
        output
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let inner = self.bootseal(arguments);
        let mut command = tool("timeout");
        command.arg(PATIENCE).arg(inner.get_program()).args(inner.get_args());
        command
    }

    /// Makes a pipe, socket or device.
    pub fn special(&self, kind: FileType, name: &str) {
        let (kind, device) = match kind {
            // /dev/zero, and the first block device: both would give what is read without an end.
            FileType::CharacterDevice => (kind, makedev(1, 5)),
            FileType::BlockDevice => (kind, makedev(7, 0)),
            other => (other, 0),
        };
        let mode = Permissions::RUSR | Permissions::WUSR;
        mknodat(CWD, self.path(name), kind, mode, device).unwrap();
    }

    pub fn hard_link(&self, file: &str, name: &str) {
        fs::hard_link(self.path(file), self.path(name)).unwrap();
    }

    /// All that the attacker cannot reach, with what is known of each file.
    pub fn outside(&self) -> Vec<String> {
        let mut found = Vec::new();
        for name in ["etc", "srv"] {
            describe(&self.path(name), &mut found);
        }
        found
    }

    /// The files below `/boot`, with their contents; others may be at work there.
    pub fn boot(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut files = Vec::new();
        let mut open = vec![self.path("boot")];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => open.push(entry.path()),
                    Ok(kind) if kind.is_file() => {
                        files.extend(fs::read(entry.path()).map(|content| (entry.path(), content)));
                    }
                    _ => {}
                }
            }
        }
        files
    }
}

fn describe(path: &Path, found: &mut Vec<String>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    // A directory's own times change as its entries do, which are told one by one.
    if metadata.is_dir() {
        found.push(format!("{} {:o}", path.display(), metadata.mode()));
        let mut entries: Vec<PathBuf> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for entry in entries {
            describe(&entry, found);
        }
        return;
    }
    let content = if metadata.is_file() {
        fs::read(path).unwrap()
    } else {
        Vec::new()
    };
    let (inode, mode, owner, modified) = (metadata.ino(), metadata.mode(), metadata.uid(), metadata.mtime_nsec());
    found.push(format!(
        "{} {inode} {mode:o} {owner} {modified} {content:?}",
        path.display()
    ));
}

/// Checks that a run ended well.
#[track_caller]
pub fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{:?}: {}", output.status, text(output));
    text(output)
}

/// Checks that a run ended with a finding or an error, and not by a panic.
#[track_caller]
pub fn failed(output: &Output) -> String {
    let code = output.status.code();
    assert!([Some(1), Some(3)].contains(&code), "{code:?}: {}", text(output));
    text(output)
}
