//! LZ4 as `lz4 -l` writes it, the only form that kernels unpack (`lib/decompress_unlz4.c`).
//!
//! | part | size in bytes |
//! |---|---|
//! | [`MAGIC`]; it may come again between blocks | 4 |
//! | length of the block, little-endian; 0 ends it all, as does the end of the image | 4 |
//! | the block, which unpacks to 8 MiB or less | as its length says |

use std::io::{self, ErrorKind, Read};

use crate::formats::bytes::index;

/// First bytes of the format.
pub const MAGIC: &[u8; 4] = &[0x02, 0x21, 0x4c, 0x18];
/// Largest content of a block, in bytes.
const BLOCK: usize = 8 << 20;

/// Longest block, in bytes: what does not compress at all takes so much (`LZ4_compressBound`, beyond which kernels refuse it).
const PACKED: usize = BLOCK + BLOCK / 255 + 16;

/// Unpacks one block at a time.
pub struct Decoder<R> {
    packed: R,
    /// Room for a block.
    block: Vec<u8>,
    /// The range of the block that was not read yet.
    unread: std::ops::Range<usize>,
}

impl<R: Read> Decoder<R> {
    /// `packed` begins with the magic.
    #[must_use]
    pub fn new(packed: R) -> Self {
        Self {
            packed,
            block: vec![0; BLOCK],
            unread: 0..0,
        }
    }

    /// Unpacks the next block that is not empty; false if there is none.
    fn next_block(&mut self) -> io::Result<bool> {
        loop {
            let length = self.take(4)?;
            let Some(length) = length.first_chunk::<4>() else {
                // Padding, at the end of the image.
                if length.iter().all(|byte| *byte == 0) {
                    return Ok(false);
                }
                let reason = "the length of a block is cut short";
                return Err(io::Error::new(ErrorKind::UnexpectedEof, reason));
            };
            if length == MAGIC {
                continue;
            }
            let length = index(u32::from_le_bytes(*length));
            if length == 0 {
                return Ok(false);
            }
            let block = self.take(length.min(PACKED + 1))?;
            if block.len() > PACKED {
                let reason = format!("a block of {length} bytes, which is more than kernels take");
                return Err(io::Error::new(ErrorKind::InvalidData, reason));
            }
            if block.len() < length {
                let reason = format!("a block of {length} bytes, of which {} are there", block.len());
                return Err(io::Error::new(ErrorKind::UnexpectedEof, reason));
            }
            let size = lz4_flex::block::decompress_into(&block, &mut self.block)
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            self.unread = 0..size;
            if size > 0 {
                return Ok(true);
            }
        }
    }

    /// So many bytes, or as many as there are.
    fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.packed.by_ref().take(count as u64).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.unread.is_empty() && !self.next_block()? {
            return Ok(0);
        }
        let unread = self.block.get(self.unread.clone());
        let mut unread = unread.ok_or_else(|| io::Error::other("a block that is longer than its room"))?;
        let count = unread.read(buffer)?;
        self.unread.start += count;
        Ok(count)
    }
}
