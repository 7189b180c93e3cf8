//! What keeps the former kernel bootable, with no private key at all: signatures that follow their files to new names,
//! and the configuration of GRUB that its signature still fits.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::openpgp::GrubKey;
use crate::grub::KEPT_MENU;
use crate::sign::grub::{existing_signature, signature_path};
use crate::system::{self, Context, Lock, Transaction};
use crate::trust;

use super::files::Files;

/// Ending of the configuration that GRUB's own hook keeps before it writes another.
const BACKUP: &str = "~";
/// Ending of a configuration that is not in use.
const UNFINISHED: &str = ".new";

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
            moves.push((signature_path(&path), signature));
        }
    }
    put(files.context, &moves)
}

/// Puts GRUB's former configuration back where the present one is not signed and the former is; returns those that were.
/// The present one is kept beside it, under the name that grub-mkconfig gives to what it does not finish.
pub(super) fn restore_configs(files: &Files<'_>, key: &GrubKey) -> Result<Vec<PathBuf>> {
    let mut restored = Vec::new();
    let mut changes = Vec::new();
    for config in files.grub_configs() {
        let Some(signature) = existing_signature(&config)? else {
            continue;
        };
        let present = system::read(&config)?;
        let backup = with_ending(&config, BACKUP);
        if accepts(key, &present, &signature) || !backup.is_file() {
            continue;
        }
        let former = system::read(&backup)?;
        if accepts(key, &former, &signature) {
            if !present.is_empty() {
                changes.push((with_ending(&config, UNFINISHED), present));
            }
            changes.push((config.clone(), former));
            restored.push(config);
        }
    }
    put(files.context, &changes)?;
    Ok(restored)
}

/// Keeps GRUB's configuration, as long as its signature fits, under the name that GRUB falls back to: grub-mkconfig writes
/// over the present one, and until that is signed, no other would start the machine.
pub(super) fn keep_configs(files: &Files<'_>, key: &GrubKey) -> Result<()> {
    let mut changes = Vec::new();
    for config in files.grub_configs() {
        let Some(signature) = existing_signature(&config)? else {
            continue;
        };
        let present = system::read(&config)?;
        let kept = config.with_file_name(KEPT_MENU);
        let is_kept = existing_signature(&kept)?.as_ref() == Some(&signature)
            && kept.is_file()
            && system::read(&kept)? == present;
        if !is_kept && accepts(key, &present, &signature) {
            changes.push((signature_path(&kept), signature));
            changes.push((kept, present));
        }
    }
    put(files.context, &changes)
}

fn accepts(key: &GrubKey, data: &[u8], signature: &[u8]) -> bool {
    trust::grub::judge(data, Some(signature), std::slice::from_ref(key)).is_ok()
}

fn with_ending(config: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(config);
    name.push(ending);
    PathBuf::from(name)
}

fn put(context: &Context, files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
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
