//! The headers of a PE file, read by `goblin` and then checked as EDK2's loader checks them.

use goblin::pe::header::Header;
use goblin::pe::optional_header::{MAGIC_64, OptionalHeader};
use goblin::pe::section_table::{SIZEOF_SECTION_TABLE, SectionTable};

use super::table::TableError;
use crate::formats::bytes::{Reader, Truncated, index};

/// Size of the DOS header, in bytes; its last field is `e_lfanew`.
const DOS_HEADER: usize = 64;
/// Offset of `e_lfanew`.
const E_LFANEW: usize = 60;
/// Size of the PE signature and the COFF header after it, in bytes.
const SIGNATURE_AND_COFF_HEADER: usize = 24;
/// Size of the COFF header, in bytes.
const COFF_HEADER: usize = 20;
/// Offset of `CheckSum` in the optional header, the same in PE32 and PE32+.
const CHECKSUM: usize = 64;
/// Size of the optional header up to the data directories, in bytes, in PE32 and in PE32+.
const FIXED_PART: (usize, usize) = (96, 112);
/// Size of a data directory entry, in bytes.
pub(super) const DIRECTORY: usize = 8;
/// Index of the certificate table in the data directories.
const CERTIFICATE_TABLE: usize = 4;

/// Why bytes are not a PE image that firmware would look at. Offsets are in bytes from the start of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// A header that reaches past the end of the file.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// The file does not begin with `MZ`.
    #[error("not a PE file: it does not begin with \"MZ\"")]
    NotMz,
    /// `e_lfanew` puts the PE header inside the DOS header.
    #[error("e_lfanew at offset {E_LFANEW:#x} is {0:#x}, inside the DOS header")]
    PeHeaderInDosHeader(u32),
    /// There is no `PE\0\0` where `e_lfanew` points.
    #[error("no PE signature at offset {0:#x}, where e_lfanew points")]
    NoPeSignature(usize),
    /// The COFF or optional header cannot be read.
    #[error("PE header at offset {offset:#x}: {reason}")]
    Header {
        /// Where the PE signature is.
        offset: usize,
        /// The reason that `goblin` gives.
        reason: String,
    },
    /// An object file: it has no optional header.
    #[error("no optional header at offset {0:#x}: an object file, not an image")]
    NoOptionalHeader(usize),
    /// `SizeOfOptionalHeader` does not hold exactly the stated data directories; EDK2 refuses such files.
    #[error("SizeOfOptionalHeader at offset {offset:#x} is {stated}, but {directories} data directories make {needed}")]
    SizeOfOptionalHeader {
        /// Where the field is.
        offset: usize,
        /// Its value, in bytes.
        stated: u16,
        /// `NumberOfRvaAndSizes`.
        directories: u32,
        /// The size that they need, in bytes.
        needed: u64,
    },
    /// Too few data directories to have one for the certificate table.
    #[error("NumberOfRvaAndSizes at offset {offset:#x} is {count}: no room for a certificate table (5 are needed)")]
    NoCertificateDirectory {
        /// Where the field is.
        offset: usize,
        /// Its value.
        count: u32,
    },
    /// A section's entry in the section table cannot be read.
    #[error("section table entry {number} at offset {offset:#x}: {reason}")]
    SectionEntry {
        /// The section's number, from 0.
        number: u16,
        /// Where its entry is.
        offset: usize,
        /// The reason that `goblin` gives.
        reason: String,
    },
    /// `SizeOfHeaders` does not cover the section table.
    #[error("SizeOfHeaders at offset {offset:#x} is {stated:#x}, but the section table ends at {needed:#x}")]
    SizeOfHeaders {
        /// Where the field is.
        offset: usize,
        /// Its value, in bytes.
        stated: usize,
        /// Where the section table ends.
        needed: usize,
    },
    /// Headers or a section that reach past the end of the file or into the certificate table.
    #[error(
        "{what} at {start:#x}..{end:#x} ends past {limit:#x}, the end of the file or the start of its certificate table"
    )]
    Outside {
        /// The section's name, or "headers".
        what: String,
        /// Where it starts.
        start: usize,
        /// Where it ends.
        end: usize,
        /// Where the certificate table starts, or the file ends.
        limit: usize,
    },
    /// The sections together are larger than the file, so they overlap.
    #[error("headers and sections make {total:#x} bytes together, but the file has {available:#x}: sections overlap")]
    SectionsExceedFile {
        /// Sum of `SizeOfHeaders` and all `SizeOfRawData`, in bytes.
        total: usize,
        /// Size of the file without its certificate table, in bytes.
        available: usize,
    },
    /// The certificate table is malformed.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// The headers, checked to fit the file.
#[derive(Debug, Clone)]
pub(super) struct Headers {
    pub machine: u16,
    pub file_alignment: u32,
    pub section_alignment: u32,
    /// Offset of `CheckSum`.
    pub checksum: usize,
    /// Value of `CheckSum`.
    pub stated_checksum: u32,
    /// Offset of the certificate table's directory entry.
    pub directory: usize,
    /// Offset and size of the certificate table, as stated.
    pub table: (u32, u32),
    /// `SizeOfHeaders`.
    pub size: usize,
    /// Offset of the COFF symbol table and the number of its entries.
    pub symbols: (u32, u32),
    pub sections: Vec<SectionTable>,
}

impl Headers {
    pub fn parse(file: &[u8]) -> Result<Self, ImageError> {
        let (start, image) = pe_header(file)?;
        let malformed = |error: goblin::error::Error| ImageError::Header {
            offset: start,
            reason: error.to_string(),
        };
        // Without the DOS stub: goblin looks for a Rich header in it, and a kernel's boot code must not look like one.
        let header = Header::parse_without_dos(image).map_err(malformed)?;
        let optional_at = start + SIGNATURE_AND_COFF_HEADER;
        let optional = header
            .optional_header
            .ok_or(ImageError::NoOptionalHeader(optional_at))?;
        let is_64_bit = optional.standard_fields.magic == MAGIC_64;
        let fixed = if is_64_bit { FIXED_PART.1 } else { FIXED_PART.0 };
        let directories_at = optional_at + fixed;
        check_directories(&optional, header.coff_header.size_of_optional_header, start, fixed)?;

        let section_table = optional_at + usize::from(header.coff_header.size_of_optional_header);
        let (sections, section_table_end) = sections(file, section_table, header.coff_header.number_of_sections)?;
        let fields = optional.windows_fields;
        let size = index(fields.size_of_headers);
        if size < section_table_end {
            return Err(ImageError::SizeOfHeaders {
                offset: optional_at + 60,
                stated: size,
                needed: section_table_end,
            });
        }
        let table = optional.data_directories.get_certificate_table();
        Ok(Self {
            machine: header.coff_header.machine,
            file_alignment: fields.file_alignment,
            section_alignment: fields.section_alignment,
            checksum: optional_at + CHECKSUM,
            stated_checksum: fields.check_sum,
            directory: directories_at + CERTIFICATE_TABLE * DIRECTORY,
            table: table.map_or((0, 0), |entry| (entry.virtual_address, entry.size)),
            size,
            symbols: (
                header.coff_header.pointer_to_symbol_table,
                header.coff_header.number_of_symbol_table,
            ),
            sections,
        })
    }
}

/// Finds the PE signature; returns its offset, and the file from there on.
fn pe_header(file: &[u8]) -> Result<(usize, &[u8]), ImageError> {
    if !file.starts_with(b"MZ") {
        return Err(ImageError::NotMz);
    }
    let mut reader = Reader::new(file);
    reader.take("DOS header", E_LFANEW)?;
    let e_lfanew = reader.u32("e_lfanew")?;
    let start = index(e_lfanew);
    let Some(skipped) = start.checked_sub(DOS_HEADER) else {
        return Err(ImageError::PeHeaderInDosHeader(e_lfanew));
    };
    reader.take("DOS stub", skipped)?;
    let image = reader.clone().rest();
    if reader.array("PE signature")? != *b"PE\0\0" {
        return Err(ImageError::NoPeSignature(start));
    }
    reader.take("COFF header", COFF_HEADER)?;
    Ok((start, image))
}

/// EDK2 wants the optional header to be filled by the stated directories exactly.
fn check_directories(optional: &OptionalHeader, stated: u16, start: usize, fixed: usize) -> Result<(), ImageError> {
    let count = optional.windows_fields.number_of_rva_and_sizes;
    let needed = u64::from(count) * DIRECTORY as u64 + fixed as u64;
    let spare = u64::from(stated).checked_sub(needed);
    if spare.is_none_or(|spare| spare >= DIRECTORY as u64) {
        return Err(ImageError::SizeOfOptionalHeader {
            offset: start + 20,
            stated,
            directories: count,
            needed,
        });
    }
    if index(count) <= CERTIFICATE_TABLE {
        return Err(ImageError::NoCertificateDirectory {
            // The last field of the fixed part.
            offset: start + SIGNATURE_AND_COFF_HEADER + fixed - 4,
            count,
        });
    }
    Ok(())
}

/// Reads the section table; returns its entries and its end.
fn sections(file: &[u8], start: usize, count: u16) -> Result<(Vec<SectionTable>, usize), ImageError> {
    let mut reader = Reader::new(file);
    reader.take("optional header", start)?;
    reader.take("section table", SIZEOF_SECTION_TABLE * usize::from(count))?;
    let mut offset = start;
    let mut sections = Vec::with_capacity(count.into());
    for number in 0..count {
        let at = offset;
        // With the string table at the end of the file, goblin copies no long names: many sections that share one
        // endless name would fill the memory.
        let section = SectionTable::parse(file, &mut offset, file.len()).map_err(|error| ImageError::SectionEntry {
            number,
            offset: at,
            reason: error.to_string(),
        })?;
        sections.push(section);
    }
    Ok((sections, reader.offset()))
}
