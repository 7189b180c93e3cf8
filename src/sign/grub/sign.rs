//! Detached signatures beside the files that GRUB opens, made and removed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Explain, Result, quoted};
use crate::finding::Level;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::grub::openpgp::{GrubKey, UnsignedSignature};
use crate::formats::text::Shown;
use crate::keys::{KeyName, Signer};
use crate::ledger::Kind;
use crate::system::{self, Content, Transaction};
use crate::trust;

use crate::sign::discover::{Found, Target};
use crate::sign::outcome::{Change, Done, Outcome};
use crate::sign::run::Run;
use crate::sign::signature_file::{existing_signature, interest, is_by, signature_path, signed_file};
use crate::sign::signing::Signing;
use crate::sign::takeover::{self, Adopted};
use crate::sign::vouching::Notary;

use super::tree::Tree;
use super::verify::is_unused;

/// The hash of the digests in the manifest.
const HASH: HashAlgorithm = HashAlgorithm::Sha256;

/// Largest file that is in memory on each core, in bytes; others are read as often as they are looked at.
const MAX_HELD: u64 = 8 << 20;

/// The key that GRUB embeds, with its private half.
pub struct GrubIdentity {
    /// The OpenPGP key.
    pub key: GrubKey,
    /// The signer with its private half.
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
        match system::is_there(&file) {
            Ok(false) => {
                let outcome = remove_own(&signature, Change::Removed, run.transaction(), identity);
                if let Some(outcome) = outcome {
                    run.add_outcome(outcome);
                }
            }
            Ok(true) if paths.contains(&signature) && !found.targets.contains_key(file.as_path()) => {
                let error = Error::refused(format!("{} is a signature itself", signature.shown()))
                    .hint(format!("bootseal sign grub {}", quoted(&file)));
                run.add_outcome(Outcome::failed(signature, error));
            }
            Ok(true) => {}
            // A file that cannot be seen may still exist.
            Err(error) => run.add_outcome(Outcome::failed(signature, error)),
        }
    }
    for path in paths {
        // A path that cannot be looked at has its outcome from the search already.
        let real = system::follow_if_there(run.context(), path).ok().flatten();
        if real.is_some_and(|real| real.is_dir()) {
            add_files_of_configurations(run, path, paths, &mut found, identity)?;
        }
    }
    system::give_memory_back();
    let notary = run.notary();
    let paths: Vec<Arc<Path>> = found.targets.keys().cloned().collect();
    let signing = Signing {
        kind: Kind::Grub,
        key: identity.key.fingerprint().to_lowercase().into(),
        signer: Some(identity.signer.as_ref()),
        hash: HASH,
        companion: Some(signature_path),
        recheck: false,
    };
    take_over(run, &signing, &found, identity)?;
    run.process(&signing, found, |targets, transaction| {
        let is_signed_before = || has_own_signature(&paths, transaction, identity);
        let vouching = (&*notary, &is_signed_before as &dyn Fn() -> Result<bool>);
        let sign = |target| sign_file(target, transaction, vouching, identity, created);
        targets.iter().map(sign).collect()
    })
}

/// Adds the files that the configurations in a directory lead to, and leaves out those whose signature would not last.
fn add_files_of_configurations(
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
    for problem in &tree.problems {
        run.warn(format!("{}: {}", problem.place(), problem.text));
    }
    let outside: Vec<PathBuf> = tree.outside.iter().cloned().collect();
    found.targets.extend(run.discover(&outside, interest)?.targets);
    let is_named = |path: &Path| paths.iter().any(|named| named == path);
    let is_left = |path: &&Arc<Path>| is_unused(path) && path.starts_with(directory) && !is_named(path);
    let unused: Vec<Arc<Path>> = found.targets.keys().filter(is_left).cloned().collect();
    for path in unused {
        found.targets.remove(&path);
        if let Some(outcome) = remove_own(&signature_path(&path), Change::Withdrawn, run.transaction(), identity) {
            run.add_outcome(outcome);
        }
    }
    for path in tree.environments(directory, found) {
        if is_named(&path) || !tree.leaves_environment(run.options().grub_environment) {
            continue;
        }
        found.targets.remove(&*path);
        if let Some(outcome) = remove_own(&signature_path(&path), Change::Withdrawn, run.transaction(), identity) {
            run.add_outcome(outcome);
        }
        if let Some(writer) = tree.writer() {
            run.warn(format!("{} is left unsigned, since {writer}", path.shown()));
        }
    }
    Ok(())
}

/// Removes a signature if it is by this key.
fn remove_own(
    signature: &Path,
    change: Change,
    transaction: &Transaction<'_>,
    identity: &GrubIdentity,
) -> Option<Outcome> {
    let path = signature.to_path_buf();
    let own = std::slice::from_ref(&identity.key);
    let removed = transaction.read_named(signature).and_then(|bytes| match bytes {
        Some(bytes) if is_by(&bytes, own) => transaction.remove(signature).map(Some),
        _ => Ok(None),
    });
    match removed {
        Ok(removed) => removed.map(|()| Outcome::done(path, change)),
        Err(error) => Some(Outcome::failed(path, error)),
    }
}

/// True if a signature by this key lies beside one of these files.
fn has_own_signature(paths: &[Arc<Path>], transaction: &Transaction<'_>, identity: &GrubIdentity) -> Result<bool> {
    let own = std::slice::from_ref(&identity.key);
    for path in paths {
        let signature = transaction.read_named(&signature_path(path))?;
        if signature.is_some_and(|signature| is_by(&signature, own)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Has the ledger enter the files on the boot media that bear our signature, where it has none yet.
fn take_over(run: &mut Run<'_>, signing: &Signing<'_>, found: &Found, identity: &GrubIdentity) -> Result<()> {
    let notary = run.notary();
    if found.targets.is_empty() || !notary.adopts(Kind::Grub)? {
        return Ok(());
    }
    let own = std::slice::from_ref(&identity.key);
    let mut adopted = Vec::new();
    for signature in takeover::other_files(run.context(), &notary, found)? {
        let Some(path) = signed_file(&signature) else { continue };
        let is_of_run = found.targets.contains_key(path.as_path());
        let opened = system::open(&path).and_then(|opened| Ok((opened, existing_signature(&path)?)));
        let Ok(((file, metadata), existing)) = opened else {
            continue;
        };
        let content = Content::Opened(&file, metadata.len());
        let judged = trust::grub::judge_read(&mut content.open(), existing.as_deref(), own);
        if !is_of_run
            && judged.is_ok()
            && let Ok(digest) = content.digest(HASH)
        {
            adopted.push(Adopted::new(path, digest.clone(), digest));
        }
    }
    run.adopt(signing, adopted);
    Ok(())
}

fn sign_file(
    target: &Target,
    transaction: &Transaction<'_>,
    (notary, is_signed_before): (&Notary<'_>, &dyn Fn() -> Result<bool>),
    identity: &GrubIdentity,
    created: u32,
) -> Result<Done> {
    let path = &target.path;
    let (file, metadata) = transaction.open(&target.file)?;
    let is_held = metadata.len() <= MAX_HELD;
    let data = if is_held {
        transaction.read(&target.file)?
    } else {
        Vec::new()
    };
    let content = if is_held {
        Content::Held(&data)
    } else {
        Content::Opened(&file, metadata.len())
    };
    let digest = content
        .digest(HASH)
        .or_could_not_run(|| format!("cannot read {}", path.shown()))?;
    // What is there in another form than a file, as a link, is replaced.
    let existing = transaction.read_named(&signature_path(path))?;
    let own = std::slice::from_ref(&identity.key);
    // In a dry run the data is still the old one.
    let is_signed = trust::grub::judge_read(&mut content.open(), existing.as_deref(), own).is_ok();
    if is_signed && !transaction.changes(&target.file)? {
        let origin = notary.origin_of_signed((Kind::Grub, &digest), target, content)?;
        let sha256 = digest.clone();
        return Ok(Done::unchanged(digest, origin.map(|origin| (origin, sha256))));
    }
    let origin = match notary.judge((Kind::Grub, &digest), target, content, is_signed_before)? {
        Ok(origin) => origin,
        Err(unvouched) => return Ok(Done::left(Change::Unvouched, Some(unvouched.into()))),
    };
    let cannot = || format!("cannot make a signature for {}", path.shown());
    let unsigned =
        UnsignedSignature::detached_read(&identity.key, &mut content.open(), created).or_could_not_run(cannot)?;
    let signature = identity.signer.sign(unsigned.to_be_signed())?;
    let packet = unsigned.finish(&signature).or_bug(cannot)?;
    transaction.stage_after(&target.file, &signature_path(path), &[&packet])?;
    let sha256 = digest.clone();
    Ok(Done::signed(digest, origin, sha256))
}
