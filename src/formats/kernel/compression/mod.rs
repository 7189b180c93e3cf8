//! The three ways in which the kernel's build compresses modules (`scripts/Makefile.modinst`), and those in which kernels and
//! initramfs images are.

mod append;
mod format;
mod gzip;
mod kept;
mod kernel;
pub mod lz4;
mod refusal;
#[cfg(test)]
mod tests;
mod unpacker;
mod xz;
mod zstandard;

use std::borrow::Cow;
use std::io::{self, Read, Write};

use flate2::GzBuilder;
use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Check, Filters, LzmaOptions, Stream};
use liblzma::write::XzEncoder;

pub use format::{Compression, MAX_HELD, MAX_MODULE};
pub use kept::Kept;
pub use refusal::{KernelRefusal, Repack};
pub use unpacker::{Packing, Unpacker, UnpackerError};

/// Most memory that an xz header can ask for, in bytes; the largest preset of `xz` needs 65 MiB.
const XZ_MEMORY: u64 = 130 << 20;
/// Largest window that a zstd header can ask for, as a power of two: that of `zstd --ultra --long=27`, and the kernel's own limit.
const ZSTD_WINDOW_LOG: u32 = 27;
/// The same where the content is bounded, and with it what of the window is used: `zstd` makes such files for some, and they are
/// packed anew.
const ZSTD_WIDE_LOG: u32 = 30;
/// Dictionary of the kernel's xz modules, in bytes: the size that `XZ_DEC_DYNALLOC` in the kernel is made for.
const XZ_DICTIONARY: u32 = 1 << 20;
/// `xz` without a level.
const XZ_PRESET: u32 = 6;
/// `zstd` without a level.
const ZSTD_LEVEL: i32 = 3;
/// The operating system field that `gzip` writes (RFC 1952): Unix.
const GZIP_UNIX: u8 = 3;

impl Compression {
    /// Unpacks all that the tools unpack. A file that would grow past [`MAX_HELD`] is an error, and memory is taken as the
    /// content comes, whatever a header promises.
    pub fn unpack(self, bytes: &[u8]) -> io::Result<Cow<'_, [u8]>> {
        let unpacked = self.unpack_at_most(bytes, MAX_HELD)?;
        unpacked.ok_or_else(|| io::Error::other(format!("it unpacks to more than {MAX_HELD} bytes")))
    }

    /// Unpacks as [`Self::unpack`] does, but nothing that has more than so many bytes: `None`. What lies beside others in memory
    /// is unpacked in this way, since a packed file does not tell how large it is.
    pub fn unpack_at_most(self, bytes: &[u8], most: u64) -> io::Result<Option<Cow<'_, [u8]>>> {
        if self == Self::None {
            return Ok(Some(Cow::Borrowed(bytes)).filter(|bytes| bytes.len() as u64 <= most));
        }
        let mut unpacked = Vec::new();
        let mut reader = self.reader_within(bytes, ZSTD_WIDE_LOG)?.take(most.saturating_add(1));
        if reader.read_to_end(&mut unpacked)? as u64 > most {
            return Ok(None);
        }
        // It grew by doubling, and many are in memory at a time.
        unpacked.shrink_to_fit();
        Ok(Some(Cow::Owned(unpacked)))
    }

    /// The first bytes of the content, up to so many; fewer where it ends, or cannot be unpacked further.
    #[must_use]
    pub fn unpack_start(self, bytes: &[u8], most: usize) -> Vec<u8> {
        let mut start = Vec::new();
        if let Ok(reader) = self.reader(bytes) {
            // What was unpacked before an error is there.
            let _ = reader.take(most as u64).read_to_end(&mut start);
        }
        start
    }

    /// The content, unpacked as it is read.
    pub fn reader(self, bytes: &[u8]) -> io::Result<Box<dyn Read + '_>> {
        self.reader_within(bytes, ZSTD_WINDOW_LOG)
    }

    fn reader_within(self, bytes: &[u8], window_log: u32) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::None => Box::new(bytes),
            Self::Gzip => Box::new(MultiGzDecoder::new(bytes)),
            Self::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(bytes, stream))
            }
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(bytes)?;
                decoder.window_log_max(window_log)?;
                Box::new(decoder)
            }
        })
    }

    /// Packs with the settings of the kernel's build, which its own decompressors take.
    pub fn pack(self, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        if self == Self::None {
            return Ok(bytes);
        }
        self.pack_into(&mut &*bytes, bytes.len() as u64, Vec::new())
    }

    /// As [`Self::pack`], for so many bytes that a reader gives; returns what they were written to.
    pub fn pack_into<W: Write>(self, content: &mut dyn Read, size: u64, mut packed: W) -> io::Result<W> {
        match self {
            Self::None => {
                io::copy(content, &mut packed)?;
                Ok(packed)
            }
            Self::Gzip => {
                let mut encoder = GzBuilder::new()
                    .operating_system(GZIP_UNIX)
                    .write(packed, flate2::Compression::default());
                io::copy(content, &mut encoder)?;
                encoder.finish()
            }
            Self::Xz => {
                let mut options = LzmaOptions::new_preset(XZ_PRESET)?;
                options.dict_size(XZ_DICTIONARY);
                let mut filters = Filters::new();
                filters.lzma2(&options);
                let stream = Stream::new_stream_encoder(&filters, Check::Crc32)?;
                let mut encoder = XzEncoder::new_stream(packed, stream);
                io::copy(content, &mut encoder)?;
                encoder.finish()
            }
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(packed, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                encoder.set_pledged_src_size(Some(size))?;
                io::copy(content, &mut encoder)?;
                encoder.finish()
            }
        }
    }
}
