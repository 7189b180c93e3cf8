//! A machine's files below another root directory, as `--root` takes them.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use bootseal::error::quoted;
use bootseal::formats::firmware::authenticode::minimal_image;
use md5::{Digest as _, Md5};
use tempfile::TempDir;

use super::bootseal;

/// The vendor of `PK`, `KEK` and the boot entries.
pub const GLOBAL: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// The vendor of `db` and `dbx`.
pub const DATABASE: &str = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";

/// A menu of GRUB that starts this version, as grub-mkconfig makes it, with a timeout to tell it from others.
pub fn menu(version: &str, timeout: u8) -> String {
    format!(
        "set timeout={timeout}\nmenuentry Linux {{\n\tlinux /vmlinuz-{version} ro\n\tinitrd /initramfs-{version}.img\n}}\n"
    )
}

/// Portage's record (`CONTENTS`) of a package with one file, by its path from `/`.
pub fn contents(path: &str, bytes: &[u8]) -> String {
    let md5 = hex::encode(Md5::digest(bytes));
    format!("dir /boot\nobj {path} {md5} 1700000000\n")
}

/// The machine. It has what it was given: an empty one is an empty directory.
pub struct Node {
    root: PathBuf,
    /// Removes the files with the machine.
    _directory: Option<TempDir>,
}

impl Node {
    /// An empty machine.
    pub fn new() -> Self {
        Self::within(tempfile::tempdir().unwrap())
    }

    /// An empty machine in a directory of its own.
    pub fn within(directory: TempDir) -> Self {
        Self {
            root: fs::canonicalize(directory.path()).unwrap(),
            _directory: Some(directory),
        }
    }

    /// A machine whose files are in a directory that is somebody else's.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            _directory: None,
        }
    }

    /// The root directory, without links in its path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The place of a file by its path below the root, without the leading slash.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes a file, in directories that are made for it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes files.
    pub fn write_all<C: AsRef<[u8]>>(&self, files: impl IntoIterator<Item = (&'static str, C)>) {
        for (name, content) in files {
            self.write(name, content);
        }
    }

    /// Makes a directory, with those above it.
    pub fn directory(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Makes a symbolic link.
    pub fn link(&self, target: &str, name: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    /// The content of a file.
    #[track_caller]
    pub fn read(&self, name: &str) -> Vec<u8> {
        let path = self.path(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Removes a file.
    #[track_caller]
    pub fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Sets the permissions of a file or directory.
    pub fn chmod(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// bootseal's configuration.
    pub fn config(&self, text: &str) {
        self.write("etc/bootseal/config.toml", text);
    }

    /// Copies of the files of a key directory that are named, where bootseal looks for keys.
    pub fn keys(&self, from: &Path, is_named: impl Fn(&str) -> bool) {
        for entry in fs::read_dir(from).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_file() && is_named(name) {
                let copy = format!("etc/bootseal/keys/{name}");
                self.write(&copy, fs::read(&path).unwrap());
                self.chmod(&copy, 0o400);
            }
        }
        self.chmod("etc/bootseal/keys", 0o700);
    }

    /// An unsigned image that stands for a kernel.
    pub fn kernel(&self, name: &str) {
        self.write(name, minimal_image());
    }

    /// An unsigned module, made by the C compiler.
    pub fn module(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let directory = path.parent().unwrap();
        fs::create_dir_all(directory).unwrap();
        super::module(directory, path.file_name().unwrap().to_str().unwrap());
        path
    }

    /// An EFI system partition, mounted at `/efi`.
    pub fn partition(&self) {
        self.directory("efi/EFI");
        self.write("proc/self/mountinfo", "30 22 8:1 / /efi rw - vfat /dev/vda1 rw\n");
    }

    /// The disk, as the kernel and udev describe it, that the partition at `/efi` is on: sectors of 4,096 bytes, first and
    /// number of them in units of 512 bytes.
    pub fn disk(&self) {
        self.write_all([
            ("sys/devices/vda/queue/logical_block_size", "4096\n"),
            ("sys/devices/vda/vda1/partition", "1\n"),
            ("sys/devices/vda/vda1/start", "2048\n"),
            ("sys/devices/vda/vda1/size", "409600\n"),
        ]);
        self.link(
            "../../vda1",
            "dev/disk/by-partuuid/c12a7328-f81f-11d2-ba4b-00a0c93ec93b",
        );
        self.link("../../devices/vda/vda1", "sys/class/block/vda1");
    }

    /// UEFI without a variable.
    pub fn firmware(&self) {
        self.directory("sys/firmware/efi/efivars");
    }

    /// The file of a variable.
    pub fn variable(&self, name: &str, vendor: &str) -> PathBuf {
        self.path(&format!("sys/firmware/efi/efivars/{name}-{vendor}"))
    }

    /// Sets a variable.
    pub fn set_variable(&self, name: &str, vendor: &str, attributes: u32, data: &[u8]) {
        let content = [&attributes.to_le_bytes(), data].concat();
        self.write(&format!("sys/firmware/efi/efivars/{name}-{vendor}"), content);
    }

    /// bootseal on this machine.
    pub fn bootseal<S: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = S>) -> Command {
        let mut command = bootseal([OsStr::new("--root"), self.root.as_os_str()]);
        command.args(words);
        command
    }

    /// A text with the root taken off every path in it.
    pub fn without_root(&self, text: &str) -> String {
        let root = quoted(&self.root);
        text.replace(&format!(" --root {root}"), "")
            .replace(self.root.to_str().unwrap(), "")
    }
}
