//! The files to sign.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::formats::crypto::hash::HashAlgorithm;

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
    /// The hash that the modules of some kernels are signed over, by releases or patterns of them.
    #[serde(default)]
    pub module_hash: BTreeMap<String, ModuleHash>,
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

    /// True if the entries for GRUB are meant for this machine: one of them has to match, or leads to a directory or a configuration.
    /// An optional one for kernels alone matches where there is no GRUB too.
    #[must_use]
    pub fn names_grub(&self, context: &Context) -> bool {
        let is_of_grub = |path: &PathBuf| path.is_dir() || path.extension().is_some_and(|ending| ending == "cfg");
        let is_required = self.grub.iter().any(|entry| !entry.is_optional());
        is_required || expand(context, &self.grub).paths.iter().any(is_of_grub)
    }

    /// The files and directories that the entries for GRUB name.
    #[must_use]
    pub fn grub_files(&self, context: &Context) -> Vec<PathBuf> {
        expand(context, &self.grub).paths
    }

    /// The hash that the modules of a kernel are signed over. A release that is named counts before patterns, of which the
    /// first in the order of their text counts.
    #[must_use]
    pub fn hash_for(&self, release: &str) -> HashAlgorithm {
        let matches = |pattern: &str| glob::Pattern::new(pattern).is_ok_and(|pattern| pattern.matches(release));
        let by_pattern = || self.module_hash.iter().find(|(pattern, _)| matches(pattern));
        let found = self.module_hash.get(release).or_else(|| Some(by_pattern()?.1));
        found.copied().unwrap_or_default().into()
    }
}

/// A hash that the kernel takes for modules and that is worth signing with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum ModuleHash {
    /// SHA3-512, from Linux 6.7 on.
    #[default]
    #[serde(rename = "sha3-512")]
    Sha3_512,
    /// SHA-512.
    #[serde(rename = "sha512")]
    Sha512,
}

impl From<ModuleHash> for HashAlgorithm {
    fn from(hash: ModuleHash) -> Self {
        match hash {
            ModuleHash::Sha3_512 => Self::Sha3_512,
            ModuleHash::Sha512 => Self::Sha512,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_counts_before_patterns() {
        let config: SignConfig =
            toml::from_str("[module_hash]\n\"7.2.*\" = \"sha512\"\n\"7.2.9+deb14\" = \"sha3-512\"\n").unwrap();
        for (release, hash) in [
            ("7.2.1+deb14-amd64", HashAlgorithm::Sha512),
            ("7.2.9+deb14", HashAlgorithm::Sha3_512),
            ("6.12.1-gentoo", HashAlgorithm::Sha3_512),
        ] {
            assert_eq!(config.hash_for(release), hash, "{release}");
        }
        assert!(toml::from_str::<SignConfig>("[module_hash]\n\"7.2\" = \"sha1\"\n").is_err());
    }
}
