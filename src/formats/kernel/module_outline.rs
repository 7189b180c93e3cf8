//! A module that is read through once and not held: its beginning, its end, and how long it is. Its signature is at the end, and the
//! rest of it is only hashed.

use std::io::{self, Read};

use memchr::memmem;

use super::module_signature::{Module, ModuleError};

/// Bytes of the end that are kept: all signatures are in them, of which the largest (ML-DSA-87) has some 5 KB.
const END: usize = 1 << 20;
/// Bytes of the beginning that are kept: an ELF header.
const START: usize = 64;
/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;
/// The note of `modpost` that a module was built with its kernel (`include/linux/moduleinfo.h`).
const IN_TREE: &[u8] = b"\0intree=Y\0";

/// A module without what is between its beginning and its end.
#[derive(Debug, Clone)]
pub struct Outline {
    length: u64,
    start: Vec<u8>,
    end: Vec<u8>,
    is_in_tree: bool,
}

impl Outline {
    /// Reads a module to its end; `None` if it has more than so many bytes.
    pub fn read(reader: impl Read, most: u64) -> io::Result<Option<Self>> {
        let mut reader = reader.take(most.saturating_add(1));
        let mut outline = Self {
            length: 0,
            start: Vec::new(),
            end: Vec::with_capacity(2 * END + CHUNK),
            is_in_tree: false,
        };
        loop {
            let count = reader.by_ref().take(CHUNK as u64).read_to_end(&mut outline.end)?;
            if count == 0 {
                break;
            }
            outline.length = outline.length.saturating_add(count as u64);
            // What begins in the chunk before may end in this one.
            let looked_at = outline.end.len().saturating_sub(count + IN_TREE.len());
            let new = outline.end.get(looked_at..).unwrap_or_default();
            outline.is_in_tree |= memmem::find(new, IN_TREE).is_some();
            if outline.start.len() < START {
                outline
                    .start
                    .extend(outline.end.iter().take(START).skip(outline.start.len()));
            }
            if outline.end.len() > 2 * END {
                outline.end.drain(..outline.end.len() - END);
            }
        }
        Ok((outline.length <= most).then_some(outline))
    }

    /// Its length, in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The first bytes, up to 64.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The end, of which the content is only a part.
    pub fn module(&self) -> Result<Module<'_>, ModuleError> {
        self.check(Module::parse(&self.end))
    }

    /// The length of the bytes before the last signature; all, if it has none.
    pub fn content_length(&self) -> Result<u64, ModuleError> {
        let content = self.module()?.content.len();
        Ok(self.length - (self.end.len() - content) as u64)
    }

    /// The length of the bytes before all signatures.
    pub fn stripped_length(&self) -> Result<u64, ModuleError> {
        let content = self.check(Module::stripped(&self.end))?.len();
        Ok(self.length - (self.end.len() - content) as u64)
    }

    /// True if it notes that it was built with its kernel.
    #[must_use]
    pub const fn is_in_tree(&self) -> bool {
        self.is_in_tree
    }

    /// A signature that begins before the end that is kept is longer than any.
    fn check<T>(&self, parsed: Result<T, ModuleError>) -> Result<T, ModuleError> {
        parsed.map_err(|error| match error {
            ModuleError::Length { length, .. } if self.length > self.end.len() as u64 => ModuleError::Long(length),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::kernel::module_signature::append;

    /// A module of this length with a signature.
    fn signed(length: usize, cms: usize) -> Vec<u8> {
        let mut content = vec![7; length];
        let middle = length / 2;
        content[middle..middle + IN_TREE.len()].copy_from_slice(IN_TREE);
        append(&content, &vec![8; cms]).unwrap()
    }

    #[test]
    fn what_is_read_through_is_what_is_held() {
        for (length, cms) in [(100, 10), (CHUNK * 2, 700), (END * 2 - 9, 3000), (END * 5 + 3, 3000)] {
            let file = signed(length, cms);
            let outline = Outline::read(&*file, file.len() as u64).unwrap().unwrap();
            let held = Module::parse(&file).unwrap();
            assert_eq!(outline.length(), file.len() as u64);
            assert_eq!(outline.start(), &file[..START]);
            assert_eq!(outline.module().unwrap().signature, held.signature);
            assert_eq!(outline.content_length().unwrap(), held.content.len() as u64);
            assert!(outline.is_in_tree());
            let twice = append(&file, &[9; 600]).unwrap();
            let outline = Outline::read(&*twice, u64::MAX - 1).unwrap().unwrap();
            assert_eq!(outline.content_length().unwrap(), file.len() as u64);
            assert_eq!(outline.stripped_length().unwrap(), length as u64);
            assert!(Outline::read(&*file, file.len() as u64 - 1).unwrap().is_none());
        }
    }

    #[test]
    fn a_note_is_found_across_chunks_and_a_signature_without_end_is_refused() {
        for place in CHUNK - 12..=CHUNK + 1 {
            let mut file = vec![0; CHUNK * 2];
            file[place..place + IN_TREE.len()].copy_from_slice(IN_TREE);
            assert!(Outline::read(&*file, u64::MAX - 1).unwrap().unwrap().is_in_tree());
        }
        let outline = Outline::read(&*signed(END * 4, END * 3), u64::MAX - 1)
            .unwrap()
            .unwrap();
        assert_eq!(outline.module(), Err(ModuleError::Long(END * 3)));
        let short = Outline::read(&b"short"[..], 100).unwrap().unwrap();
        assert_eq!((short.content_length().unwrap(), short.is_in_tree()), (5, false));
    }
}
