//! What keeps the former kernel bootable, with no private key at all: signatures that follow their files to new names,
//! and the configuration of GRUB that its signature still fits.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::openpgp::GrubKey;
use crate::sign::grub::{existing_signature, signature_path};
use crate::system::{self, Context, Lock, Transaction};
use crate::trust;

use super::files::Files;

/// Ending of the configuration that GRUB's own hook keeps before it writes another.
const BACKUP: &str = "~";

/// Gives a file that was moved aside, as `vmlinuz-VER.old`, the signature that its former name had, if it fits. The
/// private key may fail later; the file boots as before.
pub(super) fn carry_signatures(files: &Files<'_>, key: &GrubKey) -> Result<()> {
    let mut moves = Vec::new();
    for (former, path) in files.rotated() {
        let Some(signature) = existing_signature(&former)? else {
            continue;
        };
        let fits = |signature: &[u8], data: &[u8]| accepts(key, data, signature);
        let data = system::read(&path)?;
        let own = existing_signature(&path)?;
        if !own.is_some_and(|own| fits(&own, &data)) && fits(&signature, &data) {
            moves.push((path, signature));
        }
    }
    put(
        files.context,
        &moves
            .iter()
            .map(|(path, bytes)| (signature_path(path), bytes.as_slice()))
            .collect::<Vec<_>>(),
    )
}

/// Puts GRUB's former configuration back where the present one is not signed and the former is; returns those that were.
pub(super) fn restore_configs(files: &Files<'_>, key: &GrubKey) -> Result<Vec<PathBuf>> {
    let mut restored = Vec::new();
    for config in files.grub_configs() {
        let Some(signature) = existing_signature(&config)? else {
            continue;
        };
        let backup = backup(&config);
        if accepts(key, &system::read(&config)?, &signature) || !backup.is_file() {
            continue;
        }
        let former = system::read(&backup)?;
        if accepts(key, &former, &signature) {
            restored.push((config, former));
        }
    }
    let changes: Vec<_> = restored
        .iter()
        .map(|(path, bytes)| (path.clone(), bytes.as_slice()))
        .collect();
    put(files.context, &changes)?;
    Ok(restored.into_iter().map(|(path, _)| path).collect())
}

fn accepts(key: &GrubKey, data: &[u8], signature: &[u8]) -> bool {
    trust::grub::judge(data, Some(signature), std::slice::from_ref(key)).is_ok()
}

fn backup(config: &Path) -> PathBuf {
    let mut name = OsString::from(config);
    name.push(BACKUP);
    PathBuf::from(name)
}

fn put(context: &Context, files: &[(PathBuf, &[u8])]) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let _lock = Lock::take(context, || ())?;
    let transaction = Transaction::new(context);
    for (path, bytes) in files {
        transaction.stage(path, &[bytes])?;
    }
    match transaction.commit()?.into_iter().next() {
        Some(failed) => Err(failed.error),
        None => Ok(()),
    }
}
