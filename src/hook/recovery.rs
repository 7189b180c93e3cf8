//! Recovery after a slot: the files that a failure leaves start the machine as before.

use crate::keys::{KeyDirectory, KeyName};
use crate::trust::Anchors;

use super::files::Files;
use super::former_menu::{self, back_in_place, not_kept};
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

/// Puts the files back that still boot, after a failure.
pub(super) fn restore(files: &Files<'_>, keys: &KeyDirectory) -> Restored {
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
        let configs = files.grub_configs(&files.tree());
        let put_back = keys
            .grub_public_keys()
            .and_then(|keys| former_menu::restore_unsigned(files.context, &configs, &keys));
        restored.notes.extend(former_menu::notes(put_back));
    }
    restored
}

/// Keeps the menu that GRUB falls back to, after a success; the note if that was not possible.
pub(super) fn keep(files: &Files<'_>, keys: &KeyDirectory) -> Option<String> {
    let configs = files.grub_configs(&files.tree());
    let kept = keys
        .grub_public_keys()
        .and_then(|keys| former_menu::keep(files.context, &configs, &keys));
    kept.err().as_ref().map(not_kept)
}
