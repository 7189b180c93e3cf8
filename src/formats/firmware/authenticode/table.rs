//! The attribute certificate table of a PE file and its `WIN_CERTIFICATE` entries (UEFI 2.10, section 32.2.4).

use super::padding::{padding, zeros};
use super::view::View;
use crate::formats::bytes::{Reader, Truncated, index};

/// Size of the header of a `WIN_CERTIFICATE`, in bytes.
const HEADER: usize = 8;
/// `WIN_CERT_REVISION_2_0`.
const REVISION: u16 = 0x0200;
/// `WIN_CERT_TYPE_PKCS_SIGNED_DATA`.
const PKCS_SIGNED_DATA: u16 = 0x0002;
/// `WIN_CERT_TYPE_EFI_GUID`.
const EFI_GUID: u16 = 0x0ef1;
/// `EFI_CERT_TYPE_PKCS7_GUID`, binary.
const PKCS7_GUID: [u8; 16] = [
    0x9d, 0xd2, 0xaf, 0x4a, 0xdf, 0x68, 0xee, 0x49, 0x8a, 0xa9, 0x34, 0x7d, 0x37, 0x56, 0x65, 0xa7,
];

/// Why a certificate table is not one that firmware reads. Offsets are in bytes from the start of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The table is not in the file.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// The table of a file that is not held has more bytes than are read of one.
    #[error("the certificate table at offset {start:#x} has {length} bytes: too large to be looked at")]
    TooLarge {
        /// Where the table starts.
        start: usize,
        /// Its size, in bytes.
        length: usize,
    },
    /// Only one of offset and size is zero.
    #[error(
        "certificate table directory entry at offset {field:#x}: offset {start:#x} and size {size:#x} contradict each other"
    )]
    HalfEmpty {
        /// Where the directory entry is.
        field: usize,
        /// Stated offset of the table.
        start: u32,
        /// Stated size of the table, in bytes.
        size: u32,
    },
    /// The offset or the size is no multiple of 8; EDK2 refuses every signature of such a file.
    #[error("certificate table directory entry at offset {field:#x}: {name} {value:#x} is no multiple of 8")]
    Misaligned {
        /// Where the directory entry is.
        field: usize,
        /// "offset" or "size".
        name: &'static str,
        /// The value, in bytes.
        value: u32,
    },
    /// The table reaches past the end of the file: a truncated file or a wrong size.
    #[error(
        "certificate table directory entry at offset {field:#x}: the table at {start:#x}..{end:#x} ends past the end of the file ({file:#x})"
    )]
    PastEnd {
        /// Where the directory entry is.
        field: usize,
        /// Where the table starts.
        start: usize,
        /// Where the table ends.
        end: usize,
        /// The file's length, in bytes.
        file: usize,
    },
    /// Data follows the table; firmware hashes such files in more than one way.
    #[error(
        "certificate table directory entry at offset {field:#x}: the table ends at {end:#x}, but the file goes on to {file:#x}"
    )]
    NotAtEnd {
        /// Where the directory entry is.
        field: usize,
        /// Where the table ends.
        end: usize,
        /// The file's length, in bytes.
        file: usize,
    },
    /// An entry's `dwLength` is smaller than its header or larger than the rest of the table.
    #[error("WIN_CERTIFICATE at offset {offset:#x}: dwLength {length:#x} does not fit 0x9..={available:#x}")]
    Length {
        /// Where the entry starts.
        offset: usize,
        /// Its `dwLength`, in bytes.
        length: u32,
        /// Bytes left in the table.
        available: usize,
    },
}

/// One entry of the certificate table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WinCertificate<'a> {
    /// Where the entry starts, in bytes from the start of the file; a multiple of 8.
    pub offset: usize,
    /// `wCertificateType`; 2 is a PKCS#7 `SignedData`.
    pub certificate_type: u16,
    /// `bCertificate`: the bytes that `dwLength` covers after the 8 of the header, without padding.
    pub content: &'a [u8],
    /// The whole entry, with header and padding.
    pub(super) bytes: &'a [u8],
}

impl<'a> WinCertificate<'a> {
    /// The PKCS#7 `SignedData` inside, if the entry holds one. As in EDK2, it may be wrapped in a
    /// `WIN_CERTIFICATE_UEFI_GUID`.
    #[must_use]
    pub fn pkcs7(&self) -> Option<&'a [u8]> {
        match self.certificate_type {
            PKCS_SIGNED_DATA => Some(self.content),
            EFI_GUID => self.content.strip_prefix(&PKCS7_GUID),
            _ => None,
        }
    }
}

/// Finds the table of a file; returns its start, which is the end of the hashed part, and its bytes.
pub(super) fn locate(file: usize, field: usize, stated: (u32, u32)) -> Result<Option<usize>, TableError> {
    let (start, size) = stated;
    if stated == (0, 0) {
        return Ok(None);
    }
    if start == 0 || size == 0 {
        return Err(TableError::HalfEmpty { field, start, size });
    }
    for (name, value) in [("offset", start), ("size", size)] {
        if padding(index(value)) != 0 {
            return Err(TableError::Misaligned { field, name, value });
        }
    }
    let start = index(start);
    let end = start.saturating_add(index(size));
    match end.cmp(&file) {
        std::cmp::Ordering::Greater => Err(TableError::PastEnd {
            field,
            start,
            end,
            file,
        }),
        std::cmp::Ordering::Less => Err(TableError::NotAtEnd { field, end, file }),
        std::cmp::Ordering::Equal => Ok(Some(start)),
    }
}

/// Reads the entries of the table that starts at `start` and fills the rest of the file.
pub(super) fn entries<'a>(file: &View<'a>, start: usize) -> Result<Vec<WinCertificate<'a>>, TableError> {
    let mut entries = Vec::new();
    let length = file.len().saturating_sub(start);
    let table = file
        .get(start..file.len())
        .ok_or(TableError::TooLarge { start, length })?;
    let mut reader = Reader::new(table);
    while !reader.is_empty() {
        let (offset, available) = (start + reader.offset(), reader.remaining());
        let length = reader.clone().u32("dwLength")?;
        let size = index(length);
        if size <= HEADER || size > available {
            return Err(TableError::Length {
                offset,
                length,
                available,
            });
        }
        let bytes = reader.take("WIN_CERTIFICATE", size + padding(size))?;
        let mut fields = Reader::new(bytes);
        fields.u32("dwLength")?;
        fields.u16("wRevision")?;
        entries.push(WinCertificate {
            offset,
            certificate_type: fields.u16("wCertificateType")?,
            content: fields.take("bCertificate", size - HEADER)?,
            bytes,
        });
    }
    Ok(entries)
}

/// A table entry with a PKCS#7 `SignedData`, padded. `dwLength` stays unrounded: strict parsers refuse bytes after the
/// PKCS#7. `None` if it is too large for the format.
pub(super) fn pkcs7_entry(pkcs7: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(pkcs7.len()).ok()?.checked_add(8)?;
    let mut entry = length.to_le_bytes().to_vec();
    entry.extend_from_slice(&REVISION.to_le_bytes());
    entry.extend_from_slice(&PKCS_SIGNED_DATA.to_le_bytes());
    entry.extend_from_slice(pkcs7);
    entry.extend_from_slice(zeros(entry.len()));
    Some(entry)
}
