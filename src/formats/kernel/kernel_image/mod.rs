//! Images of the Linux kernel as firmware and boot loaders start them, and what the kernel in them says of itself: its
//! release, its configuration, and the certificates that it trusts for modules.

mod embedded;
mod payload;
#[cfg(test)]
mod tests;

use std::io;

use crate::formats::bytes::Truncated;
use crate::formats::kernel::compression::UnpackerError;

pub use embedded::Embedded;

/// Why the kernel in an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum KernelImageError {
    /// Not an image of a kernel that bootseal knows.
    #[error("it is no image of a kernel for x86, arm64 or RISC-V")]
    Unknown,
    /// A field of a header, or the kernel, reaches past the end.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// The compression of the kernel in it.
    #[error("the kernel in it at offset {offset:#x}")]
    Compression {
        /// Where it begins.
        offset: usize,
        /// The reason.
        #[source]
        error: UnpackerError,
    },
    /// A compressed kernel that cannot be unpacked to its end.
    #[error("the kernel in it cannot be unpacked")]
    Unpack(#[source] io::Error),
    /// More than is unpacked.
    #[error("the kernel in it unpacks to more than {} MiB", payload::MAX_KERNEL >> 20)]
    TooLarge,
    /// Content without the text that every kernel begins `/proc/version` with.
    #[error("the kernel in it does not say which Linux it is")]
    NoBanner,
    /// Several lists that may be that of the trusted certificates.
    #[error("the kernel in it holds more than one list that may be that of its certificates")]
    SeveralLists,
}
