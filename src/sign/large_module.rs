//! A module that is too large to be held: read through for its signature, again to be hashed, and once more to be written.

use std::io::{self, Read, Write};

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::cms::Shape;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::kernel::compression::{Compression, Kept, MAX_MODULE};
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
            let end = [&*cms, &*end].concat();
            let mut content = file.open().or_could_not_run(cannot)?;
            let kept = Kept {
                length: read.outline.length(),
                keep: length,
                content: &mut content,
            };
            let repacked = match file.compression().append(file.packed(), kept, &end) {
                Ok(pieces) => {
                    let sha256 = stage(target, transaction, |staged| {
                        pieces.iter().try_for_each(|piece| staged.write_all(piece))
                    })?;
                    return Ok(Done::signed(digest, Origin::Root, sha256));
                }
                Err(_) if file.compression() == Compression::None => None,
                Err(why) => Some(why.to_string().into_boxed_str()),
            };
            let content = file.open().or_could_not_run(cannot)?.take(length);
            let mut signed = content.chain(&*end);
            let size = length.saturating_add(end.len() as u64);
            let sha256 = write(target, &file, (&mut signed, size), transaction)?;
            Ok(Done {
                repacked,
                ..Done::signed(digest, Origin::Root, sha256)
            })
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
    stage(target, transaction, |staged| {
        let left = file.compression().pack_into(content, size, staged)?;
        left.flush()
    })
}

/// Stages what is written; returns its SHA-256.
fn stage(
    target: &Target,
    transaction: &Transaction<'_>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Digest> {
    transaction.stage_written(&target.path, &target.file, |staged| write(staged))?;
    let (staged, _) = transaction.open(&target.file)?;
    let sha256 = HashAlgorithm::Sha256.digest_of(staged);
    sha256.or_could_not_run(|| format!("cannot read {}", target.path.shown()))
}
