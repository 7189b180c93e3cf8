//! An image as it is read: how far, and what comes next.

use std::io::{self, BufRead, Read};

/// Bytes that tell how a part is packed.
const AHEAD: usize = 6;

/// A reader that counts, and shows a few bytes before they are taken.
pub(super) struct Stream<R> {
    reader: R,
    /// Bytes that were shown, and not taken yet.
    ahead: Vec<u8>,
    offset: usize,
}

impl<R: BufRead> Stream<R> {
    pub const fn new(reader: R) -> Self {
        Self {
            reader,
            ahead: Vec::new(),
            offset: 0,
        }
    }

    /// Bytes that were taken.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The next bytes, as many as tell how a part is packed, or as there are.
    pub fn peek(&mut self) -> io::Result<Vec<u8>> {
        let missing = AHEAD.saturating_sub(self.ahead.len()) as u64;
        self.reader.by_ref().take(missing).read_to_end(&mut self.ahead)?;
        Ok(self.ahead.clone())
    }
}

impl<R: BufRead> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Stream<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.ahead.is_empty() {
            return self.reader.fill_buf();
        }
        Ok(&self.ahead)
    }

    fn consume(&mut self, count: usize) {
        self.offset = self.offset.saturating_add(count);
        if self.ahead.is_empty() {
            self.reader.consume(count);
        } else {
            self.ahead.drain(..count.min(self.ahead.len()));
        }
    }
}
