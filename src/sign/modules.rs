//! Kernel modules: stripped of old signatures, signed, compressed again as they were.

use std::path::{Path, PathBuf};

use goblin::elf;

use crate::error::{Error, Explain, Result};
use crate::formats::cms::Shape;
use crate::formats::compression::Compression;
use crate::formats::hash::HashAlgorithm;
use crate::formats::module_signature::{self, Module};
use crate::keys::Identity;
use crate::system::{self, Context, Transaction};
use crate::trust;

use super::{Change, Done, Outcome, discover, each};

/// Endings of module files.
const ENDINGS: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// Signs the modules among `paths`, and below those that are directories.
pub fn sign(context: &Context, paths: &[PathBuf], identity: &Identity, hash: HashAlgorithm) -> Result<Vec<Outcome>> {
    let found = discover::distinct(discover::files(paths, is_module));
    each(context, found, |path, transaction| {
        sign_file(path, transaction, identity, hash)
    })
}

fn is_module(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

fn sign_file(path: &Path, transaction: &Transaction<'_>, identity: &Identity, hash: HashAlgorithm) -> Result<Done> {
    let file = system::read(path)?;
    let compression = Compression::of(&file);
    let module = compression
        .unpack(&file)
        .or_refuse(|| format!("cannot unpack {}", path.display()))?;
    check_elf(path, &module)?;
    if is_signed(&module, identity, hash) {
        return Ok(Change::Unchanged.into());
    }
    let refused = || format!("cannot sign {}", path.display());
    let content = Module::stripped(&module).or_refuse(refused)?;
    let cms = identity.sign_cms(Shape::Module, hash.digest(&[content]))?;
    let signed = module_signature::append(content, &cms).or_refuse(refused)?;
    let packed = compression
        .pack(signed)
        .or_could_not_run(|| format!("cannot compress {}", path.display()))?;
    transaction.stage(path, &packed)?;
    Ok(Change::Signed.into())
}

/// Whether the kernel would load the module for this key and hash as it is.
fn is_signed(module: &[u8], identity: &Identity, hash: HashAlgorithm) -> bool {
    let own = std::slice::from_ref(&identity.certificate);
    trust::module::judge(module, own).is_ok_and(|signature| signature.hash == hash)
}

/// A module is a relocatable ELF object; anything else must not be signed as one.
fn check_elf(path: &Path, module: &[u8]) -> Result<()> {
    let kind = module
        .get(..elf::header::header64::SIZEOF_EHDR.min(module.len()))
        .and_then(|header| elf::Elf::parse_header(header).ok())
        .map(|header| header.e_type);
    match kind {
        Some(elf::header::ET_REL) => Ok(()),
        Some(other) => Err(Error::refused(format!(
            "{} is no kernel module: its ELF type at offset 0x10 is {other}, not 1 (relocatable)",
            path.display()
        ))),
        None => Err(Error::refused(format!(
            "{} is no kernel module: no ELF header at offset 0x0",
            path.display()
        ))),
    }
}
