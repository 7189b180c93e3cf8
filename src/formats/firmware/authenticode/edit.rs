//! Adding signatures to an image and taking them away.
//!
//! `CheckSum` is recomputed after each change, unless it is 0: that means "not used", as in kernels and GRUB images,
//! and stays 0. So to take away the last signature gives back the file as it was before the first, padded, byte for
//! byte. (Other tools write a checksum into such files, which removing the signature cannot undo.) Firmware does not
//! look at it. A `CheckSum` that was wrong becomes right.

use std::ops::Range;

use der::{Any, Tag};

use super::headers::DIRECTORY;
use super::image::Image;
use super::layout::{LayoutProblem, Severity};
use super::{checksum, spc, table};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::cms::{CmsError, Shape, Unsigned};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};

/// Why an image is not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotSign {
    /// Firmware and signing tools would not hash the same bytes.
    #[error("firmware may hash this image differently: {0}")]
    Layout(LayoutProblem),
    /// The signed file would be larger than the 32 bits of the format.
    #[error("the signed file would be larger than 4 GiB")]
    TooLarge,
    /// The signature cannot be encoded.
    #[error(transparent)]
    Cms(#[from] CmsError),
}

/// An image's file with another certificate table, in parts, so that large images are not copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten<'a> {
    /// The start of the file, with the fields that change.
    pub(super) head: Vec<u8>,
    /// The place of the rest of the hashed bytes.
    pub(super) place: Range<usize>,
    /// These bytes, if they are held.
    body: &'a [u8],
    padding: &'static [u8],
    /// Entries that stay.
    kept: Vec<&'a [u8]>,
    /// The new entry.
    added: Vec<u8>,
}

impl Rewritten<'_> {
    /// The parts of the file, in order.
    #[must_use]
    pub fn parts(&self) -> Vec<&[u8]> {
        let mut parts = vec![self.head.as_slice(), self.body, self.padding];
        parts.extend(&self.kept);
        parts.push(&self.added);
        parts
    }

    /// The parts after the body.
    pub(super) fn end(&self) -> Vec<&[u8]> {
        self.parts().split_off(2)
    }

    /// The file.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        self.parts().concat()
    }
}

impl<'a> Image<'a> {
    /// Prepares a signature of this image by the key of `certificate`. The same image, certificate and hash always make
    /// the same bytes.
    pub fn unsigned_signature<'c>(
        &self,
        certificate: &'c Certificate,
        hash: HashAlgorithm,
    ) -> Result<Unsigned<'c>, CannotSign> {
        self.unsigned_signature_over(certificate, &self.digest(hash))
    }

    /// As [`Self::unsigned_signature`], for who has this image's [`Self::digest`] already.
    pub fn unsigned_signature_over<'c>(
        &self,
        certificate: &'c Certificate,
        digest: &Digest,
    ) -> Result<Unsigned<'c>, CannotSign> {
        self.check_signable()?;
        let content = spc::encode(digest);
        let content_digest = digest.algorithm().digest(&[&content]);
        let shape = Shape::Authenticode {
            content_type: spc::INDIRECT_DATA,
            content: Any::new(Tag::Sequence, content).map_err(CmsError::from)?,
        };
        Ok(Unsigned::new(shape, certificate, content_digest))
    }

    /// Checks that all firmware hashes the same bytes of this image.
    pub fn check_signable(&self) -> Result<(), CannotSign> {
        let mut problems = self.layout_problems().into_iter();
        match problems.find(|problem| problem.severity() == Severity::Refusal) {
            Some(problem) => Err(CannotSign::Layout(problem)),
            None => Ok(()),
        }
    }

    /// The file with this signature (DER of a CMS `SignedData`) after those that it has.
    pub fn with_signature(&self, cms: &[u8]) -> Result<Vec<u8>, CannotSign> {
        self.check_signable()?;
        Ok(self.rewritten(|_| true, Some(cms))?.to_vec())
    }

    /// The file with the entries of the certificate table that `keep` takes, by their index in [`Self::signatures`], and
    /// then this signature (DER of a CMS `SignedData`), if any. The caller has made sure that it may be signed.
    pub fn rewritten(&self, keep: impl Fn(usize) -> bool, add: Option<&[u8]>) -> Result<Rewritten<'a>, CannotSign> {
        let mut rewritten = self.frame(keep, add)?;
        rewritten.body = self.file.get(rewritten.place.clone()).ok_or(CannotSign::TooLarge)?;
        let sum = self
            .has_checksum()
            .then(|| checksum::checksum(&rewritten.parts(), self.headers.checksum));
        self.put_checksum(&mut rewritten, sum)?;
        Ok(rewritten)
    }

    /// True if the headers state a checksum, which each change makes anew.
    pub(super) const fn has_checksum(&self) -> bool {
        self.stated_checksum() != 0
    }

    /// As [`Self::rewritten`], without the body, and with the old checksum.
    pub(super) fn frame(&self, keep: impl Fn(usize) -> bool, add: Option<&[u8]>) -> Result<Rewritten<'a>, CannotSign> {
        let added = add.map_or(Ok(Vec::new()), |cms| {
            table::pkcs7_entry(cms).ok_or(CannotSign::TooLarge)
        })?;
        let entries = self.signatures().iter().enumerate();
        let kept = entries.filter(|(index, _)| keep(*index)).map(|(_, entry)| entry.bytes);
        let kept: Vec<&[u8]> = kept.collect();
        let after = self.headers.directory.checked_add(DIRECTORY);
        let after = after.filter(|after| *after <= self.end).ok_or(CannotSign::TooLarge)?;
        let head = self.file.get(0..after).ok_or(CannotSign::TooLarge)?;
        let mut rewritten = Rewritten {
            head: head.to_vec(),
            place: after..self.end,
            body: &[],
            padding: self.padding(),
            kept,
            added,
        };
        self.patch(&mut rewritten).ok_or(CannotSign::TooLarge)?;
        Ok(rewritten)
    }

    /// Writes the table's place into the headers; `None` if a number does not fit 32 bits.
    fn patch(&self, rewritten: &mut Rewritten<'_>) -> Option<()> {
        let rest: usize = rewritten.parts().iter().map(|part| part.len()).sum();
        let length = rest.checked_add(rewritten.place.len())?;
        u32::try_from(length).ok()?;
        let start = self.end.checked_add(rewritten.padding.len())?;
        let size = length.checked_sub(start)?;
        let start = if size == 0 { 0 } else { start };
        let place = [u32::try_from(start).ok()?, u32::try_from(size).ok()?].map(u32::to_le_bytes);
        put(&mut rewritten.head, self.headers.directory, &place.concat())?;
        Some(())
    }

    /// Writes a new checksum into the headers, if there is one.
    pub(super) fn put_checksum(&self, rewritten: &mut Rewritten<'_>, sum: Option<u32>) -> Result<(), CannotSign> {
        let Some(sum) = sum else { return Ok(()) };
        put(&mut rewritten.head, self.headers.checksum, &sum.to_le_bytes()).ok_or(CannotSign::TooLarge)
    }
}

/// Overwrites the bytes at `offset`.
fn put(file: &mut [u8], offset: usize, bytes: &[u8]) -> Option<()> {
    let field = file.get_mut(offset..)?.get_mut(..bytes.len())?;
    field.copy_from_slice(bytes);
    Some(())
}
