//! An image that is too large to be held: its ends are read, and the rest as often as it is hashed or written.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::OnceLock;

use super::checksum::Sum;
use super::edit::{CannotSign, Rewritten};
use super::headers::ImageError;
use super::image::{Image, place_of};
use super::layout::Section;
use super::table::WinCertificate;
use super::view::View;
use crate::formats::crypto::hash::{Digest, HashAlgorithm, Hasher};

/// Bytes at the beginning that are held: headers and the small sections, which unified images have first.
const START: u64 = 1 << 20;
/// Most bytes at the end that are held: the certificate table, and the symbols of GNU tools.
const TAIL: u64 = 4 << 20;
/// Bytes that are read at once.
const CHUNK: usize = 1 << 16;

/// The ends of a file.
#[derive(Debug, Clone)]
pub struct Ends {
    start: Vec<u8>,
    tail: Vec<u8>,
    /// Sections between, each with its offset.
    parts: Vec<(usize, Vec<u8>)>,
    length: usize,
}

impl Ends {
    /// Reads them.
    pub fn read(file: &mut (impl Read + Seek)) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        let (mut start, mut tail) = (Vec::new(), Vec::new());
        file.seek(SeekFrom::Start(0))?;
        file.take(START).read_to_end(&mut start)?;
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
        file.take(TAIL).read_to_end(&mut tail)?;
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let parts = Vec::new();
        Ok(Self {
            start,
            tail,
            parts,
            length,
        })
    }

    /// Reads the sections that are wanted too, as long as they have no more than so many bytes together.
    pub fn read_sections(
        &mut self,
        file: &mut (impl Read + Seek),
        wanted: impl Fn(&Section<'_>) -> bool,
        most: usize,
    ) -> io::Result<()> {
        // What is no image has none.
        let sections = self.sections().unwrap_or_default();
        let wanted = sections.iter().filter(|section| wanted(section));
        let ranges: Vec<Range<usize>> = wanted.map(|section| section.offset..section.end()).collect();
        drop(sections);
        let mut left = most;
        for range in ranges {
            let Some(rest) = left.checked_sub(range.len()) else {
                continue;
            };
            if self.view().get(range.clone()).is_some() {
                continue;
            }
            left = rest;
            let mut part = Vec::with_capacity(range.len());
            each_piece(file, range.clone(), |piece| part.extend_from_slice(piece))?;
            self.parts.push((range.start, part));
        }
        Ok(())
    }

    /// The first bytes, as far as they are held.
    #[must_use]
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// The sections; those that are not held have no data.
    pub fn sections(&self) -> Result<Vec<Section<'_>>, ImageError> {
        Ok(Image::in_view(self.view())?.sections().to_vec())
    }

    fn view(&self) -> View<'_> {
        View::new(&self.start, &self.tail, &self.parts, self.length)
    }

    /// The image, hashed by SHA-256 and what its signatures and `more` name.
    pub fn image<'a>(
        &'a self,
        file: &mut (impl Read + Seek),
        more: &[HashAlgorithm],
    ) -> io::Result<Result<LargeImage<'a>, ImageError>> {
        let image = match Image::in_view(self.view()) {
            Ok(image) => image,
            Err(error) => return Ok(Err(error)),
        };
        let mut hashes = vec![HashAlgorithm::Sha256];
        hashes.extend(more);
        let signatures = image.signatures().iter().filter_map(|entry| entry.signature().ok());
        hashes.extend(signatures.map(|signature| signature.hash));
        hashes.sort();
        hashes.dedup();
        let mut running: Vec<Hasher> = hashes.iter().map(|hash| hash.hasher()).collect();
        for range in image.hashed.clone() {
            each_piece(file, range, |piece| {
                for hasher in &mut running {
                    hasher.update(piece);
                }
            })?;
        }
        for hasher in running {
            let hash = hasher.algorithm();
            let mut padded = hasher.clone();
            padded.update(image.padding());
            set(place_of(&image.unpadded, hash), hasher.finish());
            set(place_of(&image.digests, hash), padded.finish());
        }
        Ok(Ok(LargeImage { image, hashes }))
    }
}

fn set(place: Option<&OnceLock<Digest>>, digest: Digest) {
    if let Some(place) = place {
        place.get_or_init(|| digest);
    }
}

/// Reads these bytes of a file, piece by piece.
fn each_piece(file: &mut (impl Read + Seek), range: Range<usize>, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    file.seek(SeekFrom::Start(range.start as u64))?;
    let mut left = range.len();
    let mut chunk = vec![0; CHUNK];
    while left > 0 {
        let piece = chunk.get_mut(..left.min(CHUNK)).unwrap_or_default();
        file.read_exact(piece)?;
        take(piece);
        left = left.saturating_sub(piece.len());
    }
    Ok(())
}

/// An image of which the ends are held.
#[derive(Debug, Clone)]
pub struct LargeImage<'a> {
    image: Image<'a>,
    hashes: Vec<HashAlgorithm>,
}

impl<'a> LargeImage<'a> {
    /// The image as far as it is held: its digests by [`Self::hashes`], signatures and layout are right; of its sections those
    /// in the middle are empty.
    #[must_use]
    pub const fn known(&self) -> &Image<'a> {
        &self.image
    }

    /// As [`Self::known`].
    #[must_use]
    pub fn into_known(self) -> Image<'a> {
        self.image
    }

    /// The algorithms that it was hashed by.
    #[must_use]
    pub fn hashes(&self) -> &[HashAlgorithm] {
        &self.hashes
    }

    /// The entries of the certificate table.
    #[must_use]
    pub fn signatures(&self) -> &[WinCertificate<'a>] {
        self.image.signatures()
    }

    /// As [`Image::rewritten`]; what it gives is written by [`Self::write`].
    pub fn rewritten(
        &self,
        file: &mut (impl Read + Seek),
        keep: impl Fn(usize) -> bool,
        add: Option<&[u8]>,
    ) -> io::Result<Result<Rewritten<'a>, CannotSign>> {
        let mut rewritten = match self.image.frame(keep, add) {
            Ok(rewritten) => rewritten,
            Err(error) => return Ok(Err(error)),
        };
        let mut checksum = None;
        if self.image.has_checksum() {
            let mut sum = Sum::default();
            sum.add_first(&rewritten.head, self.image.headers.checksum);
            each_piece(file, rewritten.place.clone(), |piece| sum.add(piece))?;
            rewritten.end().iter().for_each(|part| sum.add(part));
            checksum = Some(sum.finish());
        }
        Ok(self.image.put_checksum(&mut rewritten, checksum).map(|()| rewritten))
    }

    /// Writes the file with another certificate table; returns its SHA-256.
    pub fn write(rewritten: &Rewritten<'_>, file: &mut (impl Read + Seek), out: &mut dyn Write) -> io::Result<Digest> {
        let mut hasher = HashAlgorithm::Sha256.hasher();
        let mut written = Ok(());
        let mut put = |piece: &[u8]| {
            hasher.update(piece);
            if written.is_ok() {
                written = out.write_all(piece);
            }
        };
        put(&rewritten.head);
        each_piece(file, rewritten.place.clone(), &mut put)?;
        rewritten.end().iter().for_each(|part| put(part));
        written?;
        Ok(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::minimal_image;
    use super::*;

    /// An image whose last section has so many bytes, with bytes after it, that states a checksum or none.
    fn image(section: usize, after: usize, states_checksum: bool) -> Vec<u8> {
        let mut file = minimal_image();
        let entry = 64 + 24 + 240 + 2 * 40;
        file.truncate(3 * 0x200);
        file[entry + 16..entry + 20].copy_from_slice(&u32::try_from(section).unwrap().to_le_bytes());
        file.extend((0..section + after).map(|place| u8::try_from(place % 251).unwrap()));
        if !states_checksum {
            file[64 + 24 + 64..][..4].fill(0);
        }
        file
    }

    #[test]
    fn an_image_that_is_not_held_is_hashed_and_signed_as_one_that_is() {
        let bytes = usize::try_from(START + TAIL).unwrap();
        for (section, after, states_checksum) in [
            (bytes + (2 << 20), 0, true),
            (bytes + 4096, 3, true),
            (bytes - 4096, 0, false),
            (bytes, 1001, false),
            (7, 0, true),
        ] {
            let unsigned = image(section, after, states_checksum);
            let signed = Image::parse(&unsigned).unwrap().rewritten(|_| true, Some(b"no CMS"));
            for file in [unsigned.clone(), signed.unwrap().to_vec()] {
                let held = Image::parse(&file).unwrap();
                let mut reader = Cursor::new(&file);
                let ends = Ends::read(&mut reader).unwrap();
                let more = [HashAlgorithm::Sha384, HashAlgorithm::Sha512];
                let large = ends.image(&mut reader, &more).unwrap().unwrap();
                assert_eq!(large.signatures(), held.signatures());
                assert_eq!(large.known().layout_problems(), held.layout_problems());
                for hash in large.hashes() {
                    assert_eq!(large.known().digest(*hash), held.digest(*hash));
                    assert_eq!(large.known().unpadded_digest(*hash), held.unpadded_digest(*hash));
                }
                for keeps in [false, true] {
                    let expected = held.rewritten(|_| keeps, Some(b"another")).unwrap().to_vec();
                    let rewritten = large.rewritten(&mut reader, |_| keeps, Some(b"another"));
                    let mut out = Vec::new();
                    let digest = LargeImage::write(&rewritten.unwrap().unwrap(), &mut reader, &mut out).unwrap();
                    assert!(out == expected, "{section} {after}");
                    assert_eq!(digest, HashAlgorithm::Sha256.digest(&[&out]));
                }
            }
        }
    }

    #[test]
    fn a_table_beyond_what_is_held_is_refused() {
        let table = vec![0; usize::try_from(TAIL).unwrap()];
        let mut padded = minimal_image();
        padded.resize(usize::try_from(START).unwrap(), 0);
        let padded = Image::parse(&padded)
            .unwrap()
            .rewritten(|_| true, Some(&table))
            .unwrap()
            .to_vec();
        let mut reader = Cursor::new(&padded);
        let ends = Ends::read(&mut reader).unwrap();
        let refused = ends.image(&mut reader, &[]).unwrap().unwrap_err();
        assert!(refused.to_string().contains("too large to be looked at"), "{refused}");
    }
}
