//! A module that is too large to be held: read through for its signature, again to be hashed, and once more to be written.

use std::io::{self, Read};

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::cms::Shape;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::kernel::compression::MAX_MODULE;
use crate::formats::kernel::module_signature;
use crate::formats::text::Shown;
use crate::ledger::{Kind, Origin};
use crate::system::{MAX_PACKED, Passes, Transaction};
use crate::trust::module_read::{ReadModule, Subject};

use super::discover::Target;
use super::module_state::{State, Way, check_elf, judge};
use super::outcome::{Change, Done};
use super::vouching::Notary;

/// Signs one, while no other is in work.
pub(super) fn sign(target: &Target, transaction: &Transaction<'_>, notary: &Notary<'_>, way: Way<'_>) -> Result<Done> {
    let path = &target.path;
    let cannot = || format!("cannot read {}", path.shown());
    let file = Passes::new(transaction.open(&target.file)?).or_could_not_run(cannot)?;
    let file = file.ok_or_else(|| {
        Error::could_not_run(format!(
            "{}: it is packed, and has more than {MAX_PACKED} bytes",
            path.shown()
        ))
    })?;
    let read = ReadModule::read(&|| file.open(), MAX_MODULE);
    let read = read.or_refuse(|| format!("cannot unpack {}", path.shown()))?;
    let read = read.ok_or_else(|| {
        Error::refused(format!(
            "cannot unpack {}: it has more than {MAX_MODULE} bytes then",
            path.shown()
        ))
    })?;
    check_elf(path, read.outline.start())?;
    let release = way.kernels.release(target);
    let stripped = || read.outline.stripped_length();
    match judge(path, Subject::Read(&read), stripped, release.as_deref(), way)? {
        State::Kept => Ok(Done::left(Change::Kept, None)),
        State::Signed(digest) => match file.kernel_unpacks() {
            Ok(()) => {
                let hash = || HashAlgorithm::Sha256.digest_of(file.open_packed()?);
                let adopted = notary.adopts(Kind::Modules)?;
                let adopted = adopted.then(hash).transpose().or_could_not_run(cannot)?;
                Ok(Done::unchanged(digest, adopted.map(|sha256| (Origin::Adopted, sha256))))
            }
            Err(refusal) => {
                let mut content = file.open().or_could_not_run(cannot)?;
                let sha256 = write(target, &file, (&mut content, read.outline.length()), transaction)?;
                let warning = format!("was signed already, but is compressed anew for the kernel: {refusal}");
                Ok(Done {
                    warnings: vec![warning],
                    ..Done::signed(digest, Origin::Root, sha256)
                })
            }
        },
        State::BadlyPacked(..) => Err(Error::bug("a module that is not held was judged by its packing")),
        State::Unsigned(length) => {
            let digest = file.open().and_then(|content| way.hash.digest_of(content.take(length)));
            let digest = digest.or_could_not_run(cannot)?;
            let cms = way.identity.sign_cms(Shape::Module, digest.clone())?;
            let end = module_signature::trailer(&[], &cms).or_refuse(|| format!("cannot sign {}", path.shown()))?;
            let content = file.open().or_could_not_run(cannot)?.take(length);
            let mut signed = content.chain(&*cms).chain(&*end);
            let size = length.saturating_add((cms.len() + end.len()) as u64);
            let sha256 = write(target, &file, (&mut signed, size), transaction)?;
            Ok(Done::signed(digest, Origin::Root, sha256))
        }
    }
}

/// Stages so many bytes, packed as the file is; returns the SHA-256 of what was staged.
fn write(
    target: &Target,
    file: &Passes,
    (content, size): (&mut dyn Read, u64),
    transaction: &Transaction<'_>,
) -> Result<Digest> {
    transaction.stage_written(&target.path, &target.file, |staged| {
        let left = file.compression().pack_into(content, size, staged)?;
        io::Write::flush(left)
    })?;
    let (staged, _) = transaction.open(&target.file)?;
    let sha256 = HashAlgorithm::Sha256.digest_of(staged);
    sha256.or_could_not_run(|| format!("cannot read {}", target.path.shown()))
}
