//! GRUB's paths: they begin at the root of a file system, where Linux may have mounted a part of it, and name ZFS's datasets.
//! `mountinfo` tells what is mounted where, so that a path leads to the file that Linux has.

use std::path::{Component, Path, PathBuf};

use crate::error::Result;
use crate::system::{Context, Mount, mounts, not_mounted};

use super::boot_directories::BOOT_DIRECTORIES;

/// The kind of file systems whose datasets are parts of a path.
const ZFS: &str = "zfs";

/// The mounts of a machine, as GRUB sees what is on them.
#[derive(Debug, Default, Clone)]
pub struct GrubPaths {
    mounts: Vec<Mount>,
    /// Mount points that fstab(5) names and that nothing is mounted on: what lies there is not what GRUB reads.
    hidden: Vec<PathBuf>,
}

impl GrubPaths {
    /// Reads what is mounted.
    pub fn read(context: &Context) -> Result<Self> {
        let hidden = not_mounted(context, &BOOT_DIRECTORIES)?;
        Ok(Self {
            mounts: mounts(context)?,
            hidden: hidden.into_iter().map(|directory| context.path(directory)).collect(),
        })
    }

    /// The paths at which Linux has what GRUB finds at `path` of some file system, where a part of one is mounted: a subvolume, a
    /// bound directory, a dataset.
    #[must_use]
    pub fn candidates(&self, path: &str) -> Vec<PathBuf> {
        let of_mount = |mount: &Mount| {
            if mount.kind == ZFS {
                // The pool is the device; `@` alone is the dataset itself, and before a name a snapshot.
                let dataset = mount.source.split_once('/').map_or("", |(_, dataset)| dataset);
                let inner = below(path, dataset)?;
                let inner = inner.trim_start_matches('/').strip_prefix('@')?;
                return inner.starts_with('/').then(|| path_below(&mount.directory, inner));
            }
            if mount.root == "/" {
                return None;
            }
            let inner = below(path, &mount.root)?;
            Some(path_below(&mount.directory, inner))
        };
        // What was mounted last is on top.
        let mut found: Vec<PathBuf> = Vec::new();
        for candidate in self.mounts.iter().rev().filter_map(of_mount) {
            if !found.contains(&candidate) {
                found.push(candidate);
            }
        }
        found
    }

    /// True if a path lies where something ought to be mounted and is not.
    #[must_use]
    pub fn is_hidden(&self, path: &Path) -> bool {
        self.hidden.iter().any(|hidden| path.starts_with(hidden))
    }

    /// True if a path is in a snapshot of ZFS, in which nothing can be signed.
    #[must_use]
    pub fn is_snapshot(&self, path: &str) -> bool {
        self.mounts.iter().any(|mount| mount.kind == ZFS)
            && path
                .split('/')
                .any(|name| name.split_once('@').is_some_and(|(_, snapshot)| !snapshot.is_empty()))
    }
}

/// A path below a directory, whatever it says: it never leads out of that directory.
#[must_use]
pub fn path_below(directory: &Path, path: &str) -> PathBuf {
    let mut inner = PathBuf::new();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => inner.push(name),
            Component::ParentDir => {
                inner.pop();
            }
            _ => {}
        }
    }
    directory.join(inner)
}

/// The rest of a path behind a directory.
fn below<'p>(path: &'p str, directory: &str) -> Option<&'p str> {
    let rest = path.trim_start_matches('/').strip_prefix(directory.trim_matches('/'))?;
    (rest.is_empty() || rest.starts_with('/') || directory.trim_matches('/').is_empty()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn paths(mounts: &str, fstab: &str) -> (tempfile::TempDir, GrubPaths) {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        for (path, text) in [("/proc/self/mountinfo", mounts), ("/etc/fstab", fstab)] {
            let path = context.path(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let paths = GrubPaths::read(&context).unwrap();
        (root, paths)
    }

    #[test]
    fn a_path_leads_through_subvolumes_binds_and_datasets() {
        let (root, paths) = paths(
            "25 1 0:22 /root / rw - btrfs /dev/sda2 rw,subvol=/root\n\
             26 25 0:22 /@/boot /boot rw - btrfs /dev/sda2 rw\n\
             27 25 8:3 /kept/efi /efi rw - ext4 /dev/sda3 rw\n\
             28 25 0:30 / /data rw - zfs pool/ROOT/gentoo rw\n\
             29 25 8:4 / /home rw - ext4 /dev/sda4 rw\n",
            "",
        );
        let found = |path: &str| {
            let found = paths.candidates(path).into_iter();
            found
                .map(|path| format!("/{}", path.strip_prefix(root.path()).unwrap().display()))
                .collect::<Vec<_>>()
        };
        assert_eq!(found("/root/boot/vmlinuz"), ["/boot/vmlinuz"]);
        assert_eq!(found("/@/boot/vmlinuz"), ["/boot/vmlinuz"]);
        assert_eq!(found("/kept/efi/x"), ["/efi/x"]);
        assert_eq!(found("/ROOT/gentoo/@/boot/vmlinuz"), ["/data/boot/vmlinuz"]);
        assert_eq!(found("/ROOT/gentoo@old/boot/vmlinuz"), [""; 0]);
        assert_eq!(found("/rooted/x"), [""; 0]);
        assert_eq!(found("/root/../../x"), ["/x"]);
        assert!(
            paths.is_snapshot("/ROOT/gentoo@old/boot/vmlinuz") && !paths.is_snapshot("/ROOT/gentoo/@/boot/vmlinuz")
        );
    }

    #[test]
    fn below_a_mount_point_without_its_mount_nothing_counts() {
        let (root, paths) = paths(
            "25 1 8:2 / / rw - ext4 /dev/sda2 rw\n",
            "LABEL=b /boot ext4 noauto 0 2\n",
        );
        assert!(paths.is_hidden(&root.path().join("boot/grub")) && !paths.is_hidden(Path::new("/srv")));
    }
}
