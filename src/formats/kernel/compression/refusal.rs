//! The reasons why a kernel would not unpack a module, and why one has to be packed anew.

use std::io;

/// Why a kernel would not get the module out of its packing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelRefusal {
    /// Optional fields in the gzip header.
    #[error("its gzip header has fields other than a file name (flags {0:#04x})")]
    GzipHeader(u8),
    /// Only the first of several parts would be unpacked.
    #[error("it has more than one {0}, and the kernel stops after the first")]
    Several(&'static str),
    /// An integrity check that the kernel cannot compute.
    #[error("its xz check has type {0}; the kernel takes 1 (CRC32) and 0 (none)")]
    XzCheck(u8),
    /// Filters that not every kernel has.
    #[error("it is packed with xz filters other than LZMA2 alone")]
    XzFilters,
    /// A window that the kernel does not make room for.
    #[error("its zstd window has {0} bytes; the kernel's limit is 128 MiB")]
    ZstdWindow(u64),
    /// A zstd file that begins with something else than data.
    #[error("it begins with a skippable zstd frame")]
    ZstdSkippable,
    /// It cannot be read at all.
    #[error("it is no complete {0} file")]
    Malformed(&'static str),
}

/// Why a file has to be packed anew.
#[derive(Debug, thiserror::Error)]
pub enum Repack {
    /// No kernel would get it out of its packing now.
    #[error("{0}")]
    Kernel(#[from] KernelRefusal),
    /// The old end and the rest are in one block.
    #[error("its old signature is in one block with the rest")]
    OneBlock,
    /// A window that grows past what the kernel makes room for.
    #[error("its zstd window would have more than 128 MiB")]
    Window,
    /// The content cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
}
