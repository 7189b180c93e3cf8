//! Steps that keep the former kernel bootable, without any private key: signatures that follow their files to new names.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::openpgp::{DetachedSignature, GrubKey};
use crate::formats::grub::signature_name::signature_path;
use crate::system::{self, Context, Lock, Transaction};
use crate::trust::image::Policy;
use crate::trust::{self, Anchors};

use super::files::{self, Files};

/// Gives a file that was moved aside, as `vmlinuz-VER.old`, the signature that its former name had, if it fits. The
/// private key may fail later; the file boots as before.
pub(super) fn carry_signatures(files: &Files<'_>, keys: &[GrubKey]) -> Result<()> {
    let mut moves = Vec::new();
    for files::Former { name, aside: path, .. } in files.former() {
        let Some(signature) = signature_of(files.context, &name)? else {
            continue;
        };
        let data = system::read_at(files.context, &path)?;
        let own = signature_of(files.context, &path)?;
        if own.is_none_or(|own| accepted(keys, &data, &own).is_none())
            && let Some(signature) = accepted(keys, &data, &signature)
        {
            moves.push((signature_path(&path), signature));
        }
    }
    put(files.context, &moves)
}

/// Puts the former kernel back, with its initrd, under the names that boot entries know, where what has taken these would
/// not start and the former would; returns the names. Renames take no room, which may be what was missing.
pub(super) fn restore_kernel(files: &Files<'_>, grub: &[GrubKey], firmware: Option<&Anchors>) -> Result<Vec<PathBuf>> {
    let judge = Judge {
        context: files.context,
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
        if system::info_of_name(&signature_path(aside))?.is_some_and(|info| !info.is_directory()) {
            transaction.remove(&signature_path(aside))?;
        }
    }
    transaction.commit_all()?;
    Ok(moves.into_iter().map(|(_, name)| name).collect())
}

/// The judges that decide which files start: GRUB and the firmware.
struct Judge<'a> {
    context: &'a Context,
    grub: &'a [GrubKey],
    firmware: Option<Policy>,
}

/// The way in which a file starts.
struct Start {
    /// The bytes of its signature, if GRUB asks for one.
    signature: Option<Vec<u8>>,
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
            let signatures = [signature_of(self.context, name)?, signature_of(self.context, aside)?];
            let [present, _] = &signatures;
            is_needed |= name.is_file() && self.starts(name, *is_kernel, present.as_deref())?.is_none();
            let mut fitting = None;
            for signature in signatures.iter().map(Option::as_deref).chain([None]) {
                if fitting.is_none() {
                    fitting = self.starts(aside, *is_kernel, signature)?;
                }
            }
            let Some(Start { signature }) = fitting else {
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

    /// The way in which the file at `path` starts, as a kernel or beside one, with this signature for GRUB; `None` if it
    /// does not.
    fn starts(&self, path: &Path, is_kernel: bool, signature: Option<&[u8]>) -> Result<Option<Start>> {
        let bytes = system::read_at(self.context, path)?;
        let signature = signature.and_then(|signature| accepted(self.grub, &bytes, signature));
        let by_grub = self.grub.is_empty() || signature.is_some();
        let by_firmware = |policy: &Policy| Image::parse(&bytes).is_ok_and(|image| policy.judge(&image).is_ok());
        let starts = by_grub && (!is_kernel || self.firmware.as_ref().is_none_or(by_firmware));
        Ok(starts.then_some(Start { signature }))
    }
}

/// The signature file beside a file: none if that is no regular file, as a link out of the boot directory.
pub(super) fn signature_of(context: &Context, path: &Path) -> Result<Option<Vec<u8>>> {
    system::read_named(context, &signature_path(path))
}

/// The bytes of a signature file that one of these keys vouches for, if GRUB accepts the file with it: the signature alone,
/// without anything that somebody put behind it or into the part that no key signs.
pub(super) fn accepted(keys: &[GrubKey], data: &[u8], signature: &[u8]) -> Option<Vec<u8>> {
    trust::grub::judge(data, Some(signature), keys).ok()?;
    DetachedSignature::parse(signature).ok()?.to_bytes().ok()
}

/// Puts files in their places, all or none.
pub(super) fn put(context: &Context, files: &[(PathBuf, Vec<u8>)]) -> Result<()> {
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
