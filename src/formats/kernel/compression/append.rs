//! Another end for a packed file, while all that stays is not packed anew.
//!
//! Each of the formats is a row of blocks. A new end is a block of its own, which is stored, not compressed; sizes and checks behind it
//! are written anew. Packing is nearly all that the signing of a packed module costs.

use std::borrow::Cow;

use super::format::Compression;
use super::kept::Kept;
use super::refusal::Repack;
use super::{gzip, xz, zstandard};

impl Compression {
    /// The file with another end, in pieces: the blocks of what stays are byte for byte as they were, but for the mark of a last
    /// block in gzip and zstd. Kernels that unpack the file take the new one.
    pub fn append<'a>(self, packed: &'a [u8], mut kept: Kept<'_>, end: &[u8]) -> Result<Vec<Cow<'a, [u8]>>, Repack> {
        match self {
            Self::None => Err(Repack::OneBlock),
            Self::Gzip => gzip::append(packed, &mut kept, end),
            Self::Xz => xz::append(packed, &kept, end),
            Self::Zstd => zstandard::append(packed, &mut kept, end),
        }
    }
}
