//! Kernel modules: stripped of old signatures, signed, compressed again as they were.

use std::path::{Path, PathBuf};

use goblin::elf;

use crate::error::{Error, Explain, Result};
use crate::formats::cms::Shape;
use crate::formats::compression::Compression;
use crate::formats::hash::{Digest, HashAlgorithm};
use crate::formats::module_signature::{self, Module};
use crate::keys::Identity;
use crate::system::{self, Transaction};
use crate::trust;

use super::discover::{Interest, Target};
use super::run::Kind;
use super::{Change, Done, Run};

/// Endings of module files.
const ENDINGS: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// Signs the modules among `paths`, and below those that are directories.
pub fn sign(run: &mut Run<'_>, paths: &[PathBuf], identity: &Identity, hash: HashAlgorithm) -> Result<()> {
    let found = run.discover(paths, interest)?.distinct();
    let kind = Kind {
        name: "modules",
        key: identity.certificate.fingerprint().to_hex(),
        signer: Some(identity.signer.as_ref()),
        hash,
        companion: None,
        recheck: false,
    };
    run.process(&kind, found, |targets, transaction| {
        sign_batch(targets, transaction, identity, hash)
    })
}

fn interest(path: &Path) -> Interest {
    let name = path.as_os_str().as_encoded_bytes();
    if ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes())) {
        Interest::Take
    } else {
        Interest::Pass
    }
}

/// A module in memory.
struct Loaded<'a> {
    path: &'a Path,
    compression: Compression,
    /// The unpacked file.
    module: Vec<u8>,
    state: State,
}

/// What there is to do.
enum State {
    /// Nothing: the digest is signed.
    Signed(Digest),
    /// So many of its bytes are to be signed.
    Unsigned(usize),
}

impl Loaded<'_> {
    fn content(&self) -> Option<&[u8]> {
        match self.state {
            State::Signed(_) => None,
            State::Unsigned(length) => self.module.get(..length),
        }
    }
}

/// Modules are hashed side by side, which is several times as fast as one after the other.
fn sign_batch(
    targets: &[Target],
    transaction: &Transaction<'_>,
    identity: &Identity,
    hash: HashAlgorithm,
) -> Vec<Result<Done>> {
    let loaded: Vec<Result<Loaded<'_>>> = targets.iter().map(|target| load(target, identity, hash)).collect();
    let contents: Vec<&[u8]> = loaded.iter().flatten().filter_map(Loaded::content).collect();
    let mut digests = hash.digest_each(&contents).into_iter();
    let mut finish = |loaded: Loaded<'_>| {
        if let Some(content) = loaded.content() {
            let digest = digests.next().ok_or_else(|| Error::bug("a module was not hashed"))?;
            return sign_content(loaded.path, content, loaded.compression, digest, transaction, identity);
        }
        match loaded.state {
            State::Signed(digest) => Ok(Done {
                change: Change::Unchanged,
                digest,
                warnings: Vec::new(),
            }),
            State::Unsigned(_) => Err(Error::bug("a module is shorter than its content")),
        }
    };
    loaded.into_iter().map(|loaded| finish(loaded?)).collect()
}

fn load<'a>(target: &'a Target, identity: &Identity, hash: HashAlgorithm) -> Result<Loaded<'a>> {
    let path = &target.path;
    let file = system::read(&target.file)?;
    let compression = Compression::of(&file);
    let module = compression
        .unpack(&file)
        .or_refuse(|| format!("cannot unpack {}", path.display()))?;
    check_elf(path, &module)?;
    let state = if let Some(digest) = signed_digest(&module, identity, hash) {
        State::Signed(digest)
    } else {
        let content = Module::stripped(&module).or_refuse(|| format!("cannot sign {}", path.display()))?;
        State::Unsigned(content.len())
    };
    Ok(Loaded {
        path,
        compression,
        module,
        state,
    })
}

fn sign_content(
    path: &Path,
    content: &[u8],
    compression: Compression,
    digest: Digest,
    transaction: &Transaction<'_>,
    identity: &Identity,
) -> Result<Done> {
    let cms = identity.sign_cms(Shape::Module, digest.clone())?;
    let signed = module_signature::append(content, &cms).or_refuse(|| format!("cannot sign {}", path.display()))?;
    let packed = compression
        .pack(signed)
        .or_could_not_run(|| format!("cannot compress {}", path.display()))?;
    transaction.stage(path, &[&packed])?;
    Ok(Done {
        change: Change::Signed,
        digest,
        warnings: Vec::new(),
    })
}

/// The digest that is signed, if the kernel would load the module for this key and hash as it is.
fn signed_digest(module: &[u8], identity: &Identity, hash: HashAlgorithm) -> Option<Digest> {
    let own = std::slice::from_ref(&identity.certificate);
    let signature = trust::module::judge(module, own).ok()?;
    (signature.hash == hash).then_some(signature.digest)
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
