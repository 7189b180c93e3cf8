//! The data of events: `UEFI_VARIABLE_DATA` and `UEFI_IMAGE_LOAD_EVENT`.

use crate::formats::bytes::{Reader, Truncated};
use crate::formats::firmware::device_path::DevicePath;
use crate::formats::firmware::guid::Guid;

/// A variable as it was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UefiVariable {
    /// Its vendor.
    pub vendor: Guid,
    /// Its name in UTF-16, without a terminating zero.
    pub name: Vec<u16>,
    /// Its data; of an authority, the one `EFI_SIGNATURE_DATA` that let an image in.
    pub data: Vec<u8>,
}

impl UefiVariable {
    /// A variable of this name.
    #[must_use]
    pub fn new(name: &str, vendor: Guid, data: &[u8]) -> Self {
        Self {
            vendor,
            name: name.encode_utf16().collect(),
            data: data.to_vec(),
        }
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Truncated> {
        let mut reader = Reader::new(bytes);
        let vendor = Guid::from_bytes(reader.array("VariableName")?);
        let characters = length(&mut reader, "UnicodeNameLength")?;
        let size = length(&mut reader, "VariableDataLength")?;
        // A product that does not fit is past the end as well.
        let name = reader.take("UnicodeName", characters.saturating_mul(2))?;
        let units = name.as_chunks::<2>().0;
        Ok(Self {
            vendor,
            name: units.iter().map(|unit| u16::from_le_bytes(*unit)).collect(),
            data: reader.take("VariableData", size)?.to_vec(),
        })
    }

    /// The name, for comparison and for people.
    #[must_use]
    pub fn name(&self) -> String {
        String::from_utf16_lossy(&self.name)
    }

    /// The bytes that are measured: the whole structure.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.vendor.as_bytes().to_vec();
        bytes.extend((self.name.len() as u64).to_le_bytes());
        bytes.extend((self.data.len() as u64).to_le_bytes());
        bytes.extend(self.name.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend(&self.data);
        bytes
    }
}

/// A length of 64 bits. One that no memory holds becomes the largest one, and so is past the end of the event.
fn length(reader: &mut Reader<'_>, field: &'static str) -> Result<usize, Truncated> {
    let length = u64::from_le_bytes(reader.array(field)?);
    Ok(usize::try_from(length).unwrap_or(usize::MAX))
}

/// An image that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageLoad {
    /// Where it came from.
    pub device_path: DevicePath,
}

impl ImageLoad {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Truncated> {
        let mut reader = Reader::new(bytes);
        reader.take("ImageLocationInMemory to ImageLinkTimeAddress", 24)?;
        let size = length(&mut reader, "LengthOfDevicePath")?;
        let path = reader.take("DevicePath", size)?;
        Ok(Self {
            device_path: DevicePath::new(path),
        })
    }
}
