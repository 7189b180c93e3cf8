//! Packed modules as a kernel sees them that unpacks modules itself (`CONFIG_MODULE_DECOMPRESS`)
//! (`kernel/module/decompress.c`, `lib/xz`, `lib/zstd`, `lib/zlib_inflate`).
//!
//! It is stricter than the tools, and stops at the end of the first member, stream or frame without looking at the
//! rest; a module that is cut short there has lost its signature.

use super::format::Compression;
use super::refusal::KernelRefusal;
use super::{gzip, xz, zstandard};

impl Compression {
    /// Checks that a kernel that was built to unpack this format gets the whole module out of `packed`. Files that
    /// [`Compression::unpack`] takes may still be refused.
    pub fn kernel_unpacks(self, packed: &[u8]) -> Result<(), KernelRefusal> {
        match self {
            Self::None => Ok(()),
            Self::Gzip => gzip::kernel_unpacks(packed),
            Self::Xz => xz::kernel_unpacks(packed).unwrap_or(Err(KernelRefusal::Malformed("xz"))),
            Self::Zstd => zstandard::kernel_unpacks(packed).unwrap_or(Err(KernelRefusal::Malformed("zstd"))),
        }
    }
}
