//! The bytes of a file: held, or read as often as they are asked for.

use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use crate::error::{Explain, Result};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::fat::Extents;
use crate::formats::medium::Medium;
use crate::formats::text::Shown;

use super::files::open;

/// The bytes of a file.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// All of them.
    Held(&'a [u8]),
    /// An open file of this length, in bytes.
    Opened(&'a File, u64),
    /// A file of a file system that is not mounted.
    Unmounted(&'a UnmountedContent),
}

impl<'a> Content<'a> {
    /// Takes an open file.
    pub fn of_file(file: &'a File) -> io::Result<Self> {
        Ok(Self::Opened(file, file.metadata()?.len()))
    }

    /// The number of bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> u64 {
        match self {
            Self::Held(bytes) => bytes.len() as u64,
            Self::Opened(_, length) => *length,
            Self::Unmounted(file) => file.extents.len(),
        }
    }

    /// A reader of its own, from the first byte on.
    #[must_use]
    pub const fn open(&self) -> ContentReader<'a> {
        ContentReader {
            content: *self,
            place: 0,
        }
    }

    /// True if it begins so.
    pub fn starts_with(&self, bytes: &[u8]) -> io::Result<bool> {
        let mut start = Vec::new();
        self.open().take(bytes.len() as u64).read_to_end(&mut start)?;
        Ok(start == bytes)
    }

    /// Its digest.
    pub fn digest(&self, hash: HashAlgorithm) -> io::Result<Digest> {
        match self {
            Self::Held(bytes) => Ok(hash.digest(&[bytes])),
            Self::Opened(..) | Self::Unmounted(_) => hash.digest_of(self.open()),
        }
    }

    /// True if a reader gives the same bytes, and no more.
    pub fn is_equal(&self, other: impl Read) -> io::Result<bool> {
        let (mut own, mut other) = (self.open(), other);
        let (mut left, mut right) = (vec![0; CHUNK], Vec::with_capacity(CHUNK));
        loop {
            let count = own.read(&mut left)?;
            right.clear();
            // One byte more than there are, at the end.
            let wanted = count.max(1) as u64;
            other.by_ref().take(wanted).read_to_end(&mut right)?;
            if left.get(..count) != Some(right.as_slice()) {
                return Ok(false);
            }
            if count == 0 {
                return Ok(true);
            }
        }
    }
}

/// The digest and the length of a regular file.
pub fn digest(path: &Path, hash: HashAlgorithm) -> Result<(Digest, u64)> {
    let (file, metadata) = open(path)?;
    let content = Content::Opened(&file, metadata.len());
    let digest = content.digest(hash);
    let digest = digest.or_could_not_run(|| format!("cannot read {}", path.shown()))?;
    Ok((digest, metadata.len()))
}

/// Bytes that are compared at once.
const CHUNK: usize = 1 << 16;

/// A file of a file system that is not mounted, read piece by piece.
pub struct UnmountedContent {
    medium: Arc<dyn Medium + Send + Sync>,
    extents: Extents,
}

impl UnmountedContent {
    /// A file that lies at these places of a medium.
    #[must_use]
    pub fn new(medium: Arc<dyn Medium + Send + Sync>, extents: Extents) -> Self {
        Self { medium, extents }
    }

    /// Reads some bytes from this place on; none at the end.
    fn read_at(&self, buffer: &mut [u8], place: u64) -> io::Result<usize> {
        let Some((offset, left)) = self.extents.at(place) else {
            return Ok(0);
        };
        let count = buffer.len().min(CHUNK).min(usize::try_from(left).unwrap_or(usize::MAX));
        let bytes = self.medium.read(offset, count).map_err(io::Error::other)?;
        bytes.as_slice().read(buffer)
    }
}

impl fmt::Debug for UnmountedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnmountedContent").field(&self.extents).finish()
    }
}

/// A file that is read as often as it is asked for, and of which the length is known.
#[derive(Debug)]
pub enum OpenedFile {
    /// One that is open, with its number of bytes.
    Opened(File, u64),
    /// One of a file system that is not mounted.
    Unmounted(UnmountedContent),
}

impl OpenedFile {
    /// Its bytes.
    #[must_use]
    pub const fn content(&self) -> Content<'_> {
        match self {
            Self::Opened(file, length) => Content::Opened(file, *length),
            Self::Unmounted(file) => Content::Unmounted(file),
        }
    }
}

impl From<(File, Metadata)> for OpenedFile {
    fn from((file, metadata): (File, Metadata)) -> Self {
        Self::Opened(file, metadata.len())
    }
}

impl<'a> From<&'a [u8]> for Content<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Held(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Content<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Held(bytes)
    }
}

impl<'a> From<&'a Vec<u8>> for Content<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Held(bytes)
    }
}

/// A reader of a file's bytes.
#[derive(Debug, Clone)]
pub struct ContentReader<'a> {
    content: Content<'a>,
    place: u64,
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match self.content {
            Content::Held(bytes) => {
                let place = usize::try_from(self.place).unwrap_or(usize::MAX);
                bytes.get(place..).unwrap_or_default().read(buffer)?
            }
            // No more than there were when it was opened, although it may grow.
            Content::Opened(file, length) => {
                let left = usize::try_from(length.saturating_sub(self.place)).unwrap_or(usize::MAX);
                let most = buffer.len().min(left);
                file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.place)?
            }
            Content::Unmounted(file) => file.read_at(buffer, self.place)?,
        };
        self.place = self.place.saturating_add(count as u64);
        Ok(count)
    }
}

impl Seek for ContentReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(distance) => self.content.len().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.place.checked_add_signed(distance),
        };
        self.place = place.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_its_bytes_are_the_same() {
        let bytes: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), &bytes).unwrap();
        let file = File::open(path.path()).unwrap();
        let opened = Content::of_file(&file).unwrap();
        let held = Content::from(&bytes);
        for content in [held, opened] {
            assert_eq!(content.len(), 800_000);
            assert!(content.starts_with(&bytes[..9]).unwrap() && !content.starts_with(b"other").unwrap());
            assert!(content.is_equal(&*bytes).unwrap());
            assert!(!content.is_equal(&bytes[1..]).unwrap());
            assert!(!content.is_equal(&bytes[..bytes.len() - 1]).unwrap());
            assert!(!content.is_equal((&*bytes).chain(&b"x"[..])).unwrap());
            let mut reader = content.open();
            reader.seek(SeekFrom::End(-3)).unwrap();
            let mut end = Vec::new();
            reader.read_to_end(&mut end).unwrap();
            assert_eq!(end, bytes[bytes.len() - 3..]);
        }
        let digest = |content: Content<'_>| content.digest(HashAlgorithm::Sha256).unwrap();
        assert_eq!(digest(held), digest(opened));
    }
}
