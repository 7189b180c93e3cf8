//! Mounted file systems: FAT ones with their partitions, and those that fstab names and nobody mounted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::formats::firmware::device_path::GptPartition;
use crate::formats::firmware::partition_table::Identity;
use crate::formats::text::Shown;

use super::context::Context;
use super::files::read_if_there;
use super::partition_tables::identity_on_disk;

/// The kernel's list of mounts (`proc_pid_mountinfo(5)`).
const MOUNTS: &str = "/proc/self/mountinfo";
/// The directory in which udev names partitions by their GUID.
const BY_GUID: &str = "/dev/disk/by-partuuid";
/// The directory in which the kernel describes block devices.
const BLOCK_DEVICES: &str = "/sys/class/block";
/// The unit in which the kernel counts sizes of block devices, in bytes.
const SECTOR: u64 = 512;
/// The table of file systems that are to be mounted (fstab(5)).
const FSTAB: &str = "/etc/fstab";
/// Longest list of mounts that is read, in bytes.
const MAX_LIST: u64 = 4 << 20;

/// A mounted FAT file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FatMount {
    /// The mount point, below the context's root.
    pub directory: PathBuf,
    /// The kernel's name of the device that it is on, such as `sda1`.
    pub device: String,
    /// The numbers of that device, as `8:1`.
    pub number: String,
    /// Its partition, as far as that is known.
    pub partition: Identity,
}

/// A mounted file system, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The mount point, below the context's root.
    pub directory: PathBuf,
    /// The directory of the file system that is mounted there: `/` for all of it, or a subvolume, or what is bound.
    pub root: String,
    /// The numbers of its device, as `8:1`; file systems on none have numbers of their own.
    pub device: String,
    /// The kind of file system.
    pub kind: String,
    /// The device, or the dataset of ZFS.
    pub source: String,
}

/// All that is mounted, in the order of mounting. Empty if the kernel lists no mounts, as in another machine's root.
pub fn mounts(context: &Context) -> Result<Vec<Mount>> {
    let list = read_if_there(&context.path(MOUNTS), MAX_LIST)?.unwrap_or_default();
    let list = String::from_utf8_lossy(&list);
    let mount = |line: &str| {
        let (mount, source) = line.split_once(" - ")?;
        let mut mount = mount.split(' ').skip(2);
        let (device, root, directory) = (mount.next()?, mount.next()?, mount.next()?);
        let mut source = source.split(' ');
        Some(Mount {
            device: device.to_owned(),
            directory: context.path(unescaped(directory)),
            root: unescaped(root),
            kind: source.next()?.to_owned(),
            source: unescaped(source.next()?),
        })
    };
    Ok(list.lines().filter_map(mount).collect())
}

/// The FAT file systems that are mounted, each once, in the order of their mounting, where they can be seen: one whose mount point
/// another covers is not among them.
pub fn fat_mounts(context: &Context) -> Result<Vec<FatMount>> {
    let list = read_if_there(&context.path(MOUNTS), MAX_LIST)?.unwrap_or_default();
    let list = String::from_utf8_lossy(&list);
    let covers = Covers::read(&list);
    let mut mounts: Vec<FatMount> = Vec::new();
    for line in list.lines() {
        let Some((number, device, directory)) = fat(line).filter(|_| !covers.hide(line)) else {
            continue;
        };
        if mounts.iter().any(|known| known.number == number) {
            continue;
        }
        let path = unescaped(device);
        let Some(name) = Path::new(&path).file_name() else {
            continue;
        };
        let name = name.to_string_lossy();
        mounts.push(FatMount {
            directory: context.path(unescaped(directory)),
            partition: identity(context, number, &name),
            device: name.into_owned(),
            number: number.to_owned(),
        });
    }
    Ok(mounts)
}

/// The mounts of a list, by which others may be covered.
struct Covers<'l> {
    /// The number of the mount below, and the mount point, by the mount's own number.
    by_number: BTreeMap<&'l str, (&'l str, &'l str)>,
    /// The numbers and mount points of those on it, by the number of the mount below.
    on: BTreeMap<&'l str, Vec<(&'l str, &'l str)>>,
}

impl<'l> Covers<'l> {
    fn read(list: &'l str) -> Self {
        let (mut by_number, mut on) = (BTreeMap::new(), BTreeMap::<_, Vec<_>>::new());
        for line in list.lines() {
            let mut fields = line.split(' ');
            if let (Some(own), Some(below), Some(point)) = (fields.next(), fields.next(), fields.nth(2)) {
                by_number.insert(own, (below, point));
                // The root of an initramfs lies on itself.
                if own != below {
                    on.entry(below).or_default().push((own, point));
                }
            }
        }
        Self { by_number, on }
    }

    /// True if another mount covers the mount of this line: one on it with its mount point, or one beside it with a directory above.
    /// So is one that is on a covered one.
    fn hide(&self, line: &'l str) -> bool {
        let mut next = line.split(' ').next();
        let (mut seen, mut former) = (BTreeSet::new(), None);
        while let Some(own) = next.filter(|own| seen.insert(*own)) {
            let Some(&(below, point)) = self.by_number.get(own) else {
                return false;
            };
            let on = |number: &str| self.on.get(number).map(Vec::as_slice).unwrap_or_default();
            let is_above = |other: &str| other != point && Path::new(point).starts_with(other);
            if on(own)
                .iter()
                .any(|(other, at)| ![Some(own), former].contains(&Some(*other)) && *at == point)
                || on(below).iter().any(|(other, at)| *other != own && is_above(at))
            {
                return true;
            }
            (next, former) = (Some(below), Some(own));
        }
        false
    }
}

/// The directories among these that fstab(5) names as mount points and that nothing is mounted on. Empty if the kernel
/// lists no mounts, as in another machine's root.
pub fn not_mounted<'a>(context: &Context, directories: &[&'a str]) -> Result<Vec<&'a str>> {
    let Some(mounts) = read_if_there(&context.path(MOUNTS), MAX_LIST)? else {
        return Ok(Vec::new());
    };
    let mounts = String::from_utf8_lossy(&mounts);
    let mounted: Vec<String> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(unescaped)
        .collect();
    let table = read_if_there(&context.path(FSTAB), MAX_LIST)?.unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let wanted: Vec<String> = table
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| line.split_whitespace().nth(1))
        .map(|directory| unescaped(directory).trim_end_matches('/').to_owned())
        .collect();
    let missing = |directory: &&&str| {
        let is_it = |listed: &String| listed == **directory;
        wanted.iter().any(is_it) && !mounted.iter().any(is_it)
    };
    Ok(directories.iter().filter(missing).copied().collect())
}

/// The directories among these that the kernel is told to mount as soon as somebody looks into them (autofs), and that nothing is
/// mounted on yet.
pub fn automounts<'a>(context: &Context, directories: &[&'a str]) -> Result<Vec<&'a str>> {
    let list = read_if_there(&context.path(MOUNTS), MAX_LIST)?.unwrap_or_default();
    let list = String::from_utf8_lossy(&list);
    // A later line is of what is mounted over the earlier one.
    let is_waiting = |directory: &&&str| {
        let mut lines = list.lines().filter_map(|line| line.split_once(" - "));
        let of_it = lines.rfind(|(mount, _)| mount.split(' ').nth(4).map(unescaped).as_deref() == Some(**directory));
        of_it.is_some_and(|(_, source)| source.starts_with("autofs "))
    };
    Ok(directories.iter().filter(is_waiting).copied().collect())
}

/// Numbers and name of the device, and the mount point, of a line, if it is of a whole FAT file system.
fn fat(line: &str) -> Option<(&str, &str, &str)> {
    let (mount, source) = line.split_once(" - ")?;
    let mut mount = mount.split(' ').skip(2);
    let (number, root, directory) = (mount.next()?, mount.next()?, mount.next()?);
    let mut source = source.split(' ');
    let (kind, device) = (source.next()?, source.next()?);
    (root == "/" && ["vfat", "msdos"].contains(&kind)).then_some((number, device, directory))
}

/// File systems whose files are not this machine's alone, or have no owners, by `f_type` (linux/magic.h).
const SHARED: [(u64, &str); 6] = [
    (0x4d44, "FAT"),
    (0x2011_bab0, "exFAT"),
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9p"),
];

/// The name of the file system that a file lies on, if that is FAT or a network file system.
pub fn is_shared(path: &Path) -> std::io::Result<Option<&'static str>> {
    let status = rustix::fs::statfs(path)?;
    let is_own = |kind: u64| u64::try_from(status.f_type) == Ok(kind);
    Ok(SHARED.iter().find(|(kind, _)| is_own(*kind)).map(|(_, name)| *name))
}

/// Space, tab, newline and backslash are written in octal.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The identity of a device's partition: that of its disk's own tables, which firmware reads; else, where only root may read those, the
/// GUID under which udev names it.
fn identity(context: &Context, number: &str, name: &str) -> Identity {
    if let Ok(Some(identity)) = identity_on_disk(context, number, name) {
        return identity;
    }
    let links = fs::read_dir(context.path(BY_GUID)).into_iter().flatten();
    let guid = links.filter_map(std::result::Result::ok).find_map(|link| {
        let target = fs::read_link(link.path()).ok()?;
        (target.file_name()? == name).then(|| link.file_name().to_str()?.parse().ok())?
    });
    guid.map_or(Identity::Unknown, Identity::Guid)
}

/// The GPT partition of a mounted file system, as boot entries name it.
pub fn esp_partition(context: &Context, directory: &Path) -> Result<GptPartition> {
    let cannot = |reason: String| {
        Error::could_not_run(format!(
            "cannot tell which partition {} is on: {reason}",
            directory.shown()
        ))
        .hint("leave the firmware's variables alone (--no-nvram), and make the entry with efibootmgr")
    };
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let mount = fat_mounts(context)?
        .into_iter()
        .find(|mount| real(&mount.directory) == real(directory));
    let mount = mount.ok_or_else(|| cannot("no FAT file system is mounted there".to_owned()))?;
    let device = context.path(BLOCK_DEVICES).join(&mount.device);
    let number = |file: &Path| -> Result<u64> {
        let text = fs::read_to_string(file).map_err(|error| cannot(format!("{}: {error}", file.shown())))?;
        text.trim()
            .parse()
            .map_err(|_| cannot(format!("{} holds no number", file.shown())))
    };
    // The disk's directory holds the partition's.
    let disk = real(&device);
    let disk = disk.parent().unwrap_or(&disk);
    let block = number(&disk.join("queue/logical_block_size"))?.max(SECTOR);
    let partition = u32::try_from(number(&device.join("partition"))?).map_err(|_| cannot("its number".to_owned()))?;
    let unknown = || match identity_on_disk(context, &mount.number, &mount.device) {
        Ok(_) => cannot("its disk has no GUID partition table with it".to_owned()),
        Err(error) => cannot(error.in_one_line()),
    };
    let guid = mount.partition.guid().ok_or_else(unknown)?;
    // The kernel counts in 512 bytes, whatever the disk does.
    let factor = block / SECTOR;
    let blocks = |sectors: u64| sectors / factor;
    Ok(GptPartition {
        number: partition,
        start: blocks(number(&device.join("start"))?),
        size: blocks(number(&device.join("size"))?),
        guid,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn fat_file_systems_are_found_with_their_partitions() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        assert_eq!(fat_mounts(&context).unwrap(), []);
        let list = context.path(MOUNTS);
        fs::create_dir_all(list.parent().unwrap()).unwrap();
        fs::write(
            &list,
            "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n\
             30 22 8:1 / /my\\040efi rw,relatime shared:1 - vfat /dev/sda1 rw\n\
             31 22 8:1 / /twice rw - vfat /dev/sda1 rw\n\
             32 22 8:17 /EFI /bound rw - vfat /dev/sdb1 rw\n\
             garbage\n",
        )
        .unwrap();
        let names = context.path(BY_GUID);
        fs::create_dir_all(&names).unwrap();
        symlink("../../sda1", names.join("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")).unwrap();
        let mount = FatMount {
            directory: context.path("/my efi"),
            device: "sda1".to_owned(),
            number: "8:1".to_owned(),
            partition: Identity::Guid("c12a7328-f81f-11d2-ba4b-00a0c93ec93b".parse().unwrap()),
        };
        assert_eq!(fat_mounts(&context).unwrap(), [mount]);
    }

    /// Firmware reads a covered file system, and not that at its mount point.
    #[test]
    fn a_file_system_under_another_mount_is_not_seen() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        fs::create_dir_all(context.path("/proc/self")).unwrap();
        let seen = |list: &str| {
            fs::write(context.path(MOUNTS), list).unwrap();
            let mounts = fat_mounts(&context).unwrap().into_iter();
            let below = mounts.map(|mount| mount.directory.strip_prefix(root.path()).unwrap().to_path_buf());
            below.map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        let initramfs = "1 1 0:2 / / rw - rootfs rootfs rw\n20 1 8:1 / /efi rw - vfat /dev/sda1 rw\n";
        assert_eq!(seen(initramfs), ["efi"]);
        let lower = "22 1 8:2 / / rw - ext4 /dev/sda2 rw\n30 22 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n";
        assert_eq!(seen(lower), ["boot/efi"]);
        for (upper, expected) in [
            // On the same mount point; on that of a directory above, and what is mounted there then.
            ("31 30 8:17 / /boot/efi rw - vfat /dev/sdb1 rw\n", &["boot/efi"][..]),
            ("31 30 0:40 / /boot/efi rw - tmpfs tmpfs rw\n", &[]),
            ("31 22 8:3 / /boot rw - ext4 /dev/sda3 rw\n", &[]),
            (
                "31 22 8:3 / /boot rw - ext4 /dev/sda3 rw\n32 31 8:17 / /boot/efi rw - vfat /dev/sdb1 rw\n",
                &["boot/efi"],
            ),
            ("31 22 8:3 / / rw - ext4 /dev/sda3 rw\n", &[]),
            // It is mounted elsewhere as well; and what covers nothing of it.
            (
                "31 30 8:17 / /boot/efi rw - ext4 /dev/sdb1 rw\n32 22 8:1 / /media rw - vfat /dev/sda1 rw\n",
                &["media"],
            ),
            (
                "31 22 8:3 / /boot/e rw - ext4 /dev/sda3 rw\n32 30 8:4 / /boot/efi/x rw - ext4 /dev/sda4 rw\n",
                &["boot/efi"],
            ),
        ] {
            assert_eq!(seen(&format!("{lower}{upper}")), expected, "{upper}");
        }
        fs::write(
            context.path(MOUNTS),
            format!("{lower}31 30 8:17 / /boot/efi rw - vfat /dev/sdb1 rw\n"),
        )
        .unwrap();
        assert_eq!(fat_mounts(&context).unwrap()[0].number, "8:17");
    }

    #[test]
    fn an_automount_waits_until_something_is_mounted_over_it() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let directories = ["/boot", "/efi"];
        assert!(automounts(&context, &directories).unwrap().is_empty());
        fs::create_dir_all(context.path("/proc/self")).unwrap();
        let list = "30 22 0:40 / /efi rw shared:1 - autofs systemd-1 rw\n31 22 0:41 / /boot rw - autofs systemd-1 rw\n";
        fs::write(context.path(MOUNTS), list).unwrap();
        assert_eq!(automounts(&context, &directories).unwrap(), ["/boot", "/efi"]);
        let mounted = format!("{list}40 30 8:1 / /efi rw - vfat /dev/sda1 rw\n");
        fs::write(context.path(MOUNTS), mounted).unwrap();
        assert_eq!(automounts(&context, &directories).unwrap(), ["/boot"]);
    }

    #[test]
    fn what_fstab_names_and_the_kernel_does_not_is_not_mounted() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        fs::create_dir_all(context.path("/etc")).unwrap();
        let table = "# /dev/sda9 /efi vfat\nLABEL=b /boot/ ext4 noauto 0 2\nLABEL=e /boot/efi vfat defaults 0 2\n";
        fs::write(context.path(FSTAB), table).unwrap();
        let directories = ["/boot", "/boot/efi", "/efi"];
        // Nobody knows what is mounted.
        assert!(not_mounted(&context, &directories).unwrap().is_empty());
        fs::create_dir_all(context.path("/proc/self")).unwrap();
        fs::write(context.path(MOUNTS), "30 22 8:1 / /boot/efi rw - vfat /dev/sda1 rw\n").unwrap();
        assert_eq!(not_mounted(&context, &directories).unwrap(), ["/boot"]);
    }
}
