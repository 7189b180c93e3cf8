//! Block devices of this machine that are encrypted with a key that its TPM holds.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use crate::formats::kernel::luks2;

use super::context::Context;

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

/// The LUKS2 devices with a token that is sealed to this PCR. Devices that cannot be read are passed over: there is no
/// telling what they hold.
#[must_use]
pub fn sealed_to(context: &Context, pcr: u32) -> Vec<Sealed> {
    let Ok(entries) = fs::read_dir(context.path(DEVICES)) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    names.sort();
    let mut sealed = Vec::new();
    for name in names {
        let device = Path::new("/dev").join(name);
        let Some(header) = header(&context.path(&device)) else {
            continue;
        };
        let Ok(tokens) = luks2::tpm_tokens(&header) else {
            continue;
        };
        let mut tokens = tokens.into_iter().filter(|token| token.pcrs.contains(&pcr));
        sealed.extend(tokens.next().map(|token| Sealed {
            device: device.display().to_string(),
            by: token.kind,
        }));
    }
    sealed
}

/// The LUKS2 header of a device, whole; none if it has none.
fn header(device: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(device).ok()?;
    let mut header = vec![0; luks2::BINARY];
    file.read_exact(&mut header).ok()?;
    let size = luks2::header_size(&header).ok()?;
    let rest = size.checked_sub(header.len() as u64)?;
    file.take(rest).read_to_end(&mut header).ok()?;
    Some(header)
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
        assert_eq!(sealed_to(&context, 7), [expected]);
        assert_eq!(sealed_to(&context, 4), []);
    }
}
