//! A file that may be an image, held as far as its parts are judged: the beginning, and of a large one all sections but the initramfs,
//! which is read as a stream.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use crate::error::{Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticode::{Ends, Image, ImageError, LargeImage, Section};
use crate::formats::text::Shown;
use crate::system::{self, Content, OpenedFile};

/// Largest file that is held, and most bytes of sections of a larger one, in bytes.
const MAX_HELD: u64 = 64 << 20;
/// Largest file that is held although it is larger, since it has no initramfs: a kernel, in bytes.
const MAX_KERNEL: u64 = 128 << 20;
/// The sections of a unified image that become its initramfs.
pub const INITRAMFS: &str = ".initrd";
/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// A file that was opened to be judged.
pub struct OpenedImage {
    bytes: Bytes,
}

enum Bytes {
    Held(Vec<u8>),
    Large(OpenedFile, Ends),
}

impl OpenedImage {
    /// Opens a file.
    pub fn open(path: &Path) -> Result<Self> {
        Self::read_from(system::open(path)?.into()).or_could_not_run(|| format!("cannot read {}", path.shown()))
    }

    /// A file that is open, or lies on a file system that is not mounted.
    pub fn read_from(file: OpenedFile) -> io::Result<Self> {
        let content = file.content();
        let hold = || {
            let mut bytes = Vec::with_capacity(usize::try_from(content.len()).unwrap_or_default());
            content.open().read_to_end(&mut bytes)?;
            Ok(Self::held(bytes))
        };
        if content.len() <= MAX_HELD {
            return hold();
        }
        let mut ends = Ends::read(&mut content.open())?;
        let has_initramfs = |sections: Vec<Section<'_>>| sections.iter().any(|section| section.name == INITRAMFS);
        if content.len() <= MAX_KERNEL && !ends.sections().is_ok_and(has_initramfs) {
            return hold();
        }
        let most = usize::try_from(MAX_HELD).unwrap_or(usize::MAX);
        ends.read_sections(&mut content.open(), |section| section.name != INITRAMFS, most)?;
        Ok(Self {
            bytes: Bytes::Large(file, ends),
        })
    }

    /// A file that is held already.
    #[must_use]
    pub const fn held(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Bytes::Held(bytes),
        }
    }

    /// The number of bytes of the file.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub const fn len(&self) -> u64 {
        self.content().len()
    }

    /// The first bytes: all of a file that is held, and of another enough for its headers.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Held(bytes) => bytes,
            Bytes::Large(_, ends) => ends.start(),
        }
    }

    /// The image, hashed by SHA-256, by what its signatures name, and by these. A large one is read through.
    pub fn image(&self, hashes: &[HashAlgorithm]) -> io::Result<std::result::Result<Image<'_>, ImageError>> {
        match &self.bytes {
            Bytes::Held(bytes) => Ok(Image::parse(bytes)),
            Bytes::Large(file, ends) => {
                let image = ends.image(&mut file.content().open(), hashes)?;
                Ok(image.map(LargeImage::into_known))
            }
        }
    }

    /// The sections; an initramfs of a large image is to be read by [`Self::section`].
    pub fn sections(&self) -> std::result::Result<Vec<Section<'_>>, ImageError> {
        match &self.bytes {
            Bytes::Held(bytes) => Ok(Image::parse(bytes)?.sections().to_vec()),
            Bytes::Large(_, ends) => ends.sections(),
        }
    }

    /// The data of a section without padding, as a stream.
    pub fn section(&self, section: &Section<'_>) -> io::Result<impl BufRead + '_> {
        let mut reader = self.content().open();
        reader.seek(SeekFrom::Start(section.offset as u64))?;
        Ok(BufReader::with_capacity(CHUNK, reader.take(section.length() as u64)))
    }

    /// The bytes of the file, as a stream.
    #[must_use]
    pub fn read(&self) -> impl BufRead + '_ {
        BufReader::with_capacity(CHUNK, self.content().open())
    }

    /// The bytes of the file.
    #[must_use]
    pub const fn content(&self) -> Content<'_> {
        match &self.bytes {
            Bytes::Held(bytes) => Content::Held(bytes.as_slice()),
            Bytes::Large(file, _) => file.content(),
        }
    }
}
