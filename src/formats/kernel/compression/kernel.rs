//! Packed modules as a kernel sees them that unpacks modules itself (`CONFIG_MODULE_DECOMPRESS`)
//! (`kernel/module/decompress.c`, `lib/xz`, `lib/zstd`, `lib/zlib_inflate`).
//!
//! It is stricter than the tools, and stops at the end of the first member, stream or frame without looking at the
//! rest; a module that is cut short there has lost its signature.

use std::io::{self, Read};

use flate2::bufread::GzDecoder;

use super::format::{Compression, MAX_MODULE, is_skippable};

/// The flags of a gzip header (RFC 1952, section 2.3.1) that put a field where the kernel expects the data: it only
/// skips a file name.
const GZIP_FIELDS: u8 = 0x02 | 0x04 | 0x10;
/// Size of an xz stream's header, and of its footer.
const XZ_ENDS: usize = 12;
/// The xz check CRC32; 0 is none.
const XZ_CRC32: u8 = 1;
/// The only filter that every kernel with xz has.
const XZ_LZMA2: u64 = 0x21;
/// `ZSTD_MAXWINDOWSIZE_DEFAULT`, in bytes.
const ZSTD_MAX_WINDOW: u64 = (1 << 27) + 1;

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

impl Compression {
    /// Checks that a kernel that was built to unpack this format gets the whole module out of `packed`. Files that
    /// [`Compression::unpack`] takes may still be refused.
    pub fn kernel_unpacks(self, packed: &[u8]) -> Result<(), KernelRefusal> {
        match self {
            Self::None => Ok(()),
            Self::Gzip => gzip(packed),
            Self::Xz => xz(packed).unwrap_or(Err(KernelRefusal::Malformed("xz"))),
            Self::Zstd => zstd(packed).unwrap_or(Err(KernelRefusal::Malformed("zstd"))),
        }
    }
}

fn gzip(packed: &[u8]) -> Result<(), KernelRefusal> {
    let malformed = KernelRefusal::Malformed("gzip");
    let [_, _, 8, flags, ..] = *packed else {
        return Err(malformed);
    };
    if flags & GZIP_FIELDS != 0 {
        return Err(KernelRefusal::GzipHeader(flags));
    }
    // Where the first member ends is not said anywhere.
    let mut decoder = GzDecoder::new(packed);
    if io::copy(&mut decoder.by_ref().take(MAX_MODULE), &mut io::sink()).is_err() {
        return Err(malformed);
    }
    if decoder.into_inner().is_empty() {
        Ok(())
    } else {
        Err(KernelRefusal::Several("gzip member"))
    }
}

/// Reads the index, which says where the blocks are, and the blocks' headers ("The .xz File Format", version 1.2.1).
/// `None` if it is malformed.
fn xz(packed: &[u8]) -> Option<Result<(), KernelRefusal>> {
    let check = *packed.get(7)?;
    if check > XZ_CRC32 {
        return Some(Err(KernelRefusal::XzCheck(check)));
    }
    // Padding is not looked at; a footer ends in "YZ".
    let padding = packed.iter().rev().take_while(|byte| **byte == 0).count();
    let stream = packed.get(..packed.len().checked_sub(padding)?)?;
    let (before, footer) = stream.split_last_chunk::<XZ_ENDS>()?;
    let [_, _, _, _, backward @ .., _, _, b'Y', b'Z'] = footer else {
        return None;
    };
    let index_size = usize::try_from(u32::from_le_bytes(*backward))
        .ok()?
        .checked_add(1)?
        .checked_mul(4)?;
    let (before, mut index) = before.split_at_checked(before.len().checked_sub(index_size)?)?;
    if *index.split_off_first()? != 0 {
        return None;
    }
    let mut sizes = Vec::new();
    for _ in 0..variable_length(&mut index)? {
        let unpadded = usize::try_from(variable_length(&mut index)?).ok()?;
        sizes.push(unpadded.checked_next_multiple_of(4)?);
        variable_length(&mut index)?;
    }
    // The footer is that of the last stream: what its blocks do not account for are streams before it.
    let mut blocks = before.get(XZ_ENDS..)?;
    let accounted = sizes.iter().try_fold(0_usize, |sum, size| sum.checked_add(*size))?;
    if accounted < blocks.len() {
        return Some(Err(KernelRefusal::Several("xz stream")));
    }
    for size in sizes {
        if !is_lzma2_alone(blocks.split_off(..size)?)? {
            return Some(Err(KernelRefusal::XzFilters));
        }
    }
    Some(Ok(()))
}

/// True if a block's header names one filter, LZMA2.
fn is_lzma2_alone(mut block: &[u8]) -> Option<bool> {
    let [_, flags] = *block.split_off(..2)? else {
        return None;
    };
    if flags & 0x03 != 0 {
        return Some(false);
    }
    for size_is_given in [flags & 0x40 != 0, flags & 0x80 != 0] {
        if size_is_given {
            variable_length(&mut block)?;
        }
    }
    Some(variable_length(&mut block)? == XZ_LZMA2)
}

/// A number in xz's encoding: seven bits a byte, the lowest first.
fn variable_length(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// `None` if it is malformed.
fn zstd(packed: &[u8]) -> Option<Result<(), KernelRefusal>> {
    if is_skippable(packed) {
        return Some(Err(KernelRefusal::ZstdSkippable));
    }
    let window = zstd_window(packed.get(4..)?)?;
    if window > ZSTD_MAX_WINDOW {
        return Some(Err(KernelRefusal::ZstdWindow(window)));
    }
    let frame = zstd::zstd_safe::find_frame_compressed_size(packed).ok()?;
    Some(if frame == packed.len() {
        Ok(())
    } else {
        Err(KernelRefusal::Several("zstd frame"))
    })
}

/// The window's size from the header of a frame, after its magic number (RFC 8878, section 3.1.1.1).
fn zstd_window(mut header: &[u8]) -> Option<u64> {
    let descriptor = *header.split_off_first()?;
    let is_single_segment = descriptor & 0x20 != 0;
    if !is_single_segment {
        let window = *header.split_off_first()?;
        let base = 1_u64 << (10 + u32::from(window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // There is no other window than the content.
    let dictionary = [0, 1, 2, 4].get(usize::from(descriptor & 3)).copied()?;
    header.split_off(..dictionary)?;
    let (size, offset) = match descriptor >> 6 {
        0 => (1, 0),
        1 => (2, 256),
        2 => (4, 0),
        _ => (8, 0),
    };
    let mut content = [0; 8];
    content.get_mut(..size)?.copy_from_slice(header.get(..size)?);
    u64::from_le_bytes(content).checked_add(offset)
}
