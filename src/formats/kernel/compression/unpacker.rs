//! The compressions that kernels unpack at their start (`lib/decompress.c`), read as a stream: the first member, stream or
//! frame, and the bytes behind it.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::Stream;

use super::format::Compression;
use super::lz4;
use super::{XZ_MEMORY, ZSTD_WINDOW_LOG};

/// First bytes of a file of `xz --format=lzma`, as it is usually set.
const LZMA: &[u8] = &[0x5d, 0];
/// First bytes of LZ4 in frames, which `lz4` makes without `-l`.
const LZ4_FRAME: &[u8] = &[0x04, 0x22, 0x4d, 0x18];
/// Compressions that a kernel may unpack and bootseal does not, by their first bytes.
const OTHERS: [(&[u8], &str); 2] = [(b"BZh", "bzip2"), (&[0x89, b'L', b'Z', b'O'], "lzo")];

/// A compression that kernels may be built to unpack at their start (`usr/Kconfig`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Packing {
    /// gzip.
    Gzip,
    /// xz.
    Xz,
    /// lzma, the format before xz.
    Lzma,
    /// LZ4 as `lz4 -l` writes it.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Packing {
    /// All of them, by how common they are.
    pub const ALL: [Self; 5] = [Self::Gzip, Self::Zstd, Self::Xz, Self::Lz4, Self::Lzma];

    /// Its name, as dracut's `compress=` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The option that builds it into a kernel, without `CONFIG_`.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Gzip => "RD_GZIP",
            Self::Xz => "RD_XZ",
            Self::Lzma => "RD_LZMA",
            Self::Lz4 => "RD_LZ4",
            Self::Zstd => "RD_ZSTD",
        }
    }
}

/// Why compressed bytes cannot be read as a stream.
#[derive(Debug, thiserror::Error)]
pub enum UnpackerError {
    /// A compression that bootseal does not unpack.
    #[error("it is compressed with {0}, which bootseal cannot unpack")]
    Unsupported(&'static str),
    /// LZ4 in frames.
    #[error("it is LZ4 in frames, which no kernel unpacks; pack it with lz4 -l")]
    Lz4Frame,
    /// Bytes that are not compressed, or in a way that no kernel knows.
    #[error("it is not compressed as kernels know it")]
    Unknown,
    /// A decoder that asks for more memory than it gets, or takes the beginning for none of its own.
    #[error("it cannot be unpacked")]
    Failed(#[from] io::Error),
}

/// The content of compressed bytes, unpacked as it is read.
pub enum Unpacker<R> {
    /// One member of gzip.
    Gzip(GzDecoder<R>),
    /// One stream of xz.
    Xz(Box<XzDecoder<R>>),
    /// One stream of lzma.
    Lzma(Box<XzDecoder<R>>),
    /// LZ4 as `lz4 -l` writes it.
    Lz4(lz4::Decoder<R>),
    /// One frame of Zstandard.
    Zstd(zstd::Decoder<'static, R>),
}

impl<R: BufRead> Unpacker<R> {
    /// Starts at the first byte; `start` is how `packed` begins, six bytes or more. xz and lzma get 130 MiB of memory at most, zstd a
    /// window of 128 MiB. What is behind the member, stream or frame is left in `packed`.
    pub fn open(packed: R, start: &[u8]) -> Result<Self, UnpackerError> {
        match Compression::from_magic(start) {
            Compression::Gzip => Ok(Self::Gzip(GzDecoder::new(packed))),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, 0).map_err(io::Error::from)?;
                Ok(Self::Xz(Box::new(XzDecoder::new_stream(packed, stream))))
            }
            Compression::None if start.starts_with(LZMA) => {
                let stream = Stream::new_lzma_decoder(XZ_MEMORY).map_err(io::Error::from)?;
                Ok(Self::Lzma(Box::new(XzDecoder::new_stream(packed, stream))))
            }
            Compression::None if start.starts_with(lz4::MAGIC) => Ok(Self::Lz4(lz4::Decoder::new(packed))),
            Compression::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(packed)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW_LOG)?;
                Ok(Self::Zstd(decoder))
            }
            Compression::None if start.starts_with(LZ4_FRAME) => Err(UnpackerError::Lz4Frame),
            Compression::None => {
                let other = OTHERS.iter().find(|(magic, _)| start.starts_with(magic));
                Err(other.map_or(UnpackerError::Unknown, |(_, name)| UnpackerError::Unsupported(name)))
            }
        }
    }
}

impl<R> Unpacker<R> {
    /// The compression.
    #[must_use]
    pub const fn packing(&self) -> Packing {
        match self {
            Self::Gzip(_) => Packing::Gzip,
            Self::Xz(_) => Packing::Xz,
            Self::Lzma(_) => Packing::Lzma,
            Self::Lz4(_) => Packing::Lz4,
            Self::Zstd(_) => Packing::Zstd,
        }
    }
}

impl<R: BufRead> Read for Unpacker<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Xz(decoder) | Self::Lzma(decoder) => decoder.read(buffer),
            Self::Lz4(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}
