//! The work that a module needs, held or not.

use std::path::Path;

use goblin::elf;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::kernel::compression::KernelRefusal;
use crate::formats::kernel::module_signature::ModuleError;
use crate::formats::text::Shown;
use crate::keys::Identity;
use crate::system::config::ForeignModules;
use crate::trust::module::Refusal;
use crate::trust::module_read::Subject;

use super::kernels::Kernels;

/// The treatment of a module that another key has signed. A signature that cannot be read counts as one by another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Foreign {
    /// The signature is replaced by one of this key.
    #[default]
    Replace,
    /// The signature stays.
    Keep,
    /// The module is refused.
    Refuse,
}

impl From<ForeignModules> for Foreign {
    fn from(configured: ForeignModules) -> Self {
        match configured {
            ForeignModules::Replace => Self::Replace,
            ForeignModules::Keep => Self::Keep,
            ForeignModules::Refuse => Self::Refuse,
        }
    }
}

/// The way in which the modules of one batch are signed.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    pub identity: &'a Identity,
    pub hash: HashAlgorithm,
    pub foreign: Foreign,
    pub kernels: &'a Kernels<'a>,
}

/// The work that a module needs.
pub(super) enum State {
    /// None: this digest is signed.
    Signed(Digest),
    /// None: the module stays as it is, with the signature of another key, or because its kernel refuses ours.
    Kept,
    /// Compression anew: this digest is signed, but the kernel refuses the present compression.
    BadlyPacked(Digest, KernelRefusal),
    /// A signature over this number of bytes from the start.
    Unsigned(u64),
}

/// The work that a module needs, by its kernel and its last signature, which is the one that the kernel checks.
pub(super) fn judge(
    path: &Path,
    module: Subject<'_>,
    stripped: impl FnOnce() -> std::result::Result<u64, ModuleError>,
    release: Option<&str>,
    way: Way<'_>,
) -> Result<State> {
    let own = &way.identity.certificate;
    if release.is_some_and(|release| way.kernels.leaves(release, module, own, way.hash)) {
        return Ok(State::Kept);
    }
    let refusal = match module.judge(std::slice::from_ref(own)) {
        Ok(signature) if signature.hash == way.hash => return Ok(State::Signed(signature.digest)),
        Ok(_) | Err(Refusal::Unsigned) => None,
        // A signature by this key from before the module was changed.
        Err(_) if module.names_signer(own) => None,
        Err(refusal) => Some(refusal),
    };
    match (refusal, way.foreign) {
        (Some(_), Foreign::Keep) => return Ok(State::Kept),
        (Some(refusal), Foreign::Refuse) => {
            let file = path.shown();
            return Err(Error::refused(format!("{file} is signed by another key"))
                .caused_by(refusal)
                .hint(format!("bootseal sign modules --foreign replace {file}")));
        }
        (Some(_), Foreign::Replace) => {
            if let Some(release) = release {
                way.kernels.replaces(release, own, way.hash);
            }
        }
        (None, _) => {}
    }
    let content = stripped().or_refuse(|| format!("cannot sign {}", path.shown()))?;
    Ok(State::Unsigned(content))
}

/// Refuses a file that is no relocatable ELF object, as every module is.
pub(super) fn check_elf(path: &Path, module: &[u8]) -> Result<()> {
    let kind = module
        .get(..elf::header::header64::SIZEOF_EHDR.min(module.len()))
        .and_then(|header| elf::Elf::parse_header(header).ok())
        .map(|header| header.e_type);
    match kind {
        Some(elf::header::ET_REL) => Ok(()),
        Some(other) => Err(Error::refused(format!(
            "{} is no kernel module: its ELF type at offset 0x10 is {other}, not 1 (relocatable)",
            path.shown()
        ))),
        None => Err(Error::refused(format!(
            "{} is no kernel module: no ELF header at offset 0x0",
            path.shown()
        ))),
    }
}
