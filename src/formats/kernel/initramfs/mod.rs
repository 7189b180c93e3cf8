//! Initramfs images as the kernel unpacks them (`Documentation/driver-api/early-userspace/buffer-format.rst`,
//! `init/initramfs.c`): cpio archives in the "newc" format one after the other, each as it is or compressed, with zeros
//! between them. The first ones are often microcode, uncompressed; the last one is the system that starts.
//!
//! An image is read as a stream: one wanted file at a time is held in memory, whatever the image says.

mod cpio;
mod error;
mod lz4;
#[cfg(test)]
mod tests;

use std::io::{BufReader, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;

use crate::formats::kernel::compression::Compression;
use cpio::{Ended, Source};
use error::MAX_UNPACKED;

pub use cpio::Entry;
pub use error::{InitramfsError, Offset};

/// Most memory that a header of xz or lzma can ask for, in bytes.
const XZ_MEMORY: u64 = 1 << 29;
/// Largest window that a zstd header can ask for, as a power of two: `zstd --ultra --long=27`.
const ZSTD_WINDOW_LOG: u32 = 27;
/// First bytes of a file of `xz --format=lzma`, as it is usually set (`lib/decompress.c`).
const LZMA: &[u8] = &[0x5d, 0];
/// First bytes of LZ4 in frames, which `lz4` makes without `-l`.
const LZ4_FRAME: &[u8] = &[0x04, 0x22, 0x4d, 0x18];
/// Compressions that a kernel may unpack and bootseal does not, by their first bytes.
const OTHERS: [(&[u8], &str); 2] = [(b"BZh", "bzip2"), (&[0x89, b'L', b'Z', b'O'], "lzo")];

/// Calls `visit` for each regular file whose path is wanted, with its content; one with several names is given by the
/// first of them that is wanted. Returns how many entries there are. Whatever was visited before an error is in the image.
pub fn files(
    image: &[u8],
    wanted: impl Fn(&[u8]) -> bool,
    mut visit: impl FnMut(Entry),
) -> Result<usize, InitramfsError> {
    let mut walk = cpio::Walk::new(&wanted, &mut visit, MAX_UNPACKED);
    let mut offset = 0;
    while let Some(rest) = image.get(offset..).filter(|rest| !rest.is_empty()) {
        let mut plain = Source::new(rest, None, offset);
        let Ended::OtherData(read) = walk.archives(&mut plain)? else {
            break;
        };
        let packed = usize::try_from(read).ok().and_then(|read| rest.get(read..));
        let packed = packed.ok_or(InitramfsError::Unknown(offset))?;
        let left = unpack(packed, image.len() - packed.len(), &mut walk)?;
        offset = image.len() - left;
    }
    Ok(walk.entries())
}

/// Walks the content of the first compressed member, stream or frame of `packed`; returns the number of bytes behind it.
fn unpack(packed: &[u8], offset: usize, walk: &mut cpio::Walk<'_>) -> Result<usize, InitramfsError> {
    let failed = |error| InitramfsError::Unpack { offset, error };
    match Compression::from_magic(packed) {
        Compression::Gzip => {
            let mut decoder = GzDecoder::new(packed);
            walk_unpacked(&mut decoder, offset, walk)?;
            Ok(decoder.into_inner().len())
        }
        Compression::Xz => {
            let stream = Stream::new_stream_decoder(XZ_MEMORY, 0).map_err(|error| failed(error.into()))?;
            let mut decoder = XzDecoder::new_stream(packed, stream);
            walk_unpacked(&mut decoder, offset, walk)?;
            Ok(decoder.into_inner().len())
        }
        Compression::None if packed.starts_with(LZMA) => {
            let stream = Stream::new_lzma_decoder(XZ_MEMORY).map_err(|error| failed(error.into()))?;
            let mut decoder = XzDecoder::new_stream(packed, stream);
            walk_unpacked(&mut decoder, offset, walk)?;
            Ok(decoder.into_inner().len())
        }
        Compression::None if packed.starts_with(lz4::MAGIC) => {
            let mut decoder = lz4::Decoder::new(packed);
            walk_unpacked(&mut decoder, offset, walk)?;
            Ok(decoder.into_inner().len())
        }
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(packed).map_err(failed)?.single_frame();
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(failed)?;
            walk_unpacked(&mut decoder, offset, walk)?;
            Ok(decoder.finish().len())
        }
        Compression::None if packed.starts_with(LZ4_FRAME) => Err(InitramfsError::Lz4Frame(offset)),
        Compression::None => {
            let other = OTHERS.iter().find(|(magic, _)| packed.starts_with(magic));
            Err(match other {
                Some((_, name)) => InitramfsError::Unsupported { name, offset },
                None => InitramfsError::Unknown(offset),
            })
        }
    }
}

fn walk_unpacked(decoder: &mut dyn Read, part: usize, walk: &mut cpio::Walk<'_>) -> Result<(), InitramfsError> {
    // Zeros between archives are read one by one.
    let mut source = Source::new(BufReader::new(decoder), Some(part), 0);
    match walk.archives(&mut source)? {
        Ended::EndOfStream => Ok(()),
        Ended::OtherData(offset) => Err(InitramfsError::Magic(Offset {
            part: Some(part),
            offset,
        })),
    }
}
