//! The files to sign.

use std::path::PathBuf;

use serde::Deserialize;

use crate::system::context::Context;

use super::entries::{Entry, expand};

/// The files that `sign all` signs, in this order. Modules and GRUB files may be directories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignConfig {
    /// Kernel modules.
    #[serde(default)]
    pub modules: Vec<Entry>,
    /// EFI images: kernels, unified kernel images, boot loaders.
    #[serde(default)]
    pub efi: Vec<Entry>,
    /// Files that GRUB opens.
    #[serde(default)]
    pub grub: Vec<Entry>,
    /// Modules that another key has signed.
    #[serde(default)]
    pub foreign_modules: ForeignModules,
    /// GRUB's block of variables, in a directory of GRUB.
    #[serde(default)]
    pub grubenv: GrubEnvironment,
    /// Files that are left alone among all these: paths or patterns, with all that is below them.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Files and directories on the root file system whose content may be signed wherever it lies, beside that of packages.
    #[serde(default)]
    pub sources: Vec<PathBuf>,
}

impl SignConfig {
    /// The files that all entries name, below the context's root; a pattern that is none names no file.
    #[must_use]
    pub fn files(&self, context: &Context) -> Vec<PathBuf> {
        let kinds = [&self.modules, &self.efi, &self.grub];
        kinds
            .into_iter()
            .flat_map(|entries| expand(context, entries).paths)
            .collect()
    }
}

/// The treatment of modules that another key has signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignModules {
    /// Such modules are signed by our key instead.
    #[default]
    Replace,
    /// Such modules stay as they are.
    Keep,
    /// Each such module is an error.
    Refuse,
}

/// The treatment of `grubenv` when the directory of GRUB that it lies in is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrubEnvironment {
    /// Unless a configuration has GRUB write to it, which no signature outlives.
    #[default]
    Auto,
    /// Always.
    Sign,
    /// Never.
    Leave,
}
