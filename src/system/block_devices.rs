//! Block devices of this machine: read where nothing is mounted, and those that are encrypted with a key that its TPM holds.

use crate::formats::text::Shown;
use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::Serialize;

use crate::error::{Error, Explain, Result as Outcome};

use crate::formats::kernel::luks2::{self, Luks2Error, Token};
use crate::formats::medium::Medium;

use super::context::Context;

/// A block device that is open for reading, or a file that stands for one.
#[derive(Debug)]
pub struct BlockDevice {
    file: File,
    path: PathBuf,
}

impl BlockDevice {
    /// Opens it. An error (exit code 3) for anything but a block device or a regular file.
    pub fn open(path: &Path) -> Outcome<Self> {
        let cannot = || format!("cannot read {}", path.shown());
        let careful = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .custom_flags(careful)
            .open(path)
            .or_could_not_run(cannot)?;
        let kind = file.metadata().or_could_not_run(cannot)?.file_type();
        if !(kind.is_block_device() || kind.is_file()) {
            return Err(Error::could_not_run(format!("{} is no block device", path.shown())));
        }
        Ok(Self {
            file,
            path: path.to_path_buf(),
        })
    }

    /// Reads so many bytes from this offset.
    pub fn read(&self, offset: u64, length: usize) -> Outcome<Vec<u8>> {
        let mut bytes = vec![0; length];
        let cannot = || format!("cannot read {} at offset {offset:#x}", self.path.shown());
        self.file.read_exact_at(&mut bytes, offset).or_could_not_run(cannot)?;
        Ok(bytes)
    }
}

impl Medium for BlockDevice {
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, String> {
        Self::read(self, offset, length).map_err(|error| error.in_one_line())
    }
}

/// The directory in which the kernel lists block devices.
const DEVICES: &str = "/sys/class/block";

/// A device whose key the TPM gives out only while a PCR has the value that it had when the key was sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sealed {
    /// The block device.
    pub device: String,
    /// The type of its LUKS2 token, which names the program that sealed the key.
    pub by: String,
}

/// The LUKS2 devices with a token that is sealed to this PCR. A device whose LUKS2 header is damaged is added to `unread`
/// with the reason. Devices that cannot be opened are passed over, as those without a medium.
#[must_use]
pub fn sealed_to(context: &Context, pcr: u32, unread: &mut Vec<String>) -> Vec<Sealed> {
    let Ok(entries) = fs::read_dir(context.path(DEVICES)) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.sort();
    let mut sealed = Vec::new();
    for name in names {
        let device = Path::new("/dev").join(name);
        match tokens(&context.path(&device)) {
            Ok(tokens) => {
                let token = tokens.into_iter().find(|token| token.pcrs.contains(&pcr));
                sealed.extend(token.map(|token| Sealed {
                    device: device.shown(),
                    by: token.kind,
                }));
            }
            Err(reason) => unread.push(format!("{}: {reason}", device.shown())),
        }
    }
    sealed
}

/// The tokens in a device's LUKS2 header that a TPM takes part in; none if it cannot be opened or has no such header.
fn tokens(device: &Path) -> Result<Vec<Token>, String> {
    let mut header = vec![0; luks2::BINARY];
    let Ok(mut file) = File::open(device) else {
        return Ok(Vec::new());
    };
    // A device without a medium, or one that is too small for a header.
    if file.read_exact(&mut header).is_err() {
        return Ok(Vec::new());
    }
    let size = match luks2::header_size(&header) {
        Ok(size) => size,
        Err(Luks2Error::NotLuks2) => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    file.take(size - luks2::BINARY as u64)
        .read_to_end(&mut header)
        .map_err(|error| format!("cannot read the LUKS2 header: {error}"))?;
    luks2::tpm_tokens(&header).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_devices_with_a_token_for_this_pcr_are_named() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        fs::create_dir_all(context.path("/dev")).unwrap();
        let device = |name: &str, content: &[u8]| {
            fs::create_dir_all(context.path(DEVICES).join(name)).unwrap();
            fs::write(context.path("/dev").join(name), content).unwrap();
        };
        let sealed = |pcrs: &str| {
            let mut header = b"LUKS\xba\xbe\x00\x02".to_vec();
            header.extend((16_u64 << 10).to_be_bytes());
            header.resize(luks2::BINARY, 0);
            header.extend(format!(r#"{{"tokens":{{"0":{{"type":"systemd-tpm2","tpm2-pcrs":{pcrs}}}}}}}"#).bytes());
            header.resize(1 << 20, 0);
            header
        };
        device("sda1", &sealed("[7]"));
        device("sda2", &sealed("[11]"));
        device("sda3", &[0; 8192]);
        device("sda4", b"short");
        fs::create_dir_all(context.path(DEVICES).join("gone")).unwrap();
        let expected = Sealed {
            device: "/dev/sda1".to_owned(),
            by: "systemd-tpm2".to_owned(),
        };
        let mut unread = Vec::new();
        assert_eq!(sealed_to(&context, 7, &mut unread), [expected]);
        assert_eq!(sealed_to(&context, 4, &mut unread), []);
        assert_eq!(unread, Vec::<String>::new());
        device("sda5", &sealed("[7"));
        device("sda6", &sealed("[7]")[..8192]);
        assert_eq!(sealed_to(&context, 7, &mut unread).len(), 1);
        assert!(
            unread.len() == 2 && unread[0].starts_with("/dev/sda5: the JSON area"),
            "{unread:?}"
        );
    }
}
