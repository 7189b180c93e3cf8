//! The "newc" format of cpio: a header of 110 characters, a name, padding to four bytes, the content, padding again.

use std::collections::HashMap;
use std::io::{self, BufRead, Read};

use super::error::{InitramfsError, MAX_FILE, MAX_LINKED, MAX_NAMES, Offset};
use crate::formats::bytes::until_zero;

/// Size of a header, in bytes.
const HEADER: usize = 110;
/// The magic numbers without and with checksums; the kernel takes both.
const MAGICS: [&[u8]; 2] = [b"070701", b"070702"];
/// The name of the entry that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";
/// Longest name that the kernel makes a file of (`PATH_MAX`), in bytes; it passes over files with longer ones.
const MAX_NAME: u64 = 4096;
/// Bytes that a name takes beside its own, at most: its place in the table, and the allocation.
const NAME_OVERHEAD: usize = 128;
/// The bits of a mode for the kind of an entry, and their value for a regular file.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
/// The beginnings of what modprobe(8) takes for a module: ELF, gzip, xz and Zstandard.
const MODULES: [&[u8]; 4] = [b"\x7fELF", b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"];
/// Bytes of the longest of them.
const MODULES_BEGIN: usize = 6;

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
}

/// Why the archives of a stream end.
pub(super) enum Ended {
    /// The stream ends.
    EndOfStream,
    /// Other data begins at this offset, and was not taken.
    OtherData(u64),
}

/// The result of filling a buffer.
enum Filled {
    Yes,
    /// The stream ended before.
    No,
}

impl<R: BufRead> Source<R> {
    /// Starts at this offset of the image, or of a compressed part.
    pub(super) fn new(reader: R, part: Option<usize>, offset: usize) -> Self {
        Self {
            reader,
            part,
            offset: offset as u64,
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
                    self.offset += count as u64;
                    rest = rest.split_at_mut(count).1;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Ok(Filled::Yes)
    }

    /// The next byte, which is not taken; none at the end.
    fn peek(&mut self) -> Result<Option<u8>, InitramfsError> {
        loop {
            match self.reader.fill_buf() {
                Ok(buffer) => return Ok(buffer.first().copied()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
    }

    /// Takes a byte that was looked at.
    fn pass(&mut self) {
        self.reader.consume(1);
        self.offset += 1;
    }

    /// Fills the buffer, or says that the stream is cut short.
    fn fill_exactly(&mut self, buffer: &mut [u8]) -> Result<(), InitramfsError> {
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
        self.offset += read;
        if read < size {
            return Err(InitramfsError::Truncated(self.at(self.offset)));
        }
        Ok(bytes)
    }

    fn skip(&mut self, size: u64) -> Result<(), InitramfsError> {
        if self.skip_at_most(size)? < size {
            return Err(InitramfsError::Truncated(self.at(self.offset)));
        }
        Ok(())
    }

    /// Passes over so many bytes, or as many as there are; returns their number.
    fn skip_at_most(&mut self, size: u64) -> Result<u64, InitramfsError> {
        let skipped = io::copy(&mut self.reader.by_ref().take(size), &mut io::sink());
        let skipped = skipped.map_err(|error| self.failed(error))?;
        self.offset += skipped;
        Ok(skipped)
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
    /// True if the entry that ends an archive is still to come.
    is_open: bool,
    /// Wanted names of files whose content comes with another of their names.
    names: HashMap<Identity, Vec<u8>>,
    /// Bytes that they take.
    kept: usize,
    /// Content that came with a name that is not wanted, of files that may have further names.
    contents: HashMap<Identity, Vec<u8>>,
    /// Bytes that it takes.
    held: usize,
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
            kept: 0,
            contents: HashMap::new(),
            held: 0,
        }
    }

    pub(super) const fn entries(&self) -> usize {
        self.entries
    }

    /// Walks all archives up to the end of the stream, or to other data.
    pub(super) fn archives(&mut self, source: &mut Source<impl BufRead>) -> Result<Ended, InitramfsError> {
        let mut header = [0; HEADER];
        loop {
            let start = source.offset;
            let first = match source.peek()? {
                None if self.is_open => return Err(InitramfsError::Truncated(source.at(start))),
                None => return Ok(Ended::EndOfStream),
                Some(first) => first,
            };
            self.count_unpacked(1)?;
            match first {
                0 => source.pass(),
                b'0' => {
                    source.fill_exactly(&mut header)?;
                    self.entry(source, &header, start)?;
                }
                _ => return Ok(Ended::OtherData(start)),
            }
        }
    }

    fn count_unpacked(&mut self, bytes: u64) -> Result<(), InitramfsError> {
        self.left = self.left.checked_sub(bytes).ok_or(InitramfsError::TooLarge)?;
        Ok(())
    }

    /// Keeps a name until the content of its file comes.
    fn keep(&mut self, identity: Identity, name: &[u8]) -> Result<(), InitramfsError> {
        self.kept = self.kept.saturating_add(name.len()).saturating_add(NAME_OVERHEAD);
        if self.kept > MAX_NAMES {
            return Err(InitramfsError::ManyNames);
        }
        self.names.insert(identity, name.to_vec());
        Ok(())
    }

    fn entry(
        &mut self,
        source: &mut Source<impl BufRead>,
        header: &[u8; HEADER],
        start: u64,
    ) -> Result<(), InitramfsError> {
        let at = source.at(start);
        if !MAGICS.iter().any(|magic| header.starts_with(magic)) {
            return Err(InitramfsError::Magic(at));
        }
        let header = Header::parse(header, at)?;
        let (name_size, size) = (u64::from(header.name_size), u64::from(header.size));
        let padding = |length: u64| length.next_multiple_of(4) - length;
        let name_end = padding(HEADER as u64 + name_size);
        self.count_unpacked(HEADER as u64 + name_size + size)?;
        if name_size > MAX_NAME {
            source.skip(name_size + name_end)?;
            return source.skip(size + padding(size));
        }
        let mut name = source.take(name_size)?;
        name.truncate(until_zero(&name).len());
        source.skip(name_end)?;
        self.is_open = name != TRAILER;
        if !self.is_open {
            // Inode numbers count within an archive.
            self.names.clear();
            self.kept = 0;
            self.contents.clear();
            self.held = 0;
            return source.skip(size + padding(size));
        }
        self.entries += 1;
        let is_regular = header.mode & KIND == REGULAR;
        let is_wanted = is_regular && (self.wanted)(&name);
        if is_regular && header.links > 1 {
            let identity = (header.major, header.minor, header.inode);
            self.linked(source, identity, &name, size, is_wanted, at)?;
        } else if is_wanted {
            let content = Self::content(source, size, at)?;
            (self.visit)(Entry { path: name, content });
        } else {
            source.skip(size)?;
        }
        // The last entry of a stream need not be padded: what matters of it is there.
        source.skip_at_most(padding(size))?;
        Ok(())
    }

    fn content(source: &mut Source<impl BufRead>, size: u64, at: Offset) -> Result<Vec<u8>, InitramfsError> {
        if size > MAX_FILE {
            return Err(InitramfsError::LargeFile(at));
        }
        source.take(size)
    }

    /// Takes a name of a file that may have several. The kernel writes whatever content comes with any of them to the one file.
    fn linked(
        &mut self,
        source: &mut Source<impl BufRead>,
        identity: Identity,
        name: &[u8],
        size: u64,
        is_wanted: bool,
        at: Offset,
    ) -> Result<(), InitramfsError> {
        if is_wanted && !self.names.contains_key(&identity) {
            self.keep(identity, name)?;
        }
        let first = self.names.get(&identity).cloned();
        match first {
            Some(path) if size > 0 => {
                self.forget(identity);
                let content = Self::content(source, size, at)?;
                (self.visit)(Entry { path, content });
            }
            Some(path) => {
                if let Some(content) = self.forget(identity) {
                    (self.visit)(Entry { path, content });
                }
            }
            None if size > 0 => self.hold(source, identity, size, at)?,
            None => {}
        }
        Ok(())
    }

    /// Holds content for a wanted name that may come, if it may be a module at all.
    fn hold(
        &mut self,
        source: &mut Source<impl BufRead>,
        identity: Identity,
        size: u64,
        at: Offset,
    ) -> Result<(), InitramfsError> {
        self.forget(identity);
        let beginning = source.take(size.min(MODULES_BEGIN as u64))?;
        let rest = size.saturating_sub(beginning.len() as u64);
        if !MODULES.iter().any(|magic| beginning.starts_with(magic)) {
            return source.skip(rest);
        }
        self.held = usize::try_from(size).map_or(usize::MAX, |size| self.held.saturating_add(size));
        if self.held > MAX_LINKED {
            return Err(InitramfsError::ManyLinked);
        }
        let content = [beginning, Self::content(source, rest, at)?].concat();
        self.contents.insert(identity, content);
        Ok(())
    }

    /// The content that is held of a file, which it no longer is.
    fn forget(&mut self, identity: Identity) -> Option<Vec<u8>> {
        let content = self.contents.remove(&identity)?;
        self.held = self.held.saturating_sub(content.len());
        Some(content)
    }
}

/// The fields of a header that are used.
struct Header {
    inode: u32,
    mode: u32,
    links: u32,
    size: u32,
    major: u32,
    minor: u32,
    name_size: u32,
}

impl Header {
    fn parse(header: &[u8; HEADER], at: Offset) -> Result<Self, InitramfsError> {
        let [_, _, _, _, _, _, fields @ ..] = header;
        let (fields, _) = fields.as_chunks::<8>();
        let [inode, mode, _, _, links, _, size, major, minor, _, _, name_size, _] = fields else {
            return Err(InitramfsError::Truncated(at));
        };
        let number = |digits: &[u8; 8], field| number(*digits).ok_or(InitramfsError::Field { field, at });
        Ok(Self {
            inode: number(inode, "c_ino")?,
            mode: number(mode, "c_mode")?,
            links: number(links, "c_nlink")?,
            size: number(size, "c_filesize")?,
            major: number(major, "c_devmajor")?,
            minor: number(minor, "c_devminor")?,
            name_size: number(name_size, "c_namesize")?,
        })
    }
}

/// Eight hexadecimal digits.
fn number(digits: [u8; 8]) -> Option<u32> {
    let digits = str::from_utf8(&digits).ok().filter(|digits| !digits.starts_with('+'))?;
    u32::from_str_radix(digits, 16).ok()
}
