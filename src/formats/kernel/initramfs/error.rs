//! The reasons for which an image cannot be read to its end.

use std::io;

/// Most bytes that an image may unpack to. Real ones have up to a few hundred MB.
pub(super) const MAX_UNPACKED: u64 = 4 << 30;

/// Most bytes of a file that is held in memory. The largest modules of distributions have some tens of MB, those with debugging
/// information a few hundred.
pub(super) const MAX_FILE: u64 = 512 << 20;
/// Most bytes that are kept of the names of files with several names, with what a table takes for each. The kernel has no bound.
pub(super) const MAX_NAMES: usize = 16 << 20;

/// Most bytes that are held of files with several names whose content came with one that is not wanted. Archivers other than cpio write
/// it with the first name.
pub(super) const MAX_LINKED: usize = 64 << 20;

/// Why an image cannot be read to its end. Offsets are in bytes from the start of the image, or of the content of the compressed
/// part at an offset.
#[derive(Debug, thiserror::Error)]
pub enum InitramfsError {
    /// It ends too early.
    #[error("{0} ends in the middle of an archive")]
    Truncated(Offset),
    /// There is no archive where one should begin.
    #[error("there is no cpio header at {0}")]
    Magic(Offset),
    /// A field of a header that is no hexadecimal number.
    #[error("{field} of the cpio header at {at} is no number")]
    Field {
        /// The field's name.
        field: &'static str,
        /// Where the header is.
        at: Offset,
    },
    /// A compression that bootseal does not unpack.
    #[error("it is compressed with {name} at offset {offset:#x}, which bootseal cannot unpack")]
    Unsupported {
        /// The compression.
        name: &'static str,
        /// Where it begins.
        offset: usize,
    },
    /// LZ4 in frames, which no kernel unpacks.
    #[error("at offset {0:#x} there is LZ4 in frames, which no kernel unpacks; pack it with lz4 -l")]
    Lz4Frame(usize),
    /// Neither an archive nor compressed.
    #[error("at offset {0:#x} there is neither a cpio archive nor a compressed one")]
    Unknown(usize),
    /// A compressed part that cannot be unpacked.
    #[error("the compressed part at offset {offset:#x} cannot be unpacked")]
    Unpack {
        /// Where it begins.
        offset: usize,
        /// The reason.
        #[source]
        error: io::Error,
    },
    /// More than is unpacked.
    #[error("it unpacks to more than {MAX_UNPACKED} bytes")]
    TooLarge,
    /// A wanted file that is larger than one that is held in memory.
    #[error("the file at {0} has more than {MAX_FILE} bytes")]
    LargeFile(Offset),
    /// More names of wanted files whose content is still to come than are kept.
    #[error("names of files with several names take more than {MAX_NAMES} bytes in its archive")]
    ManyNames,
    /// More content that may be that of a wanted name to come than is held.
    #[error("what may be modules under other names takes more than {MAX_LINKED} bytes in its archive")]
    ManyLinked,
}

/// A place in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// Where the compressed part begins, if it is in one.
    pub part: Option<usize>,
    /// The offset in the image, or in the content of the part.
    pub offset: u64,
}

impl std::fmt::Display for Offset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "offset {:#x}", self.offset)?;
        match self.part {
            Some(part) => write!(f, " of what is compressed at offset {part:#x}"),
            None => Ok(()),
        }
    }
}
