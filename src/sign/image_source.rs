//! An EFI image as it is signed and looked for: held, or with its ends alone where it is large.

use std::io::Read;
use std::path::Path;

use crate::error::{Explain, Result};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticode::{Ends, Image, LargeImage};
use crate::formats::text::Shown;
use crate::system::{self, Content, OpenedFile, Transaction};

/// Largest image that is held, in bytes.
pub(super) const MAX_HELD: u64 = 64 << 20;
/// The first bytes of an EFI image.
const MAGIC: &[u8] = b"MZ";

/// An image's file that was opened to be signed.
pub(super) struct Source {
    file: OpenedFile,
    /// All of it, if it is small enough to be held.
    bytes: Option<Vec<u8>>,
    ends: Option<Ends>,
}

/// An image that is to be signed.
pub(super) enum Opened<'a> {
    /// All of it is held.
    Held(Image<'a>),
    /// Its ends are held.
    Large(LargeImage<'a>, Content<'a>),
}

impl Source {
    /// Opens the file as it is now in a transaction.
    pub fn read(transaction: &Transaction<'_>, path: &Path) -> Result<Self> {
        Self::new(transaction.open(path)?.into(), path)
    }

    /// Opens a file.
    pub fn of_file(path: &Path) -> Result<Self> {
        Self::new(system::open(path)?.into(), path)
    }

    fn new(file: OpenedFile, path: &Path) -> Result<Self> {
        let cannot = || format!("cannot read {}", path.shown());
        let length = file.content().len();
        let mut source = Self {
            file,
            bytes: None,
            ends: None,
        };
        if length <= MAX_HELD {
            let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
            let read = source.file.content().open().read_to_end(&mut bytes);
            read.or_could_not_run(cannot)?;
            source.bytes = Some(bytes);
        } else {
            let ends = Ends::read(&mut source.file.content().open());
            source.ends = Some(ends.or_could_not_run(cannot)?);
        }
        Ok(source)
    }

    /// The bytes of the file.
    pub fn content(&self) -> Content<'_> {
        match &self.bytes {
            Some(bytes) => Content::Held(bytes),
            None => self.file.content(),
        }
    }

    /// Reads the image. With `replace` it may have a certificate table that is none any more.
    pub fn open(&self, replace: bool, refused: impl Fn() -> String) -> Result<Opened<'_>> {
        let (Content::Opened(..), Some(ends)) = (self.content(), &self.ends) else {
            let bytes = self.bytes.as_deref().unwrap_or_default();
            return parse(bytes, replace, refused).map(Opened::Held);
        };
        let content = self.content();
        let image = ends.image(&mut content.open(), &[]).or_could_not_run(&refused)?;
        Ok(Opened::Large(image.or_refuse(refused)?, content))
    }
}

impl<'a> Opened<'a> {
    /// The image as far as it is held; its digest, signatures and layout are right.
    pub fn known(&self) -> &Image<'a> {
        match self {
            Self::Held(image) => image,
            Self::Large(image, _) => image.known(),
        }
    }
}

/// Does something with an image, of which the digest by SHA-256, the signatures, the layout and the names of its sections are
/// known; none if the file is no image.
pub fn of_image<T>(content: Content<'_>, path: &Path, task: impl FnOnce(&Image<'_>) -> T) -> Result<Option<T>> {
    let cannot = || format!("cannot read {}", path.shown());
    if !content.starts_with(MAGIC).or_could_not_run(cannot)? {
        return Ok(None);
    }
    if let Content::Held(bytes) = content {
        return Ok(Image::parse(bytes).ok().map(|image| task(&image)));
    }
    if content.len() <= MAX_HELD {
        let mut bytes = Vec::new();
        content.open().read_to_end(&mut bytes).or_could_not_run(cannot)?;
        return Ok(Image::parse(&bytes).ok().map(|image| task(&image)));
    }
    let ends = Ends::read(&mut content.open()).or_could_not_run(cannot)?;
    let image = ends.image(&mut content.open(), &[]).or_could_not_run(cannot)?;
    Ok(image.ok().map(|image| task(image.known())))
}

/// The Authenticode digest of an image by SHA-256; none if the file is no image.
pub fn image_digest(content: Content<'_>, path: &Path) -> Result<Option<Digest>> {
    of_image(content, path, |image| image.digest(HashAlgorithm::Sha256))
}

/// Reads an image that is to be signed. With `replace` it may have a certificate table that is none any more. A kernel that
/// firmware never starts is told with the way to have one that it does.
pub(super) fn parse(file: &[u8], replace: bool, refused: impl FnOnce() -> String) -> Result<Image<'_>> {
    match (Image::parse(file), Image::parse_with_stale_table(file)) {
        (Err(_), Ok(image)) if replace => Ok(image),
        (Err(error), Ok(_)) => Err(error).or_refuse(refused).map_err(|error| {
            error.hint(
                "it was built from an image that was signed, and that signature's place is still noted; sign it with \
                 --replace, which takes the note away, or build it from an image without a signature",
            )
        }),
        (parsed, _) => parsed.or_refuse(refused).map_err(|error| {
            if crate::trust::loader::lacks_efi_stub(file) {
                error.hint("it is a kernel without an EFI stub: build it with CONFIG_EFI=y and CONFIG_EFI_STUB=y")
            } else {
                error
            }
        }),
    }
}
