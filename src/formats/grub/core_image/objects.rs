//! The objects of the `mods` section, and the meaning of their types.

use crate::formats::bytes::{Reader, Truncated, index, until_zero};

/// `GRUB_MODULE_MAGIC`, "mimg".
const MAGIC: u32 = 0x676d_696d;
/// Size of `grub_module_info64`, in bytes.
const INFO: usize = 24;
/// Size of `grub_module_info32`: magic, offset and size, 4 bytes each.
const INFO_32: usize = 12;
/// Size of an object's header, in bytes.
const HEADER: usize = 8;
/// Objects begin at multiples of this: the size of an address.
const ALIGNMENT: usize = 8;
const ALIGNMENT_32: usize = 4;
/// How a flattened device tree begins.
const DEVICE_TREE: &[u8] = &[0xd0, 0x0d, 0xfe, 0xed];
/// How a certificate in DER begins.
const SEQUENCE: u8 = 0x30;

/// Types that all versions number alike.
const MODULE: u32 = 0;
const MEMORY_DISK: u32 = 1;
const CONFIGURATION: u32 = 2;
const PREFIX: u32 = 3;
const KEY: u32 = 4;

/// Why the objects cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// A field or an object that reaches past its end.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// The objects' start or end is outside of the section.
    #[error("objects at {start:#x}..{end:#x}, but the section has {size:#x} bytes")]
    Outside {
        /// Where they are said to begin, in bytes.
        start: u64,
        /// Where they are said to end.
        end: u64,
        /// The section's size.
        size: usize,
    },
    /// An object that is smaller than its own header.
    #[error("the object at offset {offset:#x} states a size of {size} bytes; its header has {HEADER}")]
    Size {
        /// Where the object begins, in bytes.
        offset: usize,
        /// The stated size.
        size: u32,
    },
    /// A text that is not UTF-8, or has no end.
    #[error("the prefix at offset {0:#x} is no text that ends with a zero")]
    Prefix(usize),
}

/// The state of a switch that `grub-mkimage` sets in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// It is set.
    Set,
    /// It is not set.
    Unset,
    /// The image has an object that means this in one numbering and something else in the other, and does not say its
    /// version.
    Unknown,
}

/// An object, without its header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a> {
    kind: u32,
    /// Where its header begins in the section.
    pub offset: usize,
    pub content: &'a [u8],
}

/// How the types from 5 on are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Up to 2.12: 5 device tree, 6 no shim lock; then the addition of distributions: 7 no command line.
    Old,
    /// From 2.14: 5 X.509, 6 device tree, 7 no shim lock, 8 no command line.
    New,
    /// It cannot be told.
    Unknown,
}

/// All objects.
#[derive(Debug)]
pub(super) struct Objects<'a>(Vec<Object<'a>>);

pub(super) fn has_magic(section: &[u8]) -> bool {
    section.starts_with(&MAGIC.to_le_bytes())
}

impl<'a> Objects<'a> {
    pub(super) fn parse(section: &'a [u8]) -> Result<Self, ObjectError> {
        let mut reader = Reader::new(section);
        reader.take("magic", 4)?;
        // Padding on 64-bit machines; on others the offset, which is never zero.
        let padding = reader.u32("padding or offset")?;
        let (info, alignment, start, end) = if padding == 0 {
            let start = u64::from_le_bytes(reader.array("offset")?);
            (INFO, ALIGNMENT, start, u64::from_le_bytes(reader.array("size")?))
        } else {
            (
                INFO_32,
                ALIGNMENT_32,
                u64::from(padding),
                u64::from(reader.u32("size")?),
            )
        };
        let outside = || ObjectError::Outside {
            start,
            end,
            size: section.len(),
        };
        let first = usize::try_from(start).map_err(|_| outside())?;
        let last = usize::try_from(end).map_err(|_| outside())?;
        let skipped = first.checked_sub(info).ok_or_else(outside)?;
        let limit = section.get(..last).filter(|_| first <= last).ok_or_else(outside)?;
        let mut reader = Reader::new(limit);
        reader.take("module information", info)?;
        reader.take("bytes before the first object", skipped)?;
        let mut objects = Vec::new();
        while !reader.is_empty() {
            let offset = reader.offset();
            let kind = reader.u32("object type")?;
            let size = reader.u32("object size")?;
            let bytes = index(size)
                .checked_sub(HEADER)
                .ok_or(ObjectError::Size { offset, size })?;
            let content = reader.take("object", bytes)?;
            objects.push(Object { kind, offset, content });
            let padding = bytes.next_multiple_of(alignment) - bytes;
            reader.take("padding", padding.min(reader.remaining()))?;
        }
        Ok(Self(objects))
    }

    fn with_type(&self, kind: u32) -> impl Iterator<Item = &Object<'a>> {
        self.0.iter().filter(move |object| object.kind == kind)
    }

    pub(super) fn modules(&self) -> impl Iterator<Item = &Object<'a>> {
        self.with_type(MODULE)
    }

    /// The contents of OpenPGP key files.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a [u8]> {
        self.with_type(KEY).map(|object| object.content)
    }

    pub(super) fn memory_disk(&self) -> Option<&'a [u8]> {
        self.with_type(MEMORY_DISK).map(|object| object.content).next()
    }

    /// Up to its zero.
    pub(super) fn configuration(&self) -> Option<&'a [u8]> {
        self.with_type(CONFIGURATION)
            .next()
            .map(|object| until_zero(object.content))
    }

    pub(super) fn prefix(&self) -> Result<Option<&'a str>, ObjectError> {
        let Some(object) = self.with_type(PREFIX).next() else {
            return Ok(None);
        };
        let invalid = || ObjectError::Prefix(object.offset);
        let text = std::ffi::CStr::from_bytes_until_nul(object.content).map_err(|_| invalid())?;
        text.to_str().map(Some).map_err(|_| invalid())
    }

    pub(super) fn certificates(&self, scheme: Scheme) -> usize {
        match scheme {
            Scheme::New => self.with_type(5).count(),
            Scheme::Old | Scheme::Unknown => 0,
        }
    }

    pub(super) fn shim_lock_disabled(&self, scheme: Scheme) -> Switch {
        self.switch(scheme, 6, 7)
    }

    pub(super) fn cli_disabled(&self, scheme: Scheme) -> Switch {
        self.switch(scheme, 7, 8)
    }

    fn switch(&self, scheme: Scheme, old: u32, new: u32) -> Switch {
        let has = |kind| self.with_type(kind).next().is_some();
        let set = match scheme {
            Scheme::Unknown if has(old) != has(new) => return Switch::Unknown,
            Scheme::Old | Scheme::Unknown => has(old),
            Scheme::New => has(new),
        };
        if set { Switch::Set } else { Switch::Unset }
    }
}

impl Scheme {
    /// Told by the objects first and by the version last, since distributions carry changes back.
    pub(super) fn from_objects(objects: &Objects<'_>, version: Option<&str>) -> Self {
        for object in &objects.0 {
            match object.kind {
                5 if object.content.starts_with(DEVICE_TREE) => return Self::Old,
                5 if object.content.first() == Some(&SEQUENCE) => return Self::New,
                6 if object.content.is_empty() => return Self::Old,
                6 if object.content.starts_with(DEVICE_TREE) => return Self::New,
                8 => return Self::New,
                _ => {}
            }
        }
        match version.and_then(numbers) {
            Some(version) if version >= (2, 14) => Self::New,
            Some(_) => Self::Old,
            None => Self::Unknown,
        }
    }
}

/// The first two numbers of a version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}
