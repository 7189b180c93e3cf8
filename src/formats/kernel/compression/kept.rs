//! The content of a packed file that stays when it gets another end.

use std::io::{self, BufRead, BufReader, Read};

/// The content of a packed file, and how much of it stays.
pub struct Kept<'a> {
    /// Bytes that the file unpacks to.
    pub length: u64,
    /// Bytes of them that stay, from the first on.
    pub keep: u64,
    /// Those that stay: two of the formats have a check over all of them.
    pub content: &'a mut dyn Read,
}

impl Kept<'_> {
    /// Gives a check all of the content that there will be.
    pub(super) fn pass_over(&mut self, end: &[u8], mut check: impl FnMut(&[u8])) -> io::Result<()> {
        let mut content = BufReader::new(self.content.take(self.keep));
        let mut passed = 0_u64;
        loop {
            let bytes = content.fill_buf()?;
            let length = bytes.len();
            if length == 0 {
                break;
            }
            check(bytes);
            passed += length as u64;
            content.consume(length);
        }
        if passed < self.keep {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        check(end);
        Ok(())
    }
}
