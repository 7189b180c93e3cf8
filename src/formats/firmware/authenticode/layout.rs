//! Where an image's sections lie in its file, and the layouts that firmware does not hash as one flat file.

use std::fmt;

use goblin::pe::section_table::SectionTable;

use super::headers::{Headers, ImageError};
use super::padding::padding;
use super::view::View;
use crate::formats::bytes::{Reader, index, until_zero};
use crate::formats::text::printable;

/// Size of an entry of the COFF symbol table, in bytes.
const SYMBOL: u64 = 18;
/// Longest section name that is looked up in the string table, in bytes.
const MAX_NAME: usize = 256;

/// A section of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<'a> {
    /// Its name, fit for a terminal. A name over 8 bytes that the string table does not hold stays "/" and an offset.
    pub name: String,
    /// Where its data starts in the file (`PointerToRawData`), in bytes.
    pub offset: usize,
    /// Size of its data in the file (`SizeOfRawData`), in bytes, padding included.
    pub size: usize,
    /// Its data in the file; nothing of a section in the middle of a file that is not held.
    raw: &'a [u8],
    /// Where it is loaded (`VirtualAddress`).
    pub virtual_address: u32,
    /// Its size in memory (`VirtualSize`), in bytes.
    pub virtual_size: u32,
    /// `Characteristics`.
    pub characteristics: u32,
}

impl<'a> Section<'a> {
    /// The data without the padding to the file's alignment.
    #[must_use]
    pub fn data(&self) -> &'a [u8] {
        self.raw.get(..index(self.virtual_size)).unwrap_or(self.raw)
    }

    /// The length of the data without the padding to the file's alignment, in bytes, held or not.
    #[must_use]
    pub fn length(&self) -> usize {
        self.size.min(index(self.virtual_size))
    }

    /// The end of the data in the file, in bytes.
    #[must_use]
    pub const fn end(&self) -> usize {
        self.offset + self.size
    }

    fn new(file: &View<'a>, end: usize, entry: &SectionTable, symbols: (u32, u32)) -> Result<Self, ImageError> {
        let name = name(file, entry, symbols);
        let size = index(entry.size_of_raw_data);
        // Without data in the file, the pointer means nothing and may be anything.
        let start = if size == 0 { 0 } else { index(entry.pointer_to_raw_data) };
        // Where the sum does not fit, it is outside of the file as well.
        let stop = start.saturating_add(size);
        if stop > end || !file.has(&(start..stop)) {
            return Err(ImageError::Outside {
                what: format!("section {name}"),
                start,
                end: stop,
                limit: end,
            });
        }
        Ok(Self {
            name,
            offset: start,
            size,
            raw: file.get(start..stop).unwrap_or_default(),
            virtual_address: entry.virtual_address,
            virtual_size: entry.virtual_size,
            characteristics: entry.characteristics,
        })
    }
}

/// Reads the sections, in the order of the section table. Their data lies before `end`.
pub(super) fn sections<'a>(file: &View<'a>, end: usize, headers: &Headers) -> Result<Vec<Section<'a>>, ImageError> {
    if headers.size > end {
        return Err(ImageError::Outside {
            what: "headers (SizeOfHeaders)".to_owned(),
            start: 0,
            end: headers.size,
            limit: end,
        });
    }
    let sections: Vec<Section<'_>> = headers
        .sections
        .iter()
        .map(|entry| Section::new(file, end, entry, headers.symbols))
        .collect::<Result<_, _>>()?;
    let total = hashed_length(headers.size, &sections);
    if total > end {
        return Err(ImageError::SectionsExceedFile { total, available: end });
    }
    Ok(sections)
}

/// `SUM_OF_BYTES_HASHED` of the Authenticode specification: headers and sections together, in bytes.
pub(super) fn hashed_length(headers: usize, sections: &[Section<'_>]) -> usize {
    sections
        .iter()
        .fold(headers, |sum, section| sum.saturating_add(section.size))
}

/// The sections with data in the file, in the order in which firmware hashes them.
pub(super) fn by_offset<'s, 'a>(sections: &'s [Section<'a>]) -> Vec<&'s Section<'a>> {
    let mut sorted: Vec<_> = sections.iter().filter(|section| section.size > 0).collect();
    sorted.sort_by_key(|section| section.offset);
    sorted
}

/// The weight of an odd layout. This is about one image's bytes, and
/// a refusal ends its signing: no weight of a finding, which layer 0 does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Common, and without consequence for the hash.
    Note,
    /// Unusual; firmware other than EDK2 may hash it differently or refuse it.
    Warning,
    /// The firmware's hash and the flat hash of the file differ: such an image is not signed.
    Refusal,
}

/// An odd layout. Offsets and lengths are in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayoutProblem {
    /// Bytes before a section that belong to no section: firmware does not hash them.
    Gap {
        /// The section after the gap.
        section: String,
        /// Where the headers or the section before it end.
        from: usize,
        /// Where the section starts.
        to: usize,
    },
    /// A section begins before the headers or the section before it end: firmware hashes the overlap twice.
    Overlap {
        /// The section.
        section: String,
        /// Where it starts.
        start: usize,
        /// Where the headers or the section before it end.
        previous_end: usize,
    },
    /// Data after the last section that is neither symbol table nor padding.
    TrailingData {
        /// Where it starts.
        offset: usize,
        /// Its length.
        length: usize,
    },
    /// A section's data starts off `FileAlignment`.
    FileAlignment {
        /// The section.
        section: String,
        /// Where it starts in the file.
        offset: usize,
        /// The image's `FileAlignment`.
        alignment: u32,
    },
    /// A section is loaded off `SectionAlignment`; objcopy and older systemd stubs do that.
    SectionAlignment {
        /// The section.
        section: String,
        /// Where it is loaded.
        virtual_address: u32,
        /// The image's `SectionAlignment`.
        alignment: u32,
    },
}

impl LayoutProblem {
    /// The weight of this oddity.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Gap { .. } | Self::Overlap { .. } => Severity::Refusal,
            Self::TrailingData { .. } | Self::FileAlignment { .. } => Severity::Warning,
            Self::SectionAlignment { .. } => Severity::Note,
        }
    }
}

impl fmt::Display for LayoutProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap { section, from, to } => {
                write!(
                    f,
                    "a gap at {from:#x}..{to:#x} before section {section}: firmware does not hash it"
                )
            }
            Self::Overlap {
                section,
                start,
                previous_end,
            } => write!(
                f,
                "section {section} starts at {start:#x}, before its predecessor ends at {previous_end:#x}"
            ),
            Self::TrailingData { offset, length } => {
                write!(f, "{length:#x} bytes at {offset:#x} after the last section")
            }
            Self::FileAlignment {
                section,
                offset,
                alignment,
            } => write!(
                f,
                "section {section} starts at {offset:#x}, off the file alignment {alignment:#x}"
            ),
            Self::SectionAlignment {
                section,
                virtual_address,
                alignment,
            } => write!(
                f,
                "section {section} is loaded at {virtual_address:#x}, off the section alignment {alignment:#x}"
            ),
        }
    }
}

/// Everything odd about the layout of a file whose hashed part ends at `end`, in the order of the file.
pub(super) fn problems(file: &View<'_>, end: usize, headers: &Headers, sections: &[Section<'_>]) -> Vec<LayoutProblem> {
    let mut problems = Vec::new();
    let mut position = headers.size;
    for section in by_offset(sections) {
        let name = || section.name.clone();
        if section.offset > position {
            problems.push(LayoutProblem::Gap {
                section: name(),
                from: position,
                to: section.offset,
            });
        }
        if section.offset < position {
            problems.push(LayoutProblem::Overlap {
                section: name(),
                start: section.offset,
                previous_end: position,
            });
        }
        position = position.max(section.end());
        problems.extend(misalignments(section, headers));
    }
    let explained = symbols_end(file, headers.symbols).unwrap_or(position).max(position);
    let length = end.saturating_sub(explained);
    let is_zero = || {
        file.get(explained..end)
            .is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
    };
    if length > 0 && !(length == padding(explained) && is_zero()) {
        problems.push(LayoutProblem::TrailingData {
            offset: explained,
            length,
        });
    }
    problems
}

fn misalignments(section: &Section<'_>, headers: &Headers) -> impl Iterator<Item = LayoutProblem> {
    let off = |value: usize, alignment: u32| value.checked_rem(index(alignment)).is_some_and(|rest| rest != 0);
    let in_file = off(section.offset, headers.file_alignment).then(|| LayoutProblem::FileAlignment {
        section: section.name.clone(),
        offset: section.offset,
        alignment: headers.file_alignment,
    });
    let in_memory =
        off(index(section.virtual_address), headers.section_alignment).then(|| LayoutProblem::SectionAlignment {
            section: section.name.clone(),
            virtual_address: section.virtual_address,
            alignment: headers.section_alignment,
        });
    in_file.into_iter().chain(in_memory)
}

/// End of the COFF symbol table and of the string table after it, which GNU tools leave at the end of images.
fn symbols_end(file: &View<'_>, symbols: (u32, u32)) -> Option<usize> {
    let strings = strings(symbols)?;
    let size = file.get(strings..strings.checked_add(size_of::<u32>())?)?;
    let length = Reader::new(size).u32("string table size").ok()?;
    strings.checked_add(index(length))
}

/// Where the string table starts, if there is one.
fn strings((start, count): (u32, u32)) -> Option<usize> {
    let table = u64::from(count).checked_mul(SYMBOL)?.checked_add(start.into())?;
    usize::try_from(table).ok().filter(|_| start != 0)
}

/// A section's name, from the string table if it is longer than its field.
fn name(file: &View<'_>, entry: &SectionTable, symbols: (u32, u32)) -> String {
    let name = long_name(file, entry, symbols).unwrap_or(until_zero(&entry.name));
    printable(&String::from_utf8_lossy(name))
}

fn long_name<'a>(file: &View<'a>, entry: &SectionTable, symbols: (u32, u32)) -> Option<&'a [u8]> {
    let offset = entry.name_offset().ok()??;
    let start = strings(symbols)?.checked_add(offset)?;
    // Bounded, so that many sections that share one endless name cannot fill the memory.
    let name = file.get(start..start.checked_add(MAX_NAME)?.min(file.len()))?;
    name.iter().position(|byte| *byte == 0).and_then(|end| name.get(..end))
}
