//! The "newc" format of cpio: a header of 110 characters, a name, padding to four bytes, the content, padding again.

use std::collections::HashMap;
use std::io::{self, Read};

use super::error::{InitramfsError, Offset};

/// Size of a header, in bytes.
const HEADER: usize = 110;
/// Size of the magic number, and of the fields after it, in characters.
const MAGIC: usize = 6;
const FIELD: usize = 8;
/// The magic numbers without and with checksums; the kernel takes both.
const MAGICS: [&[u8]; 2] = [b"070701", b"070702"];
/// The name of the entry that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";
/// Longest name that the kernel makes a file of (`PATH_MAX`), in bytes; it passes over what has a longer one.
const MAX_NAME: u64 = 4096;
/// The bits of a mode that say what an entry is, and those of a regular file.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
/// The fields that are used, by their names and places.
const INODE: (&str, usize) = ("c_ino", 0);
const MODE: (&str, usize) = ("c_mode", 1);
const LINKS: (&str, usize) = ("c_nlink", 4);
const SIZE: (&str, usize) = ("c_filesize", 6);
const MAJOR: (&str, usize) = ("c_devmajor", 7);
const MINOR: (&str, usize) = ("c_devminor", 8);
const NAME_SIZE: (&str, usize) = ("c_namesize", 11);

/// A regular file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path in the image, as it stands there.
    pub path: Vec<u8>,
    /// Its content.
    pub content: Vec<u8>,
}

/// A stream, and where in it the next byte is.
pub(super) struct Source<R> {
    reader: R,
    part: Option<usize>,
    offset: u64,
    start: u64,
}

/// Why the archives of a stream end.
pub(super) enum Ended {
    /// Nothing follows.
    Whole,
    /// After so many bytes there is something else.
    Other(u64),
}

/// What came of reading a whole buffer.
enum Filled {
    Yes,
    /// The stream ended before.
    No,
}

impl<R: Read> Source<R> {
    /// Starts at this offset of the image, or of a compressed part.
    pub(super) fn new(reader: R, part: Option<usize>, offset: usize) -> Self {
        let start = offset as u64;
        Self {
            reader,
            part,
            offset: start,
            start,
        }
    }

    const fn at(&self, offset: u64) -> Offset {
        Offset {
            part: self.part,
            offset,
        }
    }

    fn failed(&self, error: io::Error) -> InitramfsError {
        InitramfsError::Unpack {
            offset: self.part.unwrap_or(0),
            error,
        }
    }

    /// Not `read_exact`, for which the end of the stream and a decoder's complaint of too short an input are the same.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<Filled, InitramfsError> {
        let mut rest = buffer;
        while !rest.is_empty() {
            match self.reader.read(rest) {
                Ok(0) => return Ok(Filled::No),
                Ok(count) => {
                    self.offset = self.offset.saturating_add(count as u64);
                    rest = rest
                        .split_at_mut_checked(count)
                        .map(|(_, rest)| rest)
                        .unwrap_or_default();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(Filled::Yes)
    }

    /// Fills the buffer, or says that the stream is cut short.
    fn exact(&mut self, buffer: &mut [u8]) -> Result<(), InitramfsError> {
        match self.fill(buffer)? {
            Filled::Yes => Ok(()),
            Filled::No => Err(InitramfsError::Truncated(self.at(self.offset))),
        }
    }

    /// Takes so many bytes; memory grows as they come.
    fn take(&mut self, size: u64) -> Result<Vec<u8>, InitramfsError> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(size).read_to_end(&mut bytes);
        let read = read.map_err(|error| self.failed(error))? as u64;
        self.offset = self.offset.saturating_add(read);
        if read < size {
            return Err(InitramfsError::Truncated(self.at(self.offset)));
        }
        Ok(bytes)
    }

    fn skip(&mut self, size: u64) -> Result<(), InitramfsError> {
        let skipped = io::copy(&mut self.reader.by_ref().take(size), &mut io::sink());
        let skipped = skipped.map_err(|error| self.failed(error))?;
        self.offset = self.offset.saturating_add(skipped);
        if skipped < size {
            return Err(InitramfsError::Truncated(self.at(self.offset)));
        }
        Ok(())
    }
}

/// Device and inode of a file with several names.
type Identity = (u32, u32, u32);

/// A walk through all archives of an image.
pub(super) struct Walk<'w> {
    wanted: &'w dyn Fn(&[u8]) -> bool,
    visit: &'w mut dyn FnMut(Entry),
    /// How much may still be unpacked, in bytes.
    left: u64,
    entries: usize,
    /// Whether the entry that ends an archive is still to come.
    is_open: bool,
    /// Wanted names of files whose content comes with another of their names.
    names: HashMap<Identity, Vec<u8>>,
}

impl<'w> Walk<'w> {
    pub(super) fn new(wanted: &'w dyn Fn(&[u8]) -> bool, visit: &'w mut dyn FnMut(Entry), limit: u64) -> Self {
        Self {
            wanted,
            visit,
            left: limit,
            entries: 0,
            is_open: false,
            names: HashMap::new(),
        }
    }

    pub(super) const fn entries(&self) -> usize {
        self.entries
    }

    /// All archives up to the end of the stream, or to something that is none.
    pub(super) fn archives(&mut self, source: &mut Source<impl Read>) -> Result<Ended, InitramfsError> {
        let mut header = [0; HEADER];
        loop {
            let start = source.offset;
            let (first, rest) = header.split_at_mut(1);
            match source.fill(first)? {
                Filled::No if self.is_open => return Err(InitramfsError::Truncated(source.at(start))),
                Filled::No => return Ok(Ended::Whole),
                Filled::Yes => self.spend(1)?,
            }
            match first {
                [0] => {}
                [b'0'] => {
                    source.exact(rest)?;
                    self.entry(source, &header, start)?;
                }
                _ => return Ok(Ended::Other(start.saturating_sub(source.start))),
            }
        }
    }

    fn spend(&mut self, bytes: u64) -> Result<(), InitramfsError> {
        self.left = self.left.checked_sub(bytes).ok_or(InitramfsError::TooLarge)?;
        Ok(())
    }

    fn entry(&mut self, source: &mut Source<impl Read>, header: &[u8], start: u64) -> Result<(), InitramfsError> {
        let at = source.at(start);
        if !MAGICS.iter().any(|magic| header.starts_with(magic)) {
            return Err(InitramfsError::Magic(at));
        }
        let field = |field| number(header, field, at);
        let name_size = u64::from(field(NAME_SIZE)?);
        let size = u64::from(field(SIZE)?);
        self.spend(name_size.saturating_add(size).saturating_add(HEADER as u64))?;
        let padding = |length: u64| length.wrapping_neg() % 4;
        let name_end = padding((HEADER as u64).saturating_add(name_size));
        if name_size > MAX_NAME {
            source.skip(name_size.saturating_add(name_end))?;
            return source.skip(size.saturating_add(padding(size)));
        }
        let mut name = source.take(name_size)?;
        name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
        source.skip(name_end)?;
        self.is_open = name != TRAILER;
        if !self.is_open {
            // Inode numbers count within an archive.
            self.names.clear();
            return source.skip(size.saturating_add(padding(size)));
        }
        self.entries = self.entries.saturating_add(1);
        let is_regular = field(MODE)? & KIND == REGULAR;
        let mut is_wanted = is_regular && (self.wanted)(&name);
        if is_regular && field(LINKS)? > 1 {
            let identity = (field(MAJOR)?, field(MINOR)?, field(INODE)?);
            if is_wanted {
                self.names.entry(identity).or_insert_with(|| name.clone());
            }
            let first = self.names.get(&identity);
            // The content comes with the last name.
            is_wanted = first.is_some() && size > 0;
            if let Some(first) = first {
                name.clone_from(first);
            }
        }
        if is_wanted {
            let content = source.take(size)?;
            (self.visit)(Entry { path: name, content });
        } else {
            source.skip(size)?;
        }
        // The last entry of a stream need not be padded: what matters of it is there.
        let mut end = [0; 3];
        let end = end
            .get_mut(..usize::try_from(padding(size)).unwrap_or(0))
            .unwrap_or_default();
        source.fill(end)?;
        Ok(())
    }
}

/// A field of eight hexadecimal digits.
fn number(header: &[u8], (field, place): (&'static str, usize), at: Offset) -> Result<u32, InitramfsError> {
    let start = MAGIC.saturating_add(place.saturating_mul(FIELD));
    let digits = header.get(start..start.saturating_add(FIELD)).unwrap_or_default();
    let value = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'));
    let value = value.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    value.ok_or(InitramfsError::Field { field, at })
}
