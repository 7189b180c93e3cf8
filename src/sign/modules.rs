//! Kernel modules: stripped of old signatures, signed, compressed again as they were.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::cms::Shape;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::kernel::compression::{Compression, Kept};
use crate::formats::kernel::module_signature::{self, Module};
use crate::formats::text::Shown;
use crate::keys::Identity;
use crate::ledger::{Kind, Origin};
use crate::system::config::ModuleHash;
use crate::system::{Opened, Transaction};
use crate::trust::module_read::Subject;

use super::discover::{Found, Interest, Target};
use super::hash::Hash;
use super::kernels::{Kernels, NewKernel};
use super::large_module;
pub use super::module_state::Foreign;
use super::module_state::{State, Way, check_elf, judge};
use super::outcome::{Change, Done, Outcome};
use super::run::Run;
use super::signing::Signing;
use super::vouching::Notary;

/// The endings of the names of modules.
const ENDINGS: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// The way in which modules are signed.
#[derive(Clone, Copy)]
pub struct Policy<'a> {
    /// The hash.
    pub hash: Hash<'a>,
    /// The treatment of modules by other keys.
    pub foreign: Foreign,
    /// The kernel that is being installed, if one is.
    pub new_kernel: Option<NewKernel<'a>>,
}

/// Signs the modules among `paths`, and below those that are directories. A directory among `required` that holds no
/// module is an error: the user meant another one.
pub fn sign(
    run: &mut Run<'_>,
    paths: &[PathBuf],
    required: &[PathBuf],
    identity: &Identity,
    policy: Policy<'_>,
) -> Result<()> {
    let found = run.discover(paths, interest)?;
    for path in required {
        if path.is_dir() && !found.targets.keys().any(|module| module.starts_with(path)) {
            run.add_outcome(Outcome::failed(path.clone(), no_modules(path)));
        }
    }
    let notary = run.notary();
    let kernels = Kernels::new(run.context(), policy.new_kernel);
    let mut found = found.distinct();
    for hash in [ModuleHash::Sha3_512, ModuleHash::Sha512].map(HashAlgorithm::from) {
        let is_over = |target: &Target| policy.hash.for_kernel(kernels.release(target).as_deref()) == hash;
        let targets;
        (targets, found.targets) = found.targets.into_iter().partition(|(_, target)| is_over(target));
        if targets.is_empty() {
            continue;
        }
        let signing = Signing {
            kind: Kind::Modules,
            key: identity.certificate.fingerprint().to_hex().into(),
            signer: Some(identity.signer.as_ref()),
            hash,
            companion: None,
            recheck: false,
        };
        let way = Way {
            identity,
            hash,
            foreign: policy.foreign,
            kernels: &kernels,
        };
        let over_hash = Found {
            targets,
            ..Found::default()
        };
        run.process(&signing, over_hash, |targets, transaction| {
            sign_batch(targets, transaction, &notary, way)
        })?;
    }
    let (outcomes, warnings) = kernels.finish(&identity.certificate, policy.hash);
    for outcome in outcomes {
        run.add_outcome(outcome);
    }
    for warning in warnings {
        run.warn(warning);
    }
    Ok(())
}

fn no_modules(directory: &Path) -> Error {
    let directory = directory.shown();
    Error::could_not_run(format!(
        "there is no kernel module below {directory} to be signed: their names end in .ko, .ko.gz, .ko.xz or .ko.zst"
    ))
    .hint("ls /lib/modules shows the kernels that have modules")
}

/// True if a file is a module, by its name.
#[must_use]
pub fn is_module(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

fn interest(path: &Path) -> Interest {
    if is_module(path) {
        Interest::Take
    } else {
        Interest::Pass
    }
}

/// Bytes of unpacked modules that a batch holds side by side. A larger one is not held at all.
const SIDE_BY_SIDE: u64 = 32 << 20;

/// Held by who has a module of more than [`SIDE_BY_SIDE`] in work.
static ALONE: Mutex<()> = Mutex::new(());

/// How a module is packed.
struct Packing {
    compression: Compression,
    /// The file as it is; nothing where it is not packed, since then it is the module.
    file: Vec<u8>,
}

/// A module in memory.
struct Loaded<'a> {
    target: &'a Target,
    opened: Opened,
    packing: Packing,
    /// The unpacked file.
    module: Vec<u8>,
    /// SHA-256 of the file, where the ledger adopts it.
    sha256: Option<Digest>,
    state: State,
}

impl Loaded<'_> {
    /// The bytes to be signed; none if the module needs no signature.
    fn content(&self) -> Option<&[u8]> {
        match self.state {
            State::Unsigned(length) => self.module.get(..usize::try_from(length).ok()?),
            State::Signed(_) | State::Kept | State::BadlyPacked(..) => None,
        }
    }
}

/// Signs a batch of modules, as many at a time as there is memory for. What a packed module has is not told before it is unpacked.
fn sign_batch(
    targets: &[Target],
    transaction: &Transaction<'_>,
    notary: &Notary<'_>,
    way: Way<'_>,
) -> Vec<Result<Done>> {
    let mut done = Vec::with_capacity(targets.len());
    let mut rest = targets.iter();
    let mut together = Vec::new();
    let mut held = 0_u64;
    while let Some(target) = rest.next() {
        match load(target, transaction, notary, way) {
            Ok(None) => {
                done.extend(sign_together(std::mem::take(&mut together), transaction, way));
                held = 0;
                // One of this size at a time in all of the process.
                let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
                done.push(large_module::sign(target, transaction, notary, way));
            }
            Ok(Some(loaded)) => {
                held = held.saturating_add((loaded.module.len() + loaded.packing.file.len()) as u64);
                together.push(Ok(loaded));
            }
            Err(error) => together.push(Err(error)),
        }
        if held > SIDE_BY_SIDE || rest.len() == 0 {
            done.extend(sign_together(std::mem::take(&mut together), transaction, way));
            held = 0;
        }
    }
    done
}

/// Signs modules that are hashed side by side: several times as fast as one after the other.
fn sign_together(loaded: Vec<Result<Loaded<'_>>>, transaction: &Transaction<'_>, way: Way<'_>) -> Vec<Result<Done>> {
    let contents: Vec<&[u8]> = loaded.iter().flatten().filter_map(Loaded::content).collect();
    let mut digests = way.hash.digest_each(&contents).into_iter();
    let mut finish = |loaded: Loaded<'_>| match loaded.state {
        State::Signed(digest) => {
            let adopted = loaded.sha256.map(|sha256| (Origin::Adopted, sha256));
            Ok(Done::unchanged(digest, adopted))
        }
        State::Kept => Ok(Done::left(Change::Kept, None)),
        State::BadlyPacked(digest, refusal) => {
            let packed = loaded.packing.compression.pack(loaded.module);
            let packed = packed.or_could_not_run(|| cannot_compress(loaded.target))?;
            let sha256 = stage(&loaded.opened, loaded.target, &[&packed], transaction)?;
            let warning = format!("was signed already, but is compressed anew for the kernel: {refusal}");
            Ok(Done {
                warnings: vec![warning],
                ..Done::signed(digest, Origin::Root, sha256)
            })
        }
        State::Unsigned(length) => {
            let digest = digests.next().ok_or_else(|| Error::bug("a module was not hashed"))?;
            sign_content(&loaded, length, digest, transaction, way.identity)
        }
    };
    loaded.into_iter().map(|loaded| finish(loaded?)).collect()
}

fn load<'a>(
    target: &'a Target,
    transaction: &Transaction<'_>,
    notary: &Notary<'_>,
    way: Way<'_>,
) -> Result<Option<Loaded<'a>>> {
    let path = &target.path;
    let opened = transaction.open_to_replace(&target.file)?;
    if opened.size() > SIDE_BY_SIDE {
        return Ok(None);
    }
    let file = opened.read()?;
    let compression = Compression::from_magic(&file);
    let unpacked = compression
        .unpack_at_most(&file, SIDE_BY_SIDE)
        .or_refuse(|| format!("cannot unpack {}", path.shown()))?;
    let Some(unpacked) = unpacked else { return Ok(None) };
    check_elf(path, &unpacked)?;
    let release = way.kernels.release(target);
    let stripped = || Module::stripped(&unpacked).map(|content| content.len() as u64);
    let state = match judge(path, Subject::Held(&unpacked), stripped, release.as_deref(), way)? {
        State::Signed(digest) => match compression.kernel_unpacks(&file) {
            Ok(()) => State::Signed(digest),
            Err(refusal) => State::BadlyPacked(digest, refusal),
        },
        other => other,
    };
    let is_adopted = matches!(state, State::Signed(_)) && notary.adopts(Kind::Modules)?;
    let sha256 = is_adopted.then(|| sha256(&[&file]));
    let (module, file) = match unpacked {
        Cow::Borrowed(_) => (file, Vec::new()),
        Cow::Owned(module) => (module, file),
    };
    Ok(Some(Loaded {
        target,
        opened,
        packing: Packing { compression, file },
        module,
        sha256,
        state,
    }))
}

fn sign_content(
    loaded: &Loaded<'_>,
    length: u64,
    digest: Digest,
    transaction: &Transaction<'_>,
    identity: &Identity,
) -> Result<Done> {
    let target = loaded.target;
    let cms = identity.sign_cms(Shape::Module, digest.clone())?;
    let trailer = module_signature::trailer(&[], &cms).or_refuse(|| format!("cannot sign {}", target.path.shown()))?;
    let content = usize::try_from(length)
        .ok()
        .and_then(|length| loaded.module.get(..length));
    let content = content.ok_or_else(|| Error::bug("a module that is longer than its file"))?;
    let end = [&*cms, &*trailer].concat();
    if loaded.packing.compression == Compression::None {
        let sha256 = stage(&loaded.opened, target, &[content, &end], transaction)?;
        return Ok(Done::signed(digest, Origin::Root, sha256));
    }
    let append = |packed, whole: u64| {
        let kept = Kept {
            length: whole,
            keep: length,
            content: &mut &*content,
        };
        loaded.packing.compression.append(packed, kept, &end)
    };
    let mut repacked = None;
    let packed;
    let pieces = match append(&loaded.packing.file, loaded.module.len() as u64) {
        Ok(pieces) => pieces,
        Err(why) => {
            repacked = Some(why.to_string().into_boxed_str());
            // The signature is a block of its own from now on.
            packed = loaded
                .packing
                .compression
                .pack(content.to_vec())
                .or_could_not_run(|| cannot_compress(target))?;
            append(&packed, length).or_could_not_run(|| cannot_compress(target))?
        }
    };
    let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &**piece).collect();
    let sha256 = stage(&loaded.opened, target, &pieces, transaction)?;
    Ok(Done {
        repacked,
        ..Done::signed(digest, Origin::Root, sha256)
    })
}

fn cannot_compress(target: &Target) -> String {
    format!("cannot compress {}", target.path.shown())
}

/// Stages a file; returns its SHA-256.
fn stage(opened: &Opened, target: &Target, parts: &[&[u8]], transaction: &Transaction<'_>) -> Result<Digest> {
    transaction.stage_opened(&target.path, opened, parts)?;
    Ok(sha256(parts))
}

/// SHA-256 of a file.
fn sha256(parts: &[&[u8]]) -> Digest {
    HashAlgorithm::Sha256.digest(parts)
}
