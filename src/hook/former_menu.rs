//! The former menu of GRUB, without any private key: kept while its signature holds, and put back where a newer one leads nowhere.
//! Hooks and commands that sign by hand end by it alike.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::disk::{BootTree, Naming, boot_directories, efi_partitions};
use crate::error::{Error, Result};
use crate::finding::{Finding, Outcome};
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::grub::signature_name::signature_path;
use crate::formats::text::Shown;
use crate::grub::KEPT_MENU;
use crate::keys::{KeyDirectory, KeyName};
use crate::start::{self, FormerMenu, NEXT_START_FAILS, Scene};
use crate::system::{self, Context};

use super::key::has;
use super::menu;
use super::put_back;
use super::rotation::{accepted, put, signature_of};

/// Ending of a configuration that is not in use, as grub-mkconfig gives it to one that it does not finish.
const UNFINISHED: &str = ".new";

/// A menu with its signature, to put in the place of the present one.
struct Former<'a> {
    config: &'a Path,
    present: Vec<u8>,
    bytes: Vec<u8>,
    signature: Vec<u8>,
}

/// Refuses, before a command signs by hand, a menu that starts nothing over one that is kept and starts a kernel.
pub fn refuse_idle_menus(context: &Context) -> Result<()> {
    menu::refuse_loss(context, &configs_of_machine(context)?)
}

/// Puts the former menus back in place of those that start nothing, for this reason. Notes for a person.
#[must_use]
pub fn put_back_idle(scene: Scene<'_>, keys: &KeyDirectory, reason: &Error) -> Vec<String> {
    let context = scene.context;
    if !has(keys, KeyName::Grub) || context.dry_run() {
        return Vec::new();
    }
    let put_back = || {
        let mut paths = restore_unsigned(context, &configs_of_machine(context)?, &keys.grub_public_keys()?)?;
        paths.extend(restore_behind(scene, keys, &start::next_start(scene)?)?);
        Ok(paths)
    };
    recorded(context, put_back(), reason)
}

/// Ends a command that signs by hand, once the next start was walked: its menu is kept, or the former one is put back. Notes for
/// a person.
#[must_use]
pub fn conclude(scene: Scene<'_>, keys: &KeyDirectory, walked: &Outcome) -> Vec<String> {
    if !has(keys, KeyName::Grub) || scene.context.dry_run() {
        return Vec::new();
    }
    if let Some(reason) = start::failure(walked) {
        return recorded(scene.context, restore_behind(scene, keys, walked), &reason);
    }
    // One without an entry may be meant, and is none to fall back to; nor is one that could not be looked at.
    let is_doubtful = |finding: &Finding| finding.kind == NEXT_START_FAILS;
    let is_seen = walked.not_run.is_empty() && !walked.evidence.is_empty();
    if !is_seen || walked.findings.iter().any(is_doubtful) {
        return Vec::new();
    }
    let configs = configs_of_machine(scene.context);
    let kept = configs.and_then(|configs| keep(scene.context, &configs, &keys.grub_public_keys()?));
    let forgotten = put_back::forget(scene.context).map_err(|error| error.in_one_line());
    let kept = kept.map_err(|error| not_kept(&error));
    [kept.err(), forgotten.err()].into_iter().flatten().collect()
}

/// The notes about menus that were put back, which is recorded: no hook has a last run that would tell of it.
fn recorded(context: &Context, restored: Result<Vec<PathBuf>>, reason: &Error) -> Vec<String> {
    let paths = restored.as_deref().unwrap_or_default();
    let unrecorded = put_back::record(context, paths, &reason.in_one_line()).err();
    let unrecorded = unrecorded.map(|error| format!("status will not tell of it: {}", error.in_one_line()));
    notes(restored).into_iter().chain(unrecorded).collect()
}

/// Puts the former menu back after a walk that failed, if that leads at least as far. Notes for a person.
pub(super) fn dead_end(scene: Scene<'_>, keys: &KeyDirectory, walked: &Outcome) -> Vec<String> {
    if has(keys, KeyName::Grub) {
        notes(restore_behind(scene, keys, walked))
    } else {
        Vec::new()
    }
}

/// The notes about menus that were put back.
pub(super) fn notes(restored: Result<Vec<PathBuf>>) -> Vec<String> {
    let note = |path: &PathBuf| {
        let shown = path.shown();
        format!(
            "{}, and the new one in {shown}{UNFINISHED}; make it anew with grub-mkconfig -o {shown}",
            back_in_place(path)
        )
    };
    match restored {
        Ok(paths) => paths.iter().map(note).collect(),
        Err(error) => vec![format!("nor could GRUB's former configuration be put back: {error}")],
    }
}

/// The note of a file that was put back.
pub(super) fn back_in_place(path: &Path) -> String {
    format!(
        "the former {} is back in its place, since its signature still holds",
        path.shown()
    )
}

/// The note of menus that could not be kept.
pub(super) fn not_kept(error: &Error) -> String {
    format!("GRUB's configuration could not be kept for GRUB to fall back to: {error}")
}

/// Puts the last signed menus back where the present ones are not signed; returns those that were.
pub(super) fn restore_unsigned(context: &Context, configs: &[PathBuf], keys: &[GrubKey]) -> Result<Vec<PathBuf>> {
    let mut former = Vec::new();
    for config in configs {
        let present = system::read_at(context, config)?;
        if !is_signed(context, config, &present, keys)? {
            former.extend(Former::kept_beside(context, config, present, keys)?);
        }
    }
    restore(context, former)
}

/// Puts the last menu back that leads at least as far as the present one, which is signed: GRUB passes over others by itself. The
/// keys are those of the GRUB that starts next, which another menu must not be lost on.
fn restore_behind(scene: Scene<'_>, own: &KeyDirectory, walked: &Outcome) -> Result<Vec<PathBuf>> {
    let Some(FormerMenu { menu, mut keys }) = start::former_menu(scene, walked)? else {
        return Ok(Vec::new());
    };
    if keys.is_empty() {
        keys = own.grub_public_keys()?;
    }
    let present = system::read_at(scene.context, &menu)?;
    if !is_signed(scene.context, &menu, &present, &keys)? {
        return Ok(Vec::new());
    }
    let former = Former::kept_beside(scene.context, &menu, present, &keys)?;
    restore(scene.context, former.filter(|former| former.bytes != former.present))
}

fn is_signed(context: &Context, config: &Path, present: &[u8], keys: &[GrubKey]) -> Result<bool> {
    let signature = signature_of(context, config)?;
    Ok(signature.is_some_and(|signature| accepted(keys, present, &signature).is_some()))
}

impl<'a> Former<'a> {
    /// The kept menu beside this one, if its signature holds. A link is neither followed nor taken over: the kept file is one that we
    /// made.
    fn kept_beside(context: &Context, config: &'a Path, present: Vec<u8>, keys: &[GrubKey]) -> Result<Option<Self>> {
        let kept = config.with_file_name(KEPT_MENU);
        let (Some(bytes), Some(signature)) = (system::read_named(context, &kept)?, signature_of(context, &kept)?)
        else {
            return Ok(None);
        };
        let signature = accepted(keys, &bytes, &signature);
        Ok(signature.map(|signature| Self {
            config,
            present,
            bytes,
            signature,
        }))
    }
}

/// Puts menus in the places of the present ones, which are kept beside them. An image that knows nothing of [`KEPT_MENU`] starts by
/// them.
fn restore<'a>(context: &Context, former: impl IntoIterator<Item = Former<'a>>) -> Result<Vec<PathBuf>> {
    let mut restored = Vec::new();
    let mut changes = Vec::new();
    for former in former {
        let config = former.config;
        if !former.present.is_empty() {
            let mut unfinished = OsString::from(config);
            unfinished.push(UNFINISHED);
            changes.push((PathBuf::from(unfinished), former.present));
        }
        // A link in the boot directory stays one; it was read through, so it leads to no other place.
        let file = system::follow(context, config);
        let file = file.map_err(|error| error.explain(format!("cannot find {}", config.shown())))?;
        changes.push((file, former.bytes));
        changes.push((signature_path(config), former.signature));
        restored.push(config.to_path_buf());
    }
    put(context, &changes)?;
    Ok(restored)
}

/// Keeps GRUB's menus, as long as their signatures fit, under the name that GRUB falls back to: grub-mkconfig writes over the
/// present one, and until that is signed, no other would start the machine.
pub(super) fn keep(context: &Context, configs: &[PathBuf], keys: &[GrubKey]) -> Result<()> {
    let mut changes = Vec::new();
    for config in configs {
        let Some(signature) = signature_of(context, config)? else {
            continue;
        };
        let present = system::read_at(context, config)?;
        let kept = config.with_file_name(KEPT_MENU);
        let Some(signature) = accepted(keys, &present, &signature) else {
            continue;
        };
        let is_kept = signature_of(context, &kept)?.as_ref() == Some(&signature)
            && system::read_named(context, &kept)?.as_ref() == Some(&present);
        if !is_kept {
            changes.push((signature_path(&kept), signature));
            changes.push((kept, present));
        }
    }
    put(context, &changes)
}

/// The menus in all boot directories.
fn configs_of_machine(context: &Context) -> Result<Vec<PathBuf>> {
    let partitions = efi_partitions(context)?;
    let partitions = partitions.into_iter().map(|partition| partition.directory);
    let directories = boot_directories(context, partitions)?;
    let tree = BootTree::read(context, &directories, &Naming::of_machine(context)?);
    Ok(tree.grub_configurations)
}
