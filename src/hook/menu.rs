//! Menus of GRUB that no hook signs, since they start nothing.

use std::path::{Path, PathBuf};

use crate::disk::{BootFile, BootTree, make_menu};
use crate::error::{Error, Result};
use crate::formats::grub::opened_files::images_for_firmware;
use crate::formats::text::Shown;
use crate::grub::KEPT_MENU;
use crate::sign::grub;
use crate::system::{self, Context};

use super::request::{Request, Slot};

/// A menu that starts nothing, as grub-mkconfig makes it where it finds no kernel, is not signed and does not replace the
/// one that is kept. A package's own hook has no kernel to start, and the last kernel may go: they only must not lose one.
pub(super) fn refuse_idle(context: &Context, request: &Request, tree: &BootTree, configs: &[PathBuf]) -> Result<()> {
    for config in configs {
        let started = starts_kernel(context, &config.with_file_name(KEPT_MENU))?;
        let is_loss = match request.slot {
            Slot::Portage => started,
            _ if request.removes && tree.kernels().next().is_none() => false,
            // Unified images that firmware starts by itself need no menu, and one that never started any has nothing to lose.
            _ => started || tree.grub_files().any(BootFile::is_kernel),
        };
        if is_loss {
            refuse(context, config)?;
        }
    }
    Ok(())
}

/// Refuses a menu that starts nothing, where the one that is kept beside it starts a kernel.
pub(super) fn refuse_loss(context: &Context, configs: &[PathBuf]) -> Result<()> {
    for config in configs {
        if starts_kernel(context, &config.with_file_name(KEPT_MENU))? {
            refuse(context, config)?;
        }
    }
    Ok(())
}

/// Refuses a menu that starts nothing.
fn refuse(context: &Context, config: &Path) -> Result<()> {
    let Some(idle) = grub::idle_menu(context, config.parent().unwrap_or(config))? else {
        return Ok(());
    };
    let error = Error::refused(format!("{}: {}; it is not signed", config.shown(), idle.text));
    Err(idle.remedies.into_iter().fold(error, Error::hint))
}

/// An empty configuration is what a failed grub-mkconfig leaves: signed, it would start nothing.
pub(super) fn refuse_empty(context: &Context, configs: &[PathBuf]) -> Result<()> {
    let is_empty = |path: &&PathBuf| path.metadata().is_ok_and(|metadata| metadata.len() == 0);
    match configs.iter().find(is_empty) {
        Some(config) => {
            Err(Error::refused(format!("{} is empty and is not signed", config.shown()))
                .hint(make_menu(context, config)))
        }
        None => Ok(()),
    }
}

/// True if a menu has a command that starts a kernel; false if there is no such file.
fn starts_kernel(context: &Context, menu: &Path) -> Result<bool> {
    let text = system::read_named(context, menu)?.unwrap_or_default();
    Ok(!images_for_firmware(&String::from_utf8_lossy(&text)).is_empty())
}
