//! Adding signatures to an image and taking them away.
//!
//! `CheckSum` is recomputed after each change, unless it is 0: that means "not used", as in kernels and GRUB images,
//! and stays 0. So to take away the last signature gives back the file as it was before the first, padded, byte for
//! byte. (Other tools write a checksum into such files, which removing the signature cannot undo.) Firmware does not
//! look at it. A `CheckSum` that was wrong becomes right.

use der::{Any, Tag};

use super::headers::ImageError;
use super::layout::{LayoutProblem, Severity};
use super::{Image, checksum, spc, table};
use crate::formats::certificate::Certificate;
use crate::formats::cms::{CmsError, Shape, Unsigned};
use crate::formats::hash::HashAlgorithm;

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
    /// The result is not an image any more; nothing was written.
    #[error("the signed image does not parse: {0}")]
    Result(#[from] ImageError),
}

/// A signature that is to be removed and is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no signature {index}: the image has {count}")]
pub struct NoSuchSignature {
    /// The index that was asked for, from 0.
    pub index: usize,
    /// How many signatures there are.
    pub count: usize,
}

impl Image<'_> {
    /// Prepares a signature of this image by the key of `certificate`. The same image, certificate and hash always make
    /// the same bytes.
    pub fn unsigned_signature<'c>(
        &self,
        certificate: &'c Certificate,
        hash: HashAlgorithm,
    ) -> Result<Unsigned<'c>, CannotSign> {
        self.check_signable()?;
        let content = spc::encode(&self.digest(hash));
        let content_digest = hash.digest(&[&content]);
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
        let entry = table::pkcs7_entry(cms).ok_or(CannotSign::TooLarge)?;
        let old = self.file.get(self.end..).unwrap_or_default();
        let signed = self.with_table(&[old, &entry]).ok_or(CannotSign::TooLarge)?;
        Image::parse(&signed)?;
        Ok(signed)
    }

    /// The file without any signature, padded to a multiple of 8 bytes.
    #[must_use]
    pub fn without_signatures(&self) -> Vec<u8> {
        // A table of nothing has no size that could be too large.
        self.with_table(&[]).unwrap_or_default()
    }

    /// The file without the signature at `index`, counted from 0 in [`Self::signatures`].
    pub fn without_signature_at(&self, index: usize) -> Result<Vec<u8>, NoSuchSignature> {
        let count = self.signatures().len();
        let missing = NoSuchSignature { index, count };
        let start = self.signatures().get(index).ok_or(missing)?.offset;
        let next = self.signatures().get(index.saturating_add(1));
        let end = next.map_or(self.file.len(), |signature| signature.offset);
        let before = self.file.get(self.end..start).unwrap_or_default();
        let after = self.file.get(end..).unwrap_or_default();
        self.with_table(&[before, after]).ok_or(missing)
    }

    /// The hashed part, padded, with a certificate table of these parts; `None` if it does not fit 32 bits.
    fn with_table(&self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        let size: usize = parts.iter().map(|part| part.len()).sum();
        let mut file = Vec::with_capacity(self.end.checked_add(size)?.checked_add(super::ALIGNMENT)?);
        file.extend_from_slice(self.file.get(..self.end)?);
        file.extend_from_slice(self.padding());
        let start = if size == 0 { 0 } else { file.len() };
        for part in parts {
            file.extend_from_slice(part);
        }
        u32::try_from(file.len()).ok()?;
        let (start, size) = (u32::try_from(start).ok()?, u32::try_from(size).ok()?);
        let [at, length] = [start.to_le_bytes(), size.to_le_bytes()];
        put(&mut file, self.headers.directory, &[at, length].concat())?;
        if self.stated_checksum() != 0 {
            let sum = checksum::checksum(&file, self.headers.checksum);
            put(&mut file, self.headers.checksum, &sum.to_le_bytes())?;
        }
        Some(file)
    }
}

/// Overwrites the bytes at `offset`.
fn put(file: &mut [u8], offset: usize, bytes: &[u8]) -> Option<()> {
    let field = file.get_mut(offset..)?.get_mut(..bytes.len())?;
    field.copy_from_slice(bytes);
    Some(())
}
