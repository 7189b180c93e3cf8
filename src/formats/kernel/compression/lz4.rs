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

/// Unpacks one block at a time.
pub struct Decoder<'a> {
    packed: &'a [u8],
    /// Room for a block.
    block: Vec<u8>,
    /// The range of the block that was not read yet.
    unread: std::ops::Range<usize>,
}

impl<'a> Decoder<'a> {
    /// `packed` begins with the magic.
    #[must_use]
    pub fn new(packed: &'a [u8]) -> Self {
        Self {
            packed,
            block: vec![0; BLOCK],
            unread: 0..0,
        }
    }

    /// The bytes behind the last block.
    #[must_use]
    pub fn into_inner(self) -> &'a [u8] {
        self.packed
    }

    /// Unpacks the next block that is not empty; false if there is none.
    fn next_block(&mut self) -> io::Result<bool> {
        while let Some((length, rest)) = self.packed.split_first_chunk::<4>() {
            if length == MAGIC {
                self.packed = rest;
                continue;
            }
            let length = index(u32::from_le_bytes(*length));
            if length == 0 {
                return Ok(false);
            }
            let (block, rest) = rest.split_at_checked(length).ok_or_else(|| {
                let reason = format!("a block of {length} bytes, of which {} are there", rest.len());
                io::Error::new(ErrorKind::UnexpectedEof, reason)
            })?;
            let size = lz4_flex::block::decompress_into(block, &mut self.block)
                .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            self.packed = rest;
            self.unread = 0..size;
            if size > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Read for Decoder<'_> {
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
