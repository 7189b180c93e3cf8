//! The verdict on a module that is too large to be held: it is read twice, once for its signature and once to be hashed.

use std::io::{self, Read};

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::kernel::module_outline::Outline;

use super::module::{self, Refusal, Signature, hash_of, judge_parts};

/// A module that was read through.
#[derive(Debug)]
pub struct ReadModule {
    /// Its beginning, end and length.
    pub outline: Outline,
    /// Digests of the content, over each hash that a signer names.
    digests: Vec<Digest>,
}

impl ReadModule {
    /// Reads a module as often as its signature needs; `None` if it has more than so many bytes. `open` gives it from its first byte.
    pub fn read<'a>(open: &dyn Fn() -> io::Result<Box<dyn Read + 'a>>, most: u64) -> io::Result<Option<Self>> {
        let Some(outline) = Outline::read(open()?, most)? else {
            return Ok(None);
        };
        let mut hashes: Vec<HashAlgorithm> = Vec::new();
        if let Ok(Some(signed_data)) = outline.module().and_then(|module| module.signed_data()) {
            hashes.extend(signed_data.signers.iter().filter_map(|signer| hash_of(signer).ok()));
            hashes.sort();
            hashes.dedup();
        }
        let content = outline.content_length().unwrap_or_default();
        let digest = |hash: HashAlgorithm| hash.digest_of(open()?.take(content));
        let digests = hashes.into_iter().map(digest).collect::<io::Result<_>>()?;
        Ok(Some(Self { outline, digests }))
    }

    /// Judges it as [`module::judge`] does.
    pub fn judge<'c>(&self, trusted: &'c [Certificate]) -> Result<Signature<'c>, Refusal> {
        let known = |hash: HashAlgorithm| {
            let digest = self.digests.iter().find(|digest| digest.algorithm() == hash);
            // Each that a signer names is there; nothing is signed over no bytes.
            digest.cloned().unwrap_or_else(|| hash.digest(&[]))
        };
        judge_parts(&self.outline.module()?, None, trusted, &known)
    }
}

/// A module as its judges get it.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// All of it, unpacked.
    Held(&'a [u8]),
    /// One that was read through.
    Read(&'a ReadModule),
}

impl Subject<'_> {
    /// Judges it as [`module::judge`] does.
    pub fn judge(self, trusted: &[Certificate]) -> Result<Signature<'_>, Refusal> {
        match self {
            Self::Held(file) => module::judge(file, trusted),
            Self::Read(read) => read.judge(trusted),
        }
    }

    /// True if it carries a signature, valid or not, that names the key of this certificate.
    #[must_use]
    pub fn names_signer(self, certificate: &Certificate) -> bool {
        match self {
            Self::Held(file) => module::names_signer(file, certificate),
            Self::Read(read) => read
                .outline
                .module()
                .is_ok_and(|module| module::names(&module, certificate)),
        }
    }
}

impl<'a> From<&'a [u8]> for Subject<'a> {
    fn from(file: &'a [u8]) -> Self {
        Self::Held(file)
    }
}

impl<'a> From<&'a ReadModule> for Subject<'a> {
    fn from(read: &'a ReadModule) -> Self {
        Self::Read(read)
    }
}
