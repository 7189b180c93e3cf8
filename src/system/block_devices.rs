//! What is encrypted on this machine's block devices with a key that its TPM holds.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use crate::formats::luks2;

use super::Context;

/// Where the kernel lists block devices.
const DEVICES: &str = "/sys/class/block";

/// Something that opens only while a PCR holds what it held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sealed {
    /// The block device.
    pub device: String,
    /// What sealed it: the type of its LUKS2 token.
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
        let header = header(&context.path(&device)).unwrap_or_default();
        let tokens = luks2::tpm_tokens(&header).unwrap_or_default();
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
    let size = luks2::size(&header).ok()?;
    let rest = size.checked_sub(header.len() as u64)?;
    file.take(rest).read_to_end(&mut header).ok()?;
    Some(header)
}
