//! The disks that a path lies on: what is mounted above it, and the devices beneath that.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Explain, Result};
use crate::formats::text::Shown;

use super::context::Context;
use super::files::read_if_there;
use super::mounts::{Mount, mounts};

/// The directory in which the kernel lists block devices by their numbers.
const BY_NUMBER: &str = "/sys/dev/block";
/// The directory in which the kernel lists block devices by their names.
const BY_NAME: &str = "/sys/class/block";
/// Deepest pile of devices that is followed: a partition, RAID, encryption, volumes, and room.
const DEEPEST: u8 = 16;
/// Longest name of a file that stands for a disk, in bytes.
const MAX_NAME: u64 = 8 << 10;

/// The home of a path that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Names of the whole disks, such as `sda`; of what lies on none, the number or name of the file system.
    pub disks: BTreeSet<String>,
    /// True if all of it is gone when the machine stops.
    pub is_in_memory: bool,
}

/// The nearest directory above a path that exists, without symbolic links.
#[must_use]
pub fn nearest_directory(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let nearest = absolute.ancestors().find(|ancestor| ancestor.is_dir());
    let nearest = nearest.unwrap_or(Path::new("/"));
    fs::canonicalize(nearest).unwrap_or_else(|_| nearest.to_path_buf())
}

/// The disks that the nearest existing directory of a path lies on.
pub fn home(context: &Context, path: &Path) -> Result<Home> {
    let path = nearest_directory(path);
    // What is mounted later lies over what was there.
    let above = mounts(context)?
        .into_iter()
        .filter(|mount| path.starts_with(&mount.directory))
        .max_by_key(|mount| mount.directory.components().count());
    let Some(mount) = above else {
        let metadata = fs::metadata(&path).or_could_not_run(|| format!("cannot look at {}", path.shown()))?;
        return Ok(Home {
            disks: [format!("device {:#x}", metadata.dev())].into(),
            is_in_memory: false,
        });
    };
    Ok(Home {
        disks: disks(context, &mount),
        is_in_memory: ["tmpfs", "ramfs"].contains(&mount.kind.as_str()),
    })
}

fn disks(context: &Context, mount: &Mount) -> BTreeSet<String> {
    let by_number = context.path(BY_NUMBER).join(&mount.device);
    let device = fs::canonicalize(by_number).ok().or_else(|| {
        // Btrfs has a number of its own; /dev/mapper/NAME is a link.
        let source = mount.source.starts_with("/dev/").then(|| context.path(&mount.source))?;
        let real = fs::canonicalize(&source).unwrap_or(source);
        fs::canonicalize(context.path(BY_NAME).join(real.file_name()?)).ok()
    });
    let mut found = BTreeSet::new();
    match device {
        Some(device) => whole_disks(context, &device, DEEPEST, &mut found),
        // All data sets of a pool are on the same disks.
        None if mount.kind == "zfs" => {
            let pool = mount.source.split('/').next().unwrap_or_default();
            found.insert(format!("pool {pool}"));
        }
        None => {
            found.insert(format!("{} {}", mount.kind, mount.device));
        }
    }
    found
}

/// Adds the disks that a device, as `/sys` has it, is made of.
fn whole_disks(context: &Context, device: &Path, deepest: u8, found: &mut BTreeSet<String>) {
    // A file that stands for a disk, as a home of systemd-homed, is where the file is.
    let file = read_if_there(&device.join("loop/backing_file"), MAX_NAME)
        .ok()
        .flatten();
    let file = file.and_then(|name| Some(context.path(String::from_utf8(name).ok()?.trim_end())));
    if let Some(own) = file.and_then(|file| home(context, &file).ok()) {
        found.extend(own.disks);
        return;
    }
    let beneath: Vec<PathBuf> = fs::read_dir(device.join("slaves"))
        .into_iter()
        .flatten()
        .filter_map(|entry| fs::canonicalize(entry.ok()?.path()).ok())
        .collect();
    if let (false, Some(deepest)) = (beneath.is_empty(), deepest.checked_sub(1)) {
        for device in beneath {
            whole_disks(context, &device, deepest, found);
        }
        return;
    }
    // A partition's directory lies in that of its disk.
    let is_partition = device.join("partition").exists();
    let disk = if is_partition { device.parent() } else { Some(device) };
    found.extend(
        disk.and_then(Path::file_name)
            .map(|name| name.to_string_lossy().into_owned()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A machine whose root is encrypted on sda2, with home on a subvolume of sda3, and a stick that is sdb1.
    fn machine() -> (tempfile::TempDir, Context) {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(fs::canonicalize(directory.path()).unwrap());
        let devices = context.path("/sys/devices");
        for partition in ["sda/sda2", "sda/sda3", "sdb/sdb1"] {
            fs::create_dir_all(devices.join(partition)).unwrap();
            fs::write(devices.join(partition).join("partition"), "1\n").unwrap();
        }
        fs::create_dir_all(devices.join("dm-0/slaves")).unwrap();
        symlink(devices.join("sda/sda2"), devices.join("dm-0/slaves/sda2")).unwrap();
        for folder in [
            BY_NUMBER,
            BY_NAME,
            "/dev/mapper",
            "/home",
            "/mnt/stick",
            "/run",
            "/proc/self",
        ] {
            fs::create_dir_all(context.path(folder)).unwrap();
        }
        symlink(devices.join("dm-0"), context.path(BY_NAME).join("dm-0")).unwrap();
        symlink(devices.join("dm-0"), context.path(BY_NUMBER).join("254:0")).unwrap();
        symlink(devices.join("sda/sda3"), context.path(BY_NAME).join("sda3")).unwrap();
        symlink(devices.join("sdb/sdb1"), context.path(BY_NUMBER).join("8:17")).unwrap();
        fs::create_dir_all(devices.join("loop0/loop")).unwrap();
        fs::write(devices.join("loop0/loop/backing_file"), "/home/me.home\n").unwrap();
        symlink(devices.join("loop0"), context.path(BY_NUMBER).join("7:0")).unwrap();
        fs::create_dir_all(context.path("/mnt/file")).unwrap();
        let list = "22 1 254:0 / / rw - ext4 /dev/mapper/root rw\n\
            23 22 0:30 /@home /home rw - btrfs /dev/sda3 rw\n\
            24 22 0:24 / /run rw - tmpfs tmpfs rw\n\
            25 22 8:17 / /mnt/stick rw - vfat /dev/sdb1 rw\n\
            26 22 7:0 / /mnt/file rw - ext4 /dev/loop0 rw\n";
        fs::write(context.path("/proc/self/mountinfo"), list).unwrap();
        (directory, context)
    }

    #[test]
    fn a_path_is_on_the_disks_beneath_what_is_mounted_above_it() {
        let (_directory, context) = machine();
        let on = |path: &str| home(&context, &context.path(path)).unwrap();
        let disk = |name: &str| BTreeSet::from([name.to_owned()]);
        assert_eq!(on("/root/keys").disks, disk("sda"));
        assert_eq!(on("/home/me/keys").disks, disk("sda"));
        assert_eq!(on("/mnt/stick/keys/deep").disks, disk("sdb"));
        assert_eq!(on("/mnt/file/keys").disks, disk("sda"));
        assert_eq!(on("/mnt/stickless").disks, disk("sda"));
        assert!(on("/run/keys").is_in_memory && !on("/mnt/stick").is_in_memory);
    }

    #[test]
    fn without_a_list_of_mounts_a_path_is_on_the_device_that_the_kernel_tells() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(directory.path());
        let here = home(&context, directory.path()).unwrap();
        assert_eq!(here, home(&context, &directory.path().join("a/b")).unwrap());
        assert_ne!(here, home(&context, Path::new("/proc")).unwrap());
    }
}
