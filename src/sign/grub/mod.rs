//! Files that GRUB opens: a detached OpenPGP signature beside each.

mod tree;
mod verify;

pub use verify::{Audit, NOT_JUDGED, verify};

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::finding::Level;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::grub::openpgp::{DetachedSignature, GrubKey, UnsignedSignature};
use crate::keys::{KeyName, Signer};
use crate::system::{self, Transaction};
use crate::trust;

use super::discover::{Found, Interest, Target};
use super::run::Kind;
use super::{Change, Done, Outcome, Run};
use tree::Tree;

/// Digest of the file that the manifest keeps.
const HASH: HashAlgorithm = HashAlgorithm::Sha256;
/// Ending of a detached signature. GRUB opens literally `NAME.sig` beside the name that it was given.
const ENDING: &str = "sig";

/// The key that GRUB embeds, with its private half.
pub struct GrubIdentity {
    /// The OpenPGP key.
    pub key: GrubKey,
    /// Its private operations.
    pub signer: Box<dyn Signer>,
}

/// Signs the files among `paths`, every file below those that are directories, and what the configurations of GRUB in
/// these lead to. A symbolic link gets a signature of its own, since GRUB asks for the name that it opens. Signatures by
/// this key whose file is gone are removed.
pub fn sign(run: &mut Run<'_>, paths: &[PathBuf], identity: &GrubIdentity) -> Result<()> {
    let now = run.context().now()?;
    let created = u32::try_from(now)
        .or_could_not_run(|| format!("the clock stands at {now} seconds, past what OpenPGP can hold"))?;
    let (bits, least) = (identity.key.public_key().bits(), KeyName::Grub.least_bits());
    if bits < least {
        run.warn(format!(
            "GRUB's key has {bits} bits, and grub install embeds none below {least}: bootseal keys rotate grub makes a stronger one"
        ));
    }
    let mut found = run.discover(paths, interest)?;
    for signature in std::mem::take(&mut found.noted) {
        let file = signature.with_extension("");
        if fs::symlink_metadata(&file).is_err() {
            if let Some(outcome) = prune(&signature, run.transaction(), identity) {
                run.add(outcome);
            }
        } else if paths.contains(&signature) && !found.targets.contains_key(&file) {
            let error = Error::refused(format!("{} is a signature itself", signature.display()))
                .hint(format!("bootseal sign grub {}", file.display()));
            run.add(Outcome::failed(signature, error));
        }
    }
    let root = run.context().root();
    let is_directory = |path: &&PathBuf| system::resolve(root, path).is_ok_and(|real| real.is_dir());
    for directory in paths.iter().filter(is_directory) {
        follow(run, directory, paths, &mut found, identity)?;
    }
    let kind = Kind {
        name: "grub",
        key: identity.key.fingerprint().to_lowercase(),
        signer: Some(identity.signer.as_ref()),
        hash: HASH,
        companion: Some(signature_path),
        recheck: false,
    };
    run.process(&kind, found, |targets, transaction| {
        let sign = |target| sign_file(target, transaction, identity, created);
        targets.iter().map(sign).collect()
    })
}

/// Takes in what the configurations in a directory lead to, and leaves out what would not stay signed.
fn follow(
    run: &mut Run<'_>,
    directory: &Path,
    paths: &[PathBuf],
    found: &mut Found,
    identity: &GrubIdentity,
) -> Result<()> {
    let tree = Tree::read(run.context(), directory, found)?;
    for trap in tree.traps.iter().filter(|trap| trap.level > Level::Note) {
        run.warn(format!("{}; {}", trap.describe(), trap.remedies.join("; ")));
    }
    for missing in &tree.not_found {
        run.warn(missing.describe());
    }
    let outside: Vec<PathBuf> = tree.outside.iter().cloned().collect();
    found.targets.extend(run.discover(&outside, interest)?.targets);
    for path in tree.environments(directory, found) {
        if paths.contains(&path) || !tree.leaves_environment(run.options().grub_environment) {
            continue;
        }
        found.targets.remove(&path);
        if let Some(outcome) = remove_own(&signature_path(&path), Change::Withdrawn, run.transaction(), identity) {
            run.add(outcome);
        }
        if let Some((script, command)) = tree.writer() {
            run.warn(format!(
                "{} is left unsigned, since GRUB writes to it ({}:{}: {command})",
                path.display(),
                script.display(),
                command.line
            ));
        }
    }
    Ok(())
}

fn is_signature(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == ENDING)
}

fn interest(path: &Path) -> Interest {
    if is_signature(path) {
        Interest::Note
    } else {
        Interest::Take
    }
}

/// Has a signature removed, whose file is gone.
fn prune(signature: &Path, transaction: &Transaction<'_>, identity: &GrubIdentity) -> Option<Outcome> {
    match fs::symlink_metadata(signature.with_extension("")) {
        Ok(_) => None,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            remove_own(signature, Change::Removed, transaction, identity)
        }
        // Not to be seen is not to be gone.
        Err(cause) => {
            let error = Error::could_not_run(format!("cannot tell what {} signs", signature.display()));
            Some(Outcome::failed(signature.to_path_buf(), error.caused_by(cause)))
        }
    }
}

/// Has a signature removed if it is by our key. One by another key is not ours to remove.
fn remove_own(
    signature: &Path,
    change: Change,
    transaction: &Transaction<'_>,
    identity: &GrubIdentity,
) -> Option<Outcome> {
    if fs::symlink_metadata(signature).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return None;
    }
    let path = signature.to_path_buf();
    let removed = system::read(signature).and_then(|bytes| {
        if !is_by(&bytes, std::slice::from_ref(&identity.key)) {
            return Ok(None);
        }
        transaction.remove(signature).map(Some)
    });
    match removed {
        Ok(removed) => removed.map(|()| Outcome::done(path, change)),
        Err(error) => Some(Outcome::failed(path, error)),
    }
}

/// Whether a signature says that one of these keys made it.
fn is_by(signature: &[u8], keys: &[GrubKey]) -> bool {
    let parsed = DetachedSignature::parse(signature);
    parsed.is_ok_and(|parsed| keys.iter().any(|key| key.key_id() == parsed.issuer()))
}

fn sign_file(target: &Target, transaction: &Transaction<'_>, identity: &GrubIdentity, created: u32) -> Result<Done> {
    let path = &target.path;
    let data = transaction.read(&target.file)?;
    let done = |change| Done {
        change,
        digest: Some(HASH.digest(&[&data])),
        warnings: Vec::new(),
    };
    let existing = existing_signature(path)?;
    let own = std::slice::from_ref(&identity.key);
    // In a dry run the data is still that of before.
    let is_signed = trust::grub::judge(&data, existing.as_deref(), own).is_ok();
    if is_signed && !transaction.changes(&target.file)? {
        return Ok(done(Change::Unchanged));
    }
    let cannot = || format!("cannot make a signature for {}", path.display());
    let unsigned = UnsignedSignature::detached(&identity.key, &data, created).or_bug(cannot)?;
    let signature = identity.signer.sign(unsigned.to_be_signed())?;
    let packet = unsigned.finish(&signature).or_bug(cannot)?;
    transaction.stage_after(&target.file, &signature_path(path), &[&packet])?;
    Ok(done(Change::Signed))
}

/// The content of `PATH.sig`, if there is one.
pub fn existing_signature(path: &Path) -> Result<Option<Vec<u8>>> {
    let signature = signature_path(path);
    match fs::symlink_metadata(&signature) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        _ => system::read(&signature).map(Some),
    }
}

/// Where GRUB looks for the signature of `path`.
#[must_use]
pub fn signature_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(ENDING);
    PathBuf::from(name)
}

/// The file that a `.sig` signs, if this is the name of one and the file is there.
#[must_use]
pub fn signed_file(signature: &Path) -> Option<PathBuf> {
    let file = signature.with_extension("");
    (is_signature(signature) && file.is_file()).then_some(file)
}
