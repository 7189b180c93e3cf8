//! Files that GRUB opens: a detached OpenPGP signature beside each.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::openpgp::{GrubKey, UnsignedSignature};
use crate::keys::Signer;
use crate::system::{self, Context, Transaction};
use crate::trust;

use super::{Change, Done, Outcome, discover, each};

/// Ending of a detached signature. GRUB opens literally `NAME.sig` beside the name that it was given.
const ENDING: &str = "sig";

/// The key that GRUB embeds, with its private half.
pub struct GrubIdentity {
    /// The OpenPGP key.
    pub key: GrubKey,
    /// Its private operations.
    pub signer: Box<dyn Signer>,
}

/// Signs the files among `paths`, and every file below those that are directories. A symbolic link gets a signature of
/// its own, since GRUB asks for the name that it opens.
pub fn sign(context: &Context, paths: &[PathBuf], identity: &GrubIdentity) -> Result<Vec<Outcome>> {
    let now = context.now()?;
    let created = u32::try_from(now)
        .or_could_not_run(|| format!("the clock stands at {now} seconds, past what OpenPGP can hold"))?;
    let found = discover::files(paths, |path| !is_signature(path));
    each(context, found, |path, transaction| {
        sign_file(path, transaction, identity, created)
    })
}

fn is_signature(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == ENDING)
}

fn sign_file(path: &Path, transaction: &Transaction<'_>, identity: &GrubIdentity, created: u32) -> Result<Done> {
    if is_signature(path) {
        return Err(Error::refused(format!("{} is a signature itself", path.display())));
    }
    let data = system::read(path)?;
    let existing = existing_signature(path)?;
    let own = std::slice::from_ref(&identity.key);
    if trust::grub::judge(&data, existing.as_deref(), own).is_ok() {
        return Ok(Change::Unchanged.into());
    }
    let cannot = || format!("cannot make a signature for {}", path.display());
    let unsigned = UnsignedSignature::detached(&identity.key, &data, created).or_bug(cannot)?;
    let signature = identity.signer.sign(unsigned.to_be_signed())?;
    let packet = unsigned.finish(&signature).or_bug(cannot)?;
    transaction.stage(&signature_path(path), &packet)?;
    Ok(Change::Signed.into())
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
