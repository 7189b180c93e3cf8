//! The three ways in which the kernel's build compresses modules (`scripts/Makefile.modinst`), and those in which kernels and
//! initramfs images are.

mod format;
mod kernel;
pub mod lz4;
#[cfg(test)]
mod tests;
mod unpacker;

use std::borrow::Cow;
use std::io::{self, Read, Write};

use flate2::GzBuilder;
use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Check, Filters, LzmaOptions, Stream};
use liblzma::write::XzEncoder;

use format::{MAX_MODULE, MAX_MODULE_LOG};

pub use format::Compression;
pub use kernel::KernelRefusal;
pub use unpacker::{Unpacker, UnpackerError};

/// Most memory that an xz header can ask for, in bytes; the largest preset of `xz` needs 65 MiB.
const XZ_MEMORY: u64 = 1 << 29;
/// Dictionary of the kernel's xz modules, in bytes: the size that `XZ_DEC_DYNALLOC` in the kernel is made for.
const XZ_DICTIONARY: u32 = 1 << 20;
/// `xz` without a level.
const XZ_PRESET: u32 = 6;
/// `zstd` without a level.
const ZSTD_LEVEL: i32 = 3;
/// The operating system field that `gzip` writes (RFC 1952): Unix.
const GZIP_UNIX: u8 = 3;

impl Compression {
    /// Unpacks all that the tools unpack. A file that would grow past 1 GiB is an error, and memory is taken as the
    /// content comes, whatever a header promises.
    pub fn unpack(self, bytes: &[u8]) -> io::Result<Cow<'_, [u8]>> {
        match self {
            Self::None => Ok(Cow::Borrowed(bytes)),
            Self::Gzip => read_bounded(MultiGzDecoder::new(bytes)),
            Self::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
                read_bounded(XzDecoder::new_stream(bytes, stream))
            }
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(bytes)?;
                decoder.window_log_max(MAX_MODULE_LOG)?;
                read_bounded(decoder)
            }
        }
    }

    /// Packs with the settings of the kernel's build, which its own decompressors take.
    pub fn pack(self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(bytes),
            Self::Gzip => {
                let mut encoder = GzBuilder::new()
                    .operating_system(GZIP_UNIX)
                    .write(Vec::new(), flate2::Compression::default());
                encoder.write_all(&bytes)?;
                encoder.finish()
            }
            Self::Xz => {
                let mut options = LzmaOptions::new_preset(XZ_PRESET)?;
                options.dict_size(XZ_DICTIONARY);
                let mut filters = Filters::new();
                filters.lzma2(&options);
                let stream = Stream::new_stream_encoder(&filters, Check::Crc32)?;
                let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
                encoder.write_all(&bytes)?;
                encoder.finish()
            }
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                encoder.set_pledged_src_size(Some(bytes.len() as u64))?;
                encoder.write_all(&bytes)?;
                encoder.finish()
            }
        }
    }
}

fn read_bounded(reader: impl Read) -> io::Result<Cow<'static, [u8]>> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_MODULE).read_to_end(&mut bytes)?;
    if read as u64 == MAX_MODULE {
        return Err(io::Error::other(format!("it unpacks to {MAX_MODULE} bytes or more")));
    }
    // It grew by doubling, and many are in memory at a time.
    bytes.shrink_to_fit();
    Ok(Cow::Owned(bytes))
}
