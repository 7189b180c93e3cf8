//! A file that is read from its first byte several times, since it is too large to be held.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use crate::formats::kernel::compression::{Compression, KernelRefusal};

use super::content::Content;

/// Most bytes of a packed file, which is held while what it unpacks to is not.
pub const MAX_PACKED: u64 = 64 << 20;
/// Bytes that tell how a file is packed.
const MAGIC: u64 = 8;
/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// An opened file, unpacked as it is read.
#[derive(Debug)]
pub struct Passes {
    file: File,
    compression: Compression,
    packed: Vec<u8>,
}

impl Passes {
    /// Takes a file that is open; `None` if it is packed, and larger than one that is held.
    pub fn new((mut file, metadata): (File, Metadata)) -> io::Result<Option<Self>> {
        let mut packed = Vec::new();
        file.by_ref().take(MAGIC).read_to_end(&mut packed)?;
        let compression = Compression::from_magic(&packed);
        if compression != Compression::None {
            if metadata.len() > MAX_PACKED {
                return Ok(None);
            }
            file.by_ref().take(MAX_PACKED).read_to_end(&mut packed)?;
        }
        Ok(Some(Self {
            file,
            compression,
            packed,
        }))
    }

    /// Takes a file that is open as it is, packed or not.
    #[must_use]
    pub const fn as_it_is(file: File) -> Self {
        Self {
            file,
            compression: Compression::None,
            packed: Vec::new(),
        }
    }

    /// Reads its content from the first byte on; a reader that was opened before must not be used any more.
    pub fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        if self.compression != Compression::None {
            return self.compression.reader(&self.packed);
        }
        (&self.file).seek(SeekFrom::Start(0))?;
        Ok(Box::new(BufReader::with_capacity(CHUNK, &self.file)))
    }

    /// The file itself from the first byte on, packed as it is.
    pub fn open_packed(&self) -> io::Result<Box<dyn Read + '_>> {
        if self.compression != Compression::None {
            return Ok(Box::new(&*self.packed));
        }
        self.open()
    }

    /// A packed file as it is; nothing of one that is not packed.
    #[must_use]
    pub fn packed(&self) -> &[u8] {
        match self.compression {
            Compression::None => &[],
            _ => &self.packed,
        }
    }

    /// The bytes of the file itself, packed as it is.
    pub fn content(&self) -> io::Result<Content<'_>> {
        Content::of_file(&self.file)
    }

    /// How it is packed.
    #[must_use]
    pub const fn compression(&self) -> Compression {
        self.compression
    }

    /// Checks that a kernel that unpacks modules itself gets all of it.
    pub fn kernel_unpacks(&self) -> Result<(), KernelRefusal> {
        self.compression.kernel_unpacks(&self.packed)
    }
}
