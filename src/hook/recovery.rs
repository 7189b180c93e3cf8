//! Recovery after a slot: the files that a failure leaves start the machine as before.

use std::path::Path;

use crate::formats::text::Shown;
use crate::keys::{KeyDirectory, KeyName};
use crate::trust::Anchors;

use super::files::Files;
use super::key::has;
use super::request::Slot;
use super::rotation;

/// The files that were put back.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// The notes about them for a person.
    pub notes: Vec<String>,
    /// True if the former kernel is in the place of the new one.
    pub kernel: bool,
}

/// Puts the files back that still boot, after a failure. With `is_dead_end` the menu is signed, and leads nowhere.
pub(super) fn restore(files: &Files<'_>, keys: &KeyDirectory, is_dead_end: bool) -> Restored {
    let mut restored = Restored::default();
    let request = files.request;
    if files.context.dry_run() {
        return restored;
    }
    if files.is_replaced() {
        let kernel = Anchors::from_directory(keys).and_then(|anchors| {
            let firmware = has(keys, KeyName::Db).then_some(&anchors);
            rotation::restore_kernel(files, &anchors.grub, firmware)
        });
        match kernel {
            Ok(paths) => {
                restored.kernel = !paths.is_empty();
                restored.notes.extend(paths.iter().map(|path| back_in_place(path)));
            }
            Err(error) => restored
                .notes
                .push(format!("nor could the former kernel be put back: {error}")),
        }
    }
    let writes_config = [Slot::Grub, Slot::Portage, Slot::All].contains(&request.slot);
    if writes_config && !files.merged.is_modules_alone && has(keys, KeyName::Grub) {
        let configs = keys
            .grub_public_keys()
            .and_then(|keys| rotation::restore_configs(files, &keys, is_dead_end));
        match configs {
            Ok(paths) => restored.notes.extend(paths.iter().map(|path| {
                let shown = path.shown();
                format!(
                    "{}, and the new one in {shown}.new; make it anew with grub-mkconfig -o {shown}",
                    back_in_place(path)
                )
            })),
            Err(error) => restored
                .notes
                .push(format!("nor could GRUB's former configuration be put back: {error}")),
        }
    }
    restored
}

/// The note of a file that was put back.
fn back_in_place(path: &Path) -> String {
    format!(
        "the former {} is back in its place, since its signature still holds",
        path.shown()
    )
}

/// Keeps the menu that GRUB falls back to, after a success; the note if that was not possible.
pub(super) fn keep(files: &Files<'_>, keys: &KeyDirectory) -> Option<String> {
    let kept = keys
        .grub_public_keys()
        .and_then(|keys| rotation::keep_configs(files, &keys));
    let told = |error| format!("GRUB's configuration could not be kept for GRUB to fall back to: {error}");
    kept.err().map(told)
}
