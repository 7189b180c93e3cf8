//! Block devices that hold the variables of a virtual machine, as Proxmox keeps them on LVM, RBD and ZFS. A write cannot replace a
//! device at once, as it does a file; only blocks that differ are written, and the caller has saved the variables before.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;

/// Most that is read of a device, in bytes: images of variables have up to 4 MiB.
const LARGEST: u64 = 64 << 20;
/// Size of the parts that are compared and written, in bytes.
const BLOCK: usize = 4096;

/// True if the path leads to a block device.
pub fn is_block_device(path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(metadata.file_type().is_block_device()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).or_could_not_run(|| format!("cannot read {}", path.shown())),
    }
}

/// The content of the device.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let cannot = || format!("cannot read the device {}", path.shown());
    let device = File::open(path).or_could_not_run(cannot)?;
    let mut bytes = Vec::new();
    device.take(LARGEST).read_to_end(&mut bytes).or_could_not_run(cannot)?;
    if bytes.len() as u64 == LARGEST {
        return Err(Error::could_not_run(format!(
            "{} has {LARGEST} bytes or more: it is no volume with the variables of a virtual machine",
            path.shown()
        )));
    }
    Ok(bytes)
}

/// Writes the blocks that differ, and waits until the device has them.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let cannot = || format!("cannot write the device {}", path.shown());
    let present = read(path)?;
    // Exclusive: a device that is mounted, or part of another one, is in use (open(2)).
    let opened = OpenOptions::new()
        .write(true)
        .custom_flags(OFlags::EXCL.bits().cast_signed())
        .open(path);
    let device = opened.or_could_not_run(cannot).map_err(|error| match error.io_kind() {
        Some(ErrorKind::ResourceBusy) => {
            error.hint("it is mounted, or part of another volume: name the volume of the variables")
        }
        _ => error,
    })?;
    if bytes.len() > present.len() {
        return Err(Error::refused(format!(
            "{} is too small for its own variables",
            path.shown()
        )));
    }
    for (index, (new, old)) in bytes.chunks(BLOCK).zip(present.chunks(BLOCK)).enumerate() {
        if old.get(..new.len()) != Some(new) {
            let offset = (index as u64).saturating_mul(BLOCK as u64);
            device.write_all_at(new, offset).or_could_not_run(cannot)?;
        }
    }
    device.sync_all().or_could_not_run(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_written_and_nothing_grows() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("volume");
        let mut bytes = vec![7; 3 * BLOCK + 100];
        fs::write(&path, &bytes).unwrap();
        assert!(!is_block_device(&path).unwrap());
        assert!(!is_block_device(&place.path().join("none")).unwrap());
        bytes[BLOCK + 1] = 9;
        // The image may be smaller than its volume.
        write(&path, &bytes[..2 * BLOCK]).unwrap();
        assert_eq!(read(&path).unwrap(), bytes);
        bytes.push(1);
        assert!(write(&path, &bytes).unwrap_err().to_string().contains("too small"));
    }
}
