//! Steps that keep the former kernel bootable, without any private key: signatures that follow their files to new names,
//! and the configuration of GRUB that its signature still fits.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::grub::signature_name::signature_path;
use crate::grub::KEPT_MENU;
use crate::sign::grub::existing_signature;
use crate::system::{self, Context, Lock, Transaction};
use crate::trust::image::Policy;
use crate::trust::{self, Anchors};

use super::files::{self, Files};

/// Ending of a configuration that is not in use.
const UNFINISHED: &str = ".new";

/// Gives a file that was moved aside, as `vmlinuz-VER.old`, the signature that its former name had, if it fits. The
/// private key may fail later; the file boots as before.
pub(super) fn carry_signatures(files: &Files<'_>, keys: &[GrubKey]) -> Result<()> {
    let mut moves = Vec::new();
    for files::Former { name, aside: path, .. } in files.former() {
        let Some(signature) = existing_signature(&name)? else {
            continue;
        };
        let fits = |signature: &[u8], data: &[u8]| accepts(keys, data, signature);
        let data = system::read(&path)?;
        let own = existing_signature(&path)?;
        if !own.is_some_and(|own| fits(&own, &data)) && fits(&signature, &data) {
            moves.push((signature_path(&path), signature));
        }
    }
    put(files.context, &moves)
}

/// Puts the former kernel back, with its initrd, under the names that boot entries know, where what has taken these would
/// not start and the former would; returns the names. Renames take no room, which may be what was missing.
pub(super) fn restore_kernel(files: &Files<'_>, grub: &[GrubKey], firmware: Option<&Anchors>) -> Result<Vec<PathBuf>> {
    let judge = Judge {
        grub,
        firmware: firmware.map(|anchors| Policy::new(&anchors.db, &anchors.dbx)),
    };
    let mut signatures = Vec::new();
    let mut moves = Vec::new();
    for group in files.former_groups() {
        if let Some(group) = judge.former(&group)? {
            for former in group {
                signatures.extend(
                    former
                        .signature
                        .map(|signature| (signature_path(&former.name), signature)),
                );
                moves.push((former.aside, former.name));
            }
        }
    }
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    put(files.context, &signatures)?;
    let _lock = Lock::take(files.context, || ())?;
    let transaction = Transaction::new(files.context);
    for (aside, name) in &moves {
        system::rename_over(files.context, aside, name)?;
        if existing_signature(aside)?.is_some() {
            transaction.remove(&signature_path(aside))?;
        }
    }
    transaction.commit_all()?;
    Ok(moves.into_iter().map(|(_, name)| name).collect())
}

/// The judges that decide which files start: GRUB and the firmware.
struct Judge<'a> {
    grub: &'a [GrubKey],
    firmware: Option<Policy>,
}

/// A file that was moved aside, and would still start.
struct Former {
    aside: PathBuf,
    name: PathBuf,
    /// GRUB's, if GRUB asks for one.
    signature: Option<Vec<u8>>,
}

impl Judge<'_> {
    /// The files that were moved aside, if a file in their places does not start and all of them do.
    fn former(&self, group: &[files::Former]) -> Result<Option<Vec<Former>>> {
        let mut is_needed = false;
        let mut former = Vec::new();
        for file in group {
            let files::Former { name, aside, is_kernel } = file;
            let signatures = [existing_signature(name)?, existing_signature(aside)?];
            let [present, _] = &signatures;
            is_needed |= name.is_file() && !self.starts(name, *is_kernel, present.as_deref())?;
            let mut fitting = None;
            for signature in signatures.into_iter().chain([None]) {
                if fitting.is_none() && self.starts(aside, *is_kernel, signature.as_deref())? {
                    fitting = Some(signature);
                }
            }
            let Some(signature) = fitting else {
                return Ok(None);
            };
            former.push(Former {
                aside: aside.clone(),
                name: name.clone(),
                signature,
            });
        }
        let has_kernel = group.iter().any(|file| file.is_kernel);
        Ok((is_needed && has_kernel).then_some(former))
    }

    /// True if the file at `path` starts, as a kernel or beside one, with this signature for GRUB.
    fn starts(&self, path: &Path, is_kernel: bool, signature: Option<&[u8]>) -> Result<bool> {
        let bytes = system::read(path)?;
        let by_grub = self.grub.is_empty() || signature.is_some_and(|signature| accepts(self.grub, &bytes, signature));
        let by_firmware = |policy: &Policy| Image::parse(&bytes).is_ok_and(|image| policy.judge(&image).is_ok());
        Ok(by_grub && (!is_kernel || self.firmware.as_ref().is_none_or(by_firmware)))
    }
}

/// Puts the last signed configuration of GRUB back where the present one is not signed; returns those that were. The
/// present one is kept beside it, under the name that grub-mkconfig gives to what it does not finish. An image that knows
/// nothing of [`KEPT_MENU`] starts by it.
pub(super) fn restore_configs(files: &Files<'_>, keys: &[GrubKey]) -> Result<Vec<PathBuf>> {
    let mut restored = Vec::new();
    let mut changes = Vec::new();
    for config in files.grub_configs(&files.tree()) {
        let present = system::read(&config)?;
        let kept = config.with_file_name(KEPT_MENU);
        let is_signed = existing_signature(&config)?.is_some_and(|signature| accepts(keys, &present, &signature));
        let Some(signature) = existing_signature(&kept)?.filter(|_| !is_signed && kept.is_file()) else {
            continue;
        };
        let former = system::read(&kept)?;
        if accepts(keys, &former, &signature) {
            if !present.is_empty() {
                changes.push((with_ending(&config, UNFINISHED), present));
            }
            changes.push((config.clone(), former));
            changes.push((signature_path(&config), signature));
            restored.push(config);
        }
    }
    put(files.context, &changes)?;
    Ok(restored)
}

/// Keeps GRUB's configuration, as long as its signature fits, under the name that GRUB falls back to: grub-mkconfig writes
/// over the present one, and until that is signed, no other would start the machine.
pub(super) fn keep_configs(files: &Files<'_>, keys: &[GrubKey]) -> Result<()> {
    let mut changes = Vec::new();
    for config in files.grub_configs(&files.tree()) {
        let Some(signature) = existing_signature(&config)? else {
            continue;
        };
        let present = system::read(&config)?;
        let kept = config.with_file_name(KEPT_MENU);
        let is_kept = existing_signature(&kept)?.as_ref() == Some(&signature)
            && kept.is_file()
            && system::read(&kept)? == present;
        if !is_kept && accepts(keys, &present, &signature) {
            changes.push((signature_path(&kept), signature));
            changes.push((kept, present));
        }
    }
    put(files.context, &changes)
}

fn accepts(keys: &[GrubKey], data: &[u8], signature: &[u8]) -> bool {
    trust::grub::judge(data, Some(signature), keys).is_ok()
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
    transaction.commit_all()
}
