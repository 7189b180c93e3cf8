//! A PE image and its Authenticode hash.

use std::sync::OnceLock;

use super::headers::{DIRECTORY, Headers, ImageError};
use super::layout::{self, LayoutProblem, Section};
use super::table::{self, WinCertificate};
use super::{ALIGNMENT, checksum, padding};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};

/// What the hashed part is padded with.
const ZEROS: [u8; ALIGNMENT] = [0; ALIGNMENT];

/// A PE32 or PE32+ image of any machine, checked to be one that firmware would hash and verify.
#[derive(Debug, Clone)]
pub struct Image<'a> {
    pub(super) file: &'a [u8],
    pub(super) headers: Headers,
    /// Where the hashed part ends: at the certificate table, or at the end of the file.
    pub(super) end: usize,
    sections: Vec<Section<'a>>,
    signatures: Vec<WinCertificate<'a>>,
    /// The image hash by each algorithm, once it was asked for: to judge an image takes it several times.
    digests: [OnceLock<Digest>; HashAlgorithm::ALL.len()],
}

impl<'a> Image<'a> {
    /// Reads an image that fills `file`.
    pub fn parse(file: &'a [u8]) -> Result<Self, ImageError> {
        let headers = Headers::parse(file)?;
        let table = table::locate(file, headers.directory, headers.table)?;
        let end = table.unwrap_or(file.len());
        let sections = layout::sections(file, end, &headers)?;
        Ok(Self {
            file,
            headers,
            end,
            sections,
            signatures: table::entries(file, end)?,
            digests: Default::default(),
        })
    }

    /// `Machine`: 0x8664 is x86-64, 0xaa64 is `AArch64`.
    #[must_use]
    pub const fn machine(&self) -> u16 {
        self.headers.machine
    }

    /// `Subsystem`: 10 is an EFI application, 11 and 12 are EFI drivers.
    #[must_use]
    pub const fn subsystem(&self) -> u16 {
        self.headers.subsystem
    }

    /// Whether it is PE32+ rather than PE32.
    #[must_use]
    pub const fn is_64_bit(&self) -> bool {
        self.headers.is_64_bit
    }

    /// The `CheckSum` that the headers state; 0 means that there is none.
    #[must_use]
    pub const fn stated_checksum(&self) -> u32 {
        self.headers.stated_checksum
    }

    /// The `CheckSum` that would be right.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        checksum::checksum(&[self.file], self.headers.checksum)
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

    /// What is odd about the layout, in the order of the file.
    #[must_use]
    pub fn layout_problems(&self) -> Vec<LayoutProblem> {
        layout::problems(self.file, self.end, &self.headers, &self.sections)
    }

    /// The image hash that a signature covers (Authenticode, "Calculating the PE Image Hash"; EDK2's `HashPeImage`): the
    /// headers, the sections by their place in the file, then what follows them, padded to 8 bytes.
    #[must_use]
    pub fn digest(&self, hash: HashAlgorithm) -> Digest {
        let compute = || {
            let mut parts = self.hashed_by_firmware();
            parts.push(self.padding());
            hash.digest(&parts)
        };
        let known = HashAlgorithm::ALL.into_iter().zip(&self.digests);
        let mut known = known.filter_map(|(own, digest)| (own == hash).then_some(digest));
        known
            .next()
            .map_or_else(compute, |digest| digest.get_or_init(compute).clone())
    }

    /// The image hash of the file as it lies there, which is what firmware looks up in db and dbx: EDK2 pads nothing.
    /// It differs from [`Self::digest`] for unsigned files whose length is no multiple of 8 bytes.
    #[must_use]
    pub fn unpadded_digest(&self, hash: HashAlgorithm) -> Digest {
        if self.padding().is_empty() {
            return self.digest(hash);
        }
        hash.digest(&self.hashed_by_firmware())
    }

    fn hashed_by_firmware(&self) -> Vec<&'a [u8]> {
        let mut parts = self.hashed(self.headers.size);
        parts.extend(layout::by_offset(&self.sections).iter().map(|section| section.raw));
        // The specification counts bytes here rather than following the sections: with a gap, this is not their end.
        let hashed = layout::hashed_length(self.headers.size, &self.sections);
        parts.push(self.file.get(hashed..self.end).unwrap_or_default());
        parts
    }

    /// The image hash as tools that take the file as flat compute it. It is [`Self::digest`] unless there is a layout
    /// problem that forbids to sign.
    #[must_use]
    pub fn flat_digest(&self, hash: HashAlgorithm) -> Digest {
        let mut parts = self.hashed(self.end);
        parts.push(self.padding());
        hash.digest(&parts)
    }

    /// The start of the file up to `end`, without `CheckSum` and the certificate table's directory entry.
    fn hashed(&self, end: usize) -> Vec<&'a [u8]> {
        let after_checksum = self.headers.checksum.saturating_add(checksum::SIZE);
        let after_directory = self.headers.directory.saturating_add(DIRECTORY);
        [
            0..self.headers.checksum,
            after_checksum..self.headers.directory,
            after_directory..end,
        ]
        .into_iter()
        .map(|range| self.file.get(range).unwrap_or_default())
        .collect()
    }

    /// The zeros that are missing to a multiple of 8 bytes.
    pub(super) fn padding(&self) -> &'static [u8] {
        ZEROS.get(..padding(self.end)).unwrap_or_default()
    }
}
