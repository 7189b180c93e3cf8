//! The three ways in which the kernel's build compresses modules (`scripts/Makefile.modinst`).

use std::io::{self, Read, Write};

use flate2::GzBuilder;
use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use liblzma::write::XzEncoder;

/// Largest module that is unpacked, in bytes; the largest real ones have some 20 MB.
const MAX_MODULE: u64 = 1 << 30;
/// Dictionary of the kernel's xz modules, in bytes: what `XZ_DEC_DYNALLOC` in the kernel is made for.
const XZ_DICTIONARY: u32 = 1 << 20;
/// `xz` without a level.
const XZ_PRESET: u32 = 6;
/// `zstd` without a level.
const ZSTD_LEVEL: i32 = 3;
/// The operating system field that `gzip` writes (RFC 1952): Unix.
const GZIP_UNIX: u8 = 3;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// xz.
    Xz,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Compression {
    /// Recognises a file by its first bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// Unpacks; a file that would grow past 1 GiB is an error.
    pub fn unpack(self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::None => Ok(bytes.to_vec()),
            Self::Gzip => read_bounded(MultiGzDecoder::new(bytes)),
            Self::Xz => read_bounded(XzDecoder::new_multi_decoder(bytes)),
            Self::Zstd => read_bounded(zstd::Decoder::new(bytes)?),
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

fn read_bounded(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_MODULE).read_to_end(&mut bytes)?;
    if read as u64 == MAX_MODULE {
        return Err(io::Error::other(format!("it unpacks to {MAX_MODULE} bytes or more")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn what_is_packed_unpacks(bytes: Vec<u8>) {
            for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
                let packed = compression.pack(bytes.clone()).unwrap();
                prop_assert_eq!(Compression::of(&packed), compression);
                prop_assert_eq!(compression.unpack(&packed).unwrap(), bytes.clone());
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
                let _ = compression.unpack(&bytes);
            }
        }
    }
}
