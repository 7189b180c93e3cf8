//! Files that GRUB makes entries of, by their forms, and the modules that a module needs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Result;
use crate::finding::Finding;
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::boot_entries;
use crate::formats::grub::opened_files::{Opened, Use};
use crate::formats::grub::script::{MAX_BYTES, Room, Script, quote};
use crate::formats::text::Shown;
use crate::system;

use super::problem::{NO_ENTRY, NOT_FOUND};

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
    pub path: Arc<Path>,
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

    /// The problems of images whose entries cannot start them: GRUB takes their names into a script as they are.
    pub(super) fn cut_names(self, script: &Path, file: &Opened, listed: &[PathBuf]) -> Vec<Finding> {
        let images = listed.iter().filter(|path| self == Self::Image && !is_one_word(path));
        let problem = |path: &PathBuf| {
            let text = format!(
                "{}: {} makes a command of this name, and a blank, or what has a meaning in scripts, ends it there",
                path.shown(),
                file.command
            );
            Finding::new(NOT_FOUND, script.shown(), text)
                .remedy("give the image a name of letters, digits, \"-\", \"_\" and \".\" alone")
                .in_line(file.line, None)
        };
        images.map(problem).collect()
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

/// True if the name of an image is one word in the script that GRUB makes of it.
pub(super) fn is_one_word(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    quote(&name) == name
}

impl Reference {
    pub(super) const fn new(path: Arc<Path>, form: Form) -> Self {
        Self { path, form }
    }

    /// The bytes of the file, of a script as many as are looked at.
    pub(super) fn read(&self) -> Result<Vec<u8>> {
        let most = (self.form == Form::Script).then_some(MAX_BYTES as u64 + 1);
        system::read_prefix(&self.path, most)
    }

    /// The problem of an image of which GRUB makes no entry: it may not get to those behind it in the directory.
    pub(super) fn stops(&self, script: &Script) -> Option<Finding> {
        let is_nothing = self.form == Form::Image && script.commands.is_empty() && script.error.is_none();
        let text = "GRUB makes no entry of it: it lacks a kernel (.linux) or a system's name (.osrel), or these are too long. GRUB may \
                    not get to the images behind it in this directory";
        let problem = || Finding::new(NO_ENTRY, self.path.to_string_lossy(), text);
        is_nothing.then(|| problem().remedy("move it to another directory"))
    }

    /// The commands that GRUB makes of the file, as far as there is room for them.
    pub(super) fn script(&self, bytes: &[u8], room: &mut Room) -> Script {
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        match self.form {
            Form::Script => Script::parse_bytes_in(bytes, room),
            Form::Entry => {
                let text = boot_entries::of_specification(&String::from_utf8_lossy(bytes), &name);
                Script::parse_in(&text, room)
            }
            Form::Image => {
                let name = self.path.file_name().unwrap_or_default().to_string_lossy();
                let entry = |image: Image<'_>| boot_entries::of_unified_image(image.sections(), &name);
                Script::parse_in(&Image::parse(bytes).map(entry).unwrap_or_default(), room)
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
