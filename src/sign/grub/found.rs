//! Files that GRUB makes entries of, by their forms, and the modules that a module needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::boot_entries;
use crate::formats::grub::opened_files::Use;
use crate::formats::grub::script::{MAX_BYTES, Script};
use crate::system;

/// The form of a file with commands for GRUB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// A script.
    Script,
    /// An entry of the Boot Loader Specification.
    Entry,
    /// A unified kernel image.
    Image,
}

/// A file with commands that another leads to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Reference {
    pub path: PathBuf,
    form: Form,
}

impl Form {
    /// The form of the files that a directory is searched for.
    pub(super) const fn listed(usage: Use) -> Option<Self> {
        match usage {
            Use::Entries => Some(Self::Entry),
            Use::Images => Some(Self::Image),
            _ => None,
        }
    }

    /// True if a file has the name of this form.
    pub(super) fn is_of(self, path: &Path) -> bool {
        let ending = match self {
            Self::Script => return true,
            Self::Entry => "conf",
            Self::Image => "efi",
        };
        path.extension().is_some_and(|own| own == ending)
    }
}

impl Reference {
    pub(super) const fn new(path: PathBuf, form: Form) -> Self {
        Self { path, form }
    }

    /// The bytes of the file, of a script as many as are looked at.
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        let most = (self.form == Form::Script).then_some(MAX_BYTES as u64 + 1);
        system::read_prefix(&self.path, most)
    }

    /// The commands that GRUB makes of the file.
    pub(super) fn script(&self, bytes: &[u8]) -> Script {
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        match self.form {
            Form::Script => Script::parse_bytes(bytes),
            Form::Entry => Script::parse(&boot_entries::of_specification(&String::from_utf8_lossy(bytes), &name)),
            Form::Image => {
                let image = Image::parse(bytes);
                let section = image.as_ref().ok().and_then(|image| image.section(".cmdline"));
                let options = section.map(String::from_utf8_lossy).unwrap_or_default();
                Script::parse(&boot_entries::of_unified_image(&name, options.trim_end_matches('\0')))
            }
        }
    }
}

/// A module and all modules that it needs, by `moddep.lst`.
pub(super) fn needed(list: &str, name: &str) -> BTreeSet<String> {
    let lines: BTreeMap<&str, &str> = list.lines().filter_map(|line| line.split_once(':')).collect();
    let mut needed = BTreeSet::new();
    let mut waiting = vec![name];
    while let Some(module) = waiting.pop() {
        if needed.insert(module.to_owned()) {
            waiting.extend(lines.get(module).into_iter().flat_map(|needs| needs.split_whitespace()));
        }
    }
    needed
}
