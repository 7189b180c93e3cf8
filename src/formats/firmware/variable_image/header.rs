//! The headers around the variables.

use std::ops::Range;

use super::error::VariableImageError;
use crate::formats::bytes::{Reader, index};
use crate::formats::firmware::guid::Guid;

/// `EFI_SYSTEM_NV_DATA_FV_GUID`: a firmware volume for variables.
const VOLUME: Guid = Guid::from_fields(
    0xfff1_2b8d,
    0x7696,
    0x4c8b,
    [0xa9, 0x85, 0x27, 0x47, 0x07, 0x5b, 0x4f, 0x50],
);
/// `EFI_AUTHENTICATED_VARIABLE_GUID`: a store whose variables have times.
const AUTHENTICATED: Guid = Guid::from_fields(
    0xaaf3_2c78,
    0x947b,
    0x439a,
    [0xa1, 0x80, 0x2e, 0x14, 0x4e, 0xc3, 0x77, 0x92],
);
/// `EFI_VARIABLE_GUID`: a store whose variables have none.
const PLAIN: Guid = Guid::from_fields(
    0xddcf_3616,
    0x3275,
    0x4164,
    [0x98, 0xb6, 0xfe, 0x85, 0x70, 0x7f, 0xfe, 0x7d],
);
/// `VARIABLE_STORE_FORMATTED`.
const FORMATTED: u8 = 0x5a;
/// `VARIABLE_STORE_HEALTHY`.
const HEALTHY: u8 = 0xfe;
/// Size of the store's header, in bytes.
const STORE_HEADER: usize = 28;

/// Checks the volume's header; returns the range that is left for the store.
pub(super) fn volume_header(image: &[u8]) -> Result<Range<usize>, VariableImageError> {
    let wrong = |field, offset| VariableImageError::Volume { field, offset };
    let mut header = Reader::within(image, 0..image.len())?;
    header.take("ZeroVector", 16)?;
    if header.array("FileSystemGuid")? != *VOLUME.as_bytes() {
        return Err(wrong("FileSystemGuid", 16));
    }
    let volume = u64::from_le_bytes(header.array("FvLength")?);
    if header.array("Signature")? != *b"_FVH" {
        return Err(wrong("Signature", 40));
    }
    header.u32("Attributes")?;
    let length = usize::from(header.u16("HeaderLength")?);
    let volume = usize::try_from(volume).map_err(|_| wrong("FvLength", 32))?;
    if volume > image.len() || length > volume || !length.is_multiple_of(2) {
        return Err(wrong("FvLength", 32));
    }
    let words = Reader::within(image, 0..length)?.take("firmware volume header", length)?;
    let words = words.as_chunks::<2>().0.iter().map(|word| u16::from_le_bytes(*word));
    let sum = words.fold(0, u16::wrapping_add);
    if sum != 0 {
        return Err(VariableImageError::Checksum { sum });
    }
    Ok(length..volume)
}

/// The header of the store.
pub(super) struct StoreHeader {
    /// Where the variables are.
    pub area: Range<usize>,
    /// True if they have times.
    pub is_authenticated: bool,
}

impl StoreHeader {
    pub(super) fn parse(image: &[u8], volume: Range<usize>) -> Result<Self, VariableImageError> {
        let start = volume.start;
        let wrong = |field, offset: usize| VariableImageError::Store {
            field,
            offset: start + offset,
        };
        let end = volume.end;
        let mut header = Reader::within(image, volume)?;
        let is_authenticated = match Guid::from_bytes(header.array("Signature")?) {
            AUTHENTICATED => true,
            PLAIN => false,
            _ => return Err(wrong("Signature", 0)),
        };
        let stated = index(header.u32("Size")?);
        if header.u8("Format")? != FORMATTED {
            return Err(wrong("Format", 20));
        }
        if header.u8("State")? != HEALTHY {
            return Err(wrong("State", 21));
        }
        let area_end = start.checked_add(stated).filter(|area_end| *area_end <= end);
        let area = start + STORE_HEADER..area_end.ok_or(wrong("Size", 16))?;
        if area.is_empty() {
            return Err(wrong("Size", 16));
        }
        Ok(Self { area, is_authenticated })
    }
}
