//! One variable of a store.

use std::ops::Range;

use super::error::VariableImageError;
use crate::formats::bytes::{Reader, index};
use crate::formats::firmware::authenticated_variable::EfiTime;
use crate::formats::firmware::guid::Guid;

/// `VARIABLE_DATA`, before each variable.
const START: u16 = 0x55aa;
/// A number of erased memory: the header was begun, and never filled in.
const UNWRITTEN: u32 = u32::MAX;

/// The `State` byte of a variable, each of whose bits is cleared once.
pub(super) type State = u8;
/// `VAR_ADDED`: valid.
pub(super) const ADDED: State = 0x3f;
/// `VAR_IN_DELETED_TRANSITION`: valid until its successor is.
const IN_DELETED_TRANSITION: State = ADDED & 0xfe;

/// A variable as the store holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageVariable {
    /// The name in UTF-16, without its terminating zero.
    pub name: Vec<u16>,
    /// The vendor.
    pub vendor: Guid,
    /// Attribute bits (UEFI 2.10, section 8.2.1).
    pub attributes: u32,
    /// The time of the last write, for variables with time-based authentication; else zeros.
    pub time: EfiTime,
    /// `MonotonicCount` and `PubKeyIndex`, for the obsolete count-based authentication.
    pub obsolete: (u64, u32),
    /// The data.
    pub data: Vec<u8>,
}

impl ImageVariable {
    /// A variable of this name without a time.
    #[must_use]
    pub fn new(name: &str, vendor: Guid, attributes: u32, data: Vec<u8>) -> Self {
        Self {
            name: name.encode_utf16().collect(),
            vendor,
            attributes,
            time: EfiTime::from_bytes([0; 16]),
            obsolete: (0, 0),
            data,
        }
    }

    /// True if this is its name.
    #[must_use]
    pub fn has_name(&self, name: &str, vendor: &Guid) -> bool {
        self.vendor == *vendor && name.encode_utf16().eq(self.name.iter().copied())
    }

    /// Bytes that it takes in a store, without the padding after it.
    pub(super) fn size(&self, is_authenticated: bool) -> usize {
        let header = if is_authenticated { 60 } else { 32 };
        header + (self.name.len() + 1) * 2 + self.data.len()
    }

    /// Appends the variable; `None` if a size does not fit the 32 bits of the format.
    pub(super) fn write(&self, is_authenticated: bool, out: &mut Vec<u8>) -> Option<()> {
        let name = self.name.iter().chain(&[0]).flat_map(|unit| unit.to_le_bytes());
        let name: Vec<u8> = name.collect();
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).ok().filter(|length| *length != UNWRITTEN);
        out.extend_from_slice(&START.to_le_bytes());
        out.extend_from_slice(&[ADDED, 0]);
        out.extend_from_slice(&self.attributes.to_le_bytes());
        if is_authenticated {
            out.extend_from_slice(&self.obsolete.0.to_le_bytes());
            out.extend_from_slice(&self.time.to_bytes());
            out.extend_from_slice(&self.obsolete.1.to_le_bytes());
        }
        out.extend_from_slice(&length(&name)?.to_le_bytes());
        out.extend_from_slice(&length(&self.data)?.to_le_bytes());
        out.extend_from_slice(self.vendor.as_bytes());
        out.extend_from_slice(&name);
        out.extend_from_slice(&self.data);
        Some(())
    }
}

/// The content of a place of the store.
pub(super) struct Scanned {
    pub state: State,
    /// The variable, if it is valid.
    pub variable: Option<ImageVariable>,
    /// Where it ends.
    pub end: usize,
}

/// Reads the variable at the start of `range`; `None` where no variable begins.
pub(super) fn read(
    image: &[u8],
    range: Range<usize>,
    is_authenticated: bool,
) -> Result<Option<Scanned>, VariableImageError> {
    let offset = range.start;
    let mut reader = Reader::within(image, range)?;
    if reader.remaining() < 2 || reader.u16("StartId")? != START {
        return Ok(None);
    }
    let state = reader.u8("State")?;
    reader.u8("Reserved")?;
    let attributes = reader.u32("Attributes")?;
    let (mut count, mut time, mut key) = (0, EfiTime::from_bytes([0; 16]), 0);
    if is_authenticated {
        count = u64::from_le_bytes(reader.array("MonotonicCount")?);
        time = EfiTime::from_bytes(reader.array("TimeStamp")?);
        key = reader.u32("PubKeyIndex")?;
    }
    let [name, data] = [reader.u32("NameSize")?, reader.u32("DataSize")?].map(|length| {
        // The power failed before the sizes were written; the header is all there is.
        if length == UNWRITTEN { 0 } else { index(length) }
    });
    let vendor = Guid::from_bytes(reader.array("VendorGuid")?);
    let name = reader.take("Name", name)?;
    let data = reader.take("Data", data)?;
    let variable = if matches!(state, ADDED | IN_DELETED_TRANSITION) {
        Some(ImageVariable {
            name: units(name).ok_or(VariableImageError::Name { offset })?,
            vendor,
            attributes,
            time,
            obsolete: (count, key),
            data: data.to_vec(),
        })
    } else {
        None
    };
    Ok(Some(Scanned {
        state,
        variable,
        end: reader.offset(),
    }))
}

/// The UTF-16 units of a name, which a zero ends; `None` for anything else.
fn units(name: &[u8]) -> Option<Vec<u16>> {
    let (pairs, rest) = name.as_chunks::<2>();
    let mut units: Vec<u16> = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    let is_terminated = units.pop() == Some(0);
    (rest.is_empty() && is_terminated && !units.contains(&0)).then_some(units)
}
