//! Kernel modules: stripped of old signatures, signed, compressed again as they were.

use std::path::{Path, PathBuf};

use goblin::elf;

use crate::error::{Error, Explain, Result};
use crate::formats::cms::Shape;
use crate::formats::compression::Compression;
use crate::formats::hash::{Digest, HashAlgorithm};
use crate::formats::module_signature::{self, Module};
use crate::keys::Identity;
use crate::system::{self, Context, Transaction};
use crate::trust;

use super::{Change, Done, Outcome, discover, in_batches};

/// Endings of module files.
const ENDINGS: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// Signs the modules among `paths`, and below those that are directories.
pub fn sign(context: &Context, paths: &[PathBuf], identity: &Identity, hash: HashAlgorithm) -> Result<Vec<Outcome>> {
    let found = discover::distinct(discover::files(paths, is_module));
    in_batches(context, found, |paths, transaction| {
        sign_batch(paths, transaction, identity, hash)
    })
}

fn is_module(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

/// A module in memory.
struct Loaded<'a> {
    path: &'a Path,
    compression: Compression,
    /// The unpacked file.
    module: Vec<u8>,
    /// How many of its bytes are to be signed; none if it is signed already.
    unsigned: Option<usize>,
}

impl Loaded<'_> {
    fn content(&self) -> Option<&[u8]> {
        self.module.get(..self.unsigned?)
    }
}

/// Modules are hashed side by side, which is several times as fast as one after the other.
fn sign_batch(
    paths: &[PathBuf],
    transaction: &Transaction<'_>,
    identity: &Identity,
    hash: HashAlgorithm,
) -> Vec<Result<Done>> {
    let loaded: Vec<Result<Loaded<'_>>> = paths.iter().map(|path| load(path, identity, hash)).collect();
    let contents: Vec<&[u8]> = loaded.iter().flatten().filter_map(Loaded::content).collect();
    let mut digests = hash.digest_each(&contents).into_iter();
    let mut finish = |loaded: Loaded<'_>| match loaded.content() {
        None => Ok(Change::Unchanged.into()),
        Some(content) => {
            let digest = digests.next().ok_or_else(|| Error::bug("a module was not hashed"))?;
            sign_loaded(&loaded, content, digest, transaction, identity)
        }
    };
    loaded.into_iter().map(|loaded| finish(loaded?)).collect()
}

fn load<'a>(path: &'a Path, identity: &Identity, hash: HashAlgorithm) -> Result<Loaded<'a>> {
    let file = system::read(path)?;
    let compression = Compression::of(&file);
    let module = compression
        .unpack(&file)
        .or_refuse(|| format!("cannot unpack {}", path.display()))?;
    check_elf(path, &module)?;
    let unsigned = if is_signed(&module, identity, hash) {
        None
    } else {
        let content = Module::stripped(&module).or_refuse(|| format!("cannot sign {}", path.display()))?;
        Some(content.len())
    };
    Ok(Loaded {
        path,
        compression,
        module,
        unsigned,
    })
}

fn sign_loaded(
    loaded: &Loaded<'_>,
    content: &[u8],
    digest: Digest,
    transaction: &Transaction<'_>,
    identity: &Identity,
) -> Result<Done> {
    let path = loaded.path;
    let cms = identity.sign_cms(Shape::Module, digest)?;
    let signed = module_signature::append(content, &cms).or_refuse(|| format!("cannot sign {}", path.display()))?;
    let packed = loaded
        .compression
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
