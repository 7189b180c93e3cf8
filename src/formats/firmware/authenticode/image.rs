//! A PE image and its Authenticode hash.

use std::ops::Range;
use std::sync::OnceLock;

use super::checksum;
use super::headers::{DIRECTORY, Headers, ImageError};
use super::layout::{self, LayoutProblem, Section};
use super::padding::zeros;
use super::table::{self, WinCertificate};
use super::view::View;
use crate::formats::bytes::index;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};

/// A PE32 or PE32+ image of any machine, checked to be one that firmware would hash and verify.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    pub(super) file: View<'a>,
    pub(super) headers: Headers,
    /// Where the hashed part ends: at the certificate table, or at the end of the file.
    pub(super) end: usize,
    /// The parts of the file that are hashed, in order.
    pub(super) hashed: Vec<Range<usize>>,
    sections: Vec<Section<'a>>,
    signatures: Vec<WinCertificate<'a>>,
    /// The image hash by each algorithm, once it was asked for: to judge an image takes it several times.
    pub(super) digests: [OnceLock<Digest>; HashAlgorithm::ALL.len()],
    /// The same without padding, of a file that is not held.
    pub(super) unpadded: [OnceLock<Digest>; HashAlgorithm::ALL.len()],
}

impl<'a> Image<'a> {
    /// Reads an image that fills `file`.
    pub fn parse(file: &'a [u8]) -> Result<Self, ImageError> {
        Self::in_view(file.into())
    }

    pub(super) fn in_view(file: View<'a>) -> Result<Self, ImageError> {
        let headers = Headers::parse(file.start)?;
        let table = table::locate(file.len(), headers.directory, headers.table)?;
        let end = table.unwrap_or(file.len());
        let sections = layout::sections(&file, end, &headers)?;
        Self::new(file, headers, end, sections)
    }

    /// Reads an image that was built from a signed one: its directory entry for the certificate table still has the old
    /// place, in what are sections now. Signatures are none of it, and the entry is not hashed. An error if the image is not
    /// of this kind.
    pub fn parse_with_stale_table(file: &'a [u8]) -> Result<Self, ImageError> {
        let view = View::from(file);
        let headers = Headers::parse(file)?;
        let located = table::locate(file.len(), headers.directory, headers.table);
        let end = file.len();
        let sections = layout::sections(&view, end, &headers)?;
        let sections_end = sections.iter().map(Section::end).max().unwrap_or(0);
        match located {
            Err(_) if (headers.size..sections_end).contains(&index(headers.table.0)) => {
                Self::new(view, headers, end, sections)
            }
            Err(error) => Err(error.into()),
            Ok(_) => Self::parse(file),
        }
    }

    fn new(file: View<'a>, headers: Headers, end: usize, sections: Vec<Section<'a>>) -> Result<Self, ImageError> {
        Ok(Self {
            hashed: hashed_parts(&file, end, &headers, &sections)?,
            file,
            headers,
            end,
            sections,
            signatures: table::entries(&file, end)?,
            digests: Default::default(),
            unpadded: Default::default(),
        })
    }

    /// `Machine`: 0x8664 is x86-64, 0xaa64 is `AArch64`.
    #[must_use]
    pub const fn machine(&self) -> u16 {
        self.headers.machine
    }

    /// The `CheckSum` that the headers state; 0 means that there is none.
    #[must_use]
    pub const fn stated_checksum(&self) -> u32 {
        self.headers.stated_checksum
    }

    /// The `CheckSum` that would be right.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        checksum::checksum(&[self.file.start], self.headers.checksum)
    }

    /// The sections, in the order of the section table.
    #[must_use]
    pub fn sections(&self) -> &[Section<'a>] {
        &self.sections
    }

    /// The data of the first section with this name, without padding.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&'a [u8]> {
        let section = self.sections.iter().find(|section| section.name == name);
        section.map(Section::data)
    }

    /// The entries of the certificate table, in its order, whatever they hold.
    #[must_use]
    pub fn signatures(&self) -> &[WinCertificate<'a>] {
        &self.signatures
    }

    /// The oddities of the layout, in the order of the file.
    #[must_use]
    pub fn layout_problems(&self) -> Vec<LayoutProblem> {
        layout::problems(&self.file, self.end, &self.headers, &self.sections)
    }

    /// The image hash that a signature covers (Authenticode, "Calculating the PE Image Hash"; EDK2's `HashPeImage`): the
    /// headers, the sections by their place in the file, then the rest, padded to 8 bytes.
    #[must_use]
    pub fn digest(&self, hash: HashAlgorithm) -> Digest {
        let compute = || {
            let mut parts = self.held();
            parts.push(self.padding());
            hash.digest(&parts)
        };
        match place_of(&self.digests, hash) {
            Some(place) => place.get_or_init(compute).clone(),
            None => compute(),
        }
    }

    /// The image hash of the file as it lies there, which firmware looks up in db and dbx: EDK2 pads nothing.
    /// It differs from [`Self::digest`] for unsigned files whose length is no multiple of 8 bytes.
    #[must_use]
    pub fn unpadded_digest(&self, hash: HashAlgorithm) -> Digest {
        if self.padding().is_empty() {
            return self.digest(hash);
        }
        let known = place_of(&self.unpadded, hash).and_then(OnceLock::get);
        known.cloned().unwrap_or_else(|| hash.digest(&self.held()))
    }

    /// The parts that are hashed, of a file that is held.
    fn held(&self) -> Vec<&'a [u8]> {
        self.hashed
            .iter()
            .filter_map(|range| self.file.get(range.clone()))
            .collect()
    }

    /// The zeros that are missing to a multiple of 8 bytes.
    pub(super) const fn padding(&self) -> &'static [u8] {
        zeros(self.end)
    }
}

/// The place of this algorithm's digest.
pub(super) fn place_of(
    digests: &[OnceLock<Digest>; HashAlgorithm::ALL.len()],
    hash: HashAlgorithm,
) -> Option<&OnceLock<Digest>> {
    let mut places = HashAlgorithm::ALL.into_iter().zip(digests);
    places.find_map(|(own, digest)| (own == hash).then_some(digest))
}

/// The parts of a file that firmware hashes: the headers without `CheckSum` and the certificate table's directory entry,
/// the sections by their place in the file, then the rest.
fn hashed_parts(
    file: &View<'_>,
    end: usize,
    headers: &Headers,
    sections: &[Section<'_>],
) -> Result<Vec<Range<usize>>, ImageError> {
    let after_checksum = headers.checksum + checksum::SIZE;
    let after_directory = headers.directory + DIRECTORY;
    // The specification counts bytes here rather than following the sections: with a gap, this is not their end.
    let counted = layout::hashed_length(headers.size, sections);
    let part = |range: Range<usize>| {
        let outside = || ImageError::Outside {
            what: "hashed part".to_owned(),
            start: range.start,
            end: range.end,
            limit: end,
        };
        if file.has(&range) { Ok(range) } else { Err(outside()) }
    };
    let mut parts = vec![
        part(0..headers.checksum)?,
        part(after_checksum..headers.directory)?,
        part(after_directory..headers.size)?,
    ];
    parts.extend(
        layout::by_offset(sections)
            .iter()
            .map(|section| section.offset..section.end()),
    );
    parts.push(part(counted..end)?);
    Ok(parts)
}
