//! Initramfs images as the kernel unpacks them (`Documentation/driver-api/early-userspace/buffer-format.rst`,
//! `init/initramfs.c`): cpio archives in the "newc" format one after the other, each as it is or compressed, with zeros
//! between them. The first ones are often microcode, uncompressed; the last one is the system that starts.
//!
//! An image is read as a stream: one wanted file at a time is held in memory, whatever the image says.

mod cpio;
mod error;
#[cfg(test)]
mod tests;

use std::io::{BufReader, Read};

use crate::formats::kernel::compression::{Unpacker, UnpackerError};
use cpio::{Ended, Source};
use error::MAX_UNPACKED;

pub use cpio::Entry;
pub use error::{InitramfsError, Offset};

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
    let mut unpacker = Unpacker::open(packed).map_err(|error| match error {
        UnpackerError::Unsupported(name) => InitramfsError::Unsupported { name, offset },
        UnpackerError::Lz4Frame => InitramfsError::Lz4Frame(offset),
        UnpackerError::Unknown => InitramfsError::Unknown(offset),
        UnpackerError::Failed(error) => InitramfsError::Unpack { offset, error },
    })?;
    walk_unpacked(&mut unpacker, offset, walk)?;
    Ok(unpacker.into_rest().len())
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
