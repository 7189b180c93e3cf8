//! Initramfs images as the kernel unpacks them (`Documentation/driver-api/early-userspace/buffer-format.rst`,
//! `init/initramfs.c`): cpio archives in the "newc" format one after the other, each as it is or compressed, with zeros
//! between them. The first ones are often microcode, uncompressed; the last one is the system that starts.
//!
//! An image is read as a stream: one wanted file at a time is held in memory, whatever the image says.

mod cpio;
mod error;
mod stream;
#[cfg(test)]
mod tests;

use std::io::{BufRead, BufReader, Read};

use crate::formats::kernel::compression::{Packing, Unpacker, UnpackerError};
use cpio::{Ended, Source};
use error::MAX_UNPACKED;
use stream::Stream;

pub use cpio::Entry;
pub use error::{InitramfsError, Offset};

/// Calls `visit` for each regular file whose path is wanted, with its content; one with several names is given by the
/// first of them that is wanted. Returns how many entries there are. Whatever was visited before an error is in the image.
pub fn files(
    image: impl BufRead,
    wanted: impl Fn(&[u8]) -> bool,
    visit: impl FnMut(Entry),
) -> Result<usize, InitramfsError> {
    files_and_packing(image, wanted, visit, |_| ())
}

/// The same, and calls `packed` for each compressed member, stream or frame before its content is read.
pub fn files_and_packing(
    image: impl BufRead,
    wanted: impl Fn(&[u8]) -> bool,
    mut visit: impl FnMut(Entry),
    mut packed: impl FnMut(Packing),
) -> Result<usize, InitramfsError> {
    let mut walk = cpio::Walk::new(&wanted, &mut visit, MAX_UNPACKED);
    let mut image = Stream::new(image);
    loop {
        let offset = image.offset();
        let mut plain = Source::new(&mut image, None, offset);
        match walk.archives(&mut plain)? {
            Ended::EndOfStream => return Ok(walk.entries()),
            Ended::OtherData(_) => unpack(&mut image, &mut walk, &mut packed)?,
        }
    }
}

/// Walks the content of the first compressed member, stream or frame that begins here.
fn unpack(
    image: &mut Stream<impl BufRead>,
    walk: &mut cpio::Walk<'_>,
    packed: &mut impl FnMut(Packing),
) -> Result<(), InitramfsError> {
    let offset = image.offset();
    let failed = |error| InitramfsError::Unpack { offset, error };
    let start = image.peek().map_err(failed)?;
    let mut unpacker = Unpacker::open(image, &start).map_err(|error| match error {
        UnpackerError::Unsupported(name) => InitramfsError::Unsupported { name, offset },
        UnpackerError::Lz4Frame => InitramfsError::Lz4Frame(offset),
        UnpackerError::Unknown => InitramfsError::Unknown(offset),
        UnpackerError::Failed(error) => failed(error),
    })?;
    packed(unpacker.packing());
    walk_unpacked(&mut unpacker, offset, walk)
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
