//! After a slot: what a failure leaves starts the machine as before.

use std::path::Path;

use crate::keys::{KeyDirectory, KeyName};
use crate::trust::Anchors;

use super::files::Files;
use super::run::has;
use super::{Slot, rotation};

/// What was put back.
#[derive(Debug, Default)]
pub(super) struct Restored {
    /// What a person should know of it.
    pub notes: Vec<String>,
    /// Whether the former kernel is where the new one was.
    pub kernel: bool,
}

/// After a failure: puts back what still boots.
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
                restored.notes.extend(paths.iter().map(|path| back(path)));
            }
            Err(error) => restored
                .notes
                .push(format!("nor could the former kernel be put back: {error}")),
        }
    }
    let writes_config = [Slot::Grub, Slot::Portage, Slot::All].contains(&request.slot);
    if writes_config && has(keys, KeyName::Grub) {
        let configs = keys
            .grub_public_keys()
            .and_then(|keys| rotation::restore_configs(files, &keys));
        match configs {
            Ok(paths) => restored.notes.extend(paths.iter().map(|path| {
                let shown = path.display();
                format!(
                    "{}, and the new one in {shown}.new; make it anew with grub-mkconfig -o {shown}",
                    back(path)
                )
            })),
            Err(error) => restored
                .notes
                .push(format!("nor could GRUB's former configuration be put back: {error}")),
        }
    }
    restored
}

fn back(path: &Path) -> String {
    format!(
        "the former {} is back in its place, since its signature still holds",
        path.display()
    )
}

/// After success: keeps what GRUB falls back to, or says that it could not.
pub(super) fn keep(files: &Files<'_>, keys: &KeyDirectory) -> Option<String> {
    let kept = keys
        .grub_public_keys()
        .and_then(|keys| rotation::keep_configs(files, &keys));
    let told = |error| format!("GRUB's configuration could not be kept for GRUB to fall back to: {error}");
    kept.err().map(told)
}
