//! Configurations of GRUB on EFI system partitions that are not mounted. A GRUB with our key opens those that it has signed,
//! whoever puts its image in their place; it opens no others.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::disk::{Blocks, UnmountedPartition};
use crate::finding::{Level, Outcome};
use crate::formats::fat::{Entry, Fat};
use crate::formats::grub::boot_entries::of_unified_image;
use crate::formats::grub::environment_block::EnvironmentBlock;
use crate::formats::grub::opened_files::{Use, opened_files};
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::grub::script::Script;
use crate::system::Content;
use crate::trust::grub;
use crate::trust::grub_script::Scripts;
use crate::trust::grub_traps::{environment_traps, is_environment, traps};

use super::place::with_place;
use crate::audit::menus::Menus;
use crate::audit::reason::reason;
use crate::audit::unmounted::image;

/// Largest signature, and largest environment block, in bytes.
const MAX_SMALL: u64 = 64 << 10;

/// A partition that is looked at.
struct Looked<'a> {
    partition: &'a UnmountedPartition,
    fat: &'a Fat<Blocks>,
    keys: &'a [GrubKey],
}

/// Judges those of every partition.
pub(super) fn judge(unmounted: Result<&Vec<UnmountedPartition>, &String>, keys: &[GrubKey], outcome: &mut Outcome) {
    let unmounted = unmounted.map_or_else(
        |missing| {
            outcome.not_run.push(missing.clone());
            &[][..]
        },
        Vec::as_slice,
    );
    for partition in unmounted {
        match partition.open() {
            Ok(fat) => Looked { partition, fat, keys }.judge(outcome),
            Err(error) => outcome.not_run.push(reason(&error)),
        }
    }
}

impl Looked<'_> {
    fn judge(&self, outcome: &mut Outcome) {
        let menus = Menus::read(self.partition, self.fat);
        outcome.not_run.extend(menus.unread.iter().cloned());
        let mut opened: Vec<(PathBuf, Script)> = Vec::new();
        let mut images = BTreeSet::new();
        for menu in &menus.found {
            if self.opens(&menu.path, Content::from(&menu.bytes), outcome) {
                opened.push((self.shown(&menu.path), menu.script.clone()));
                let files = opened_files(&menu.script, &menus.variables).into_iter();
                let searched = files.filter(|file| file.usage == Use::Images);
                images.extend(searched.flat_map(|file| menus.listed(self.fat, &menu.path, &file, "efi")));
            }
        }
        opened.extend(images.iter().filter_map(|path| self.entry_of_image(path, outcome)));
        let shared = Scripts::new(opened.iter().map(|(_, script)| script));
        for (number, (path, script)) in opened.iter().enumerate() {
            for trap in traps(path, script, Some(shared.beside(number)), &menus.variables) {
                if trap.level == Level::Note {
                    outcome.evidence.push(trap.describe());
                } else {
                    outcome.findings.push(with_place(&trap));
                }
            }
        }
        let is_named_so = |(_, file): &(String, &Entry)| {
            let names = [&file.name, &file.short_name];
            names.iter().any(|name| is_environment(Path::new(&name.to_lowercase())))
        };
        for (path, _) in self.fat.files().filter(is_named_so) {
            if let Some(bytes) = self.read(&path, MAX_SMALL, outcome)
                && self.opens(&path, Content::from(&bytes), outcome)
            {
                let traps = environment_traps(&self.shown(&path), &EnvironmentBlock::parse(&bytes));
                outcome.findings.extend(traps.iter().map(with_place));
            }
        }
    }

    /// The entry that GRUB makes of a unified image, if it opens that.
    fn entry_of_image(&self, path: &str, outcome: &mut Outcome) -> Option<(PathBuf, Script)> {
        let (path, file) = self.fat.find_file(path)?;
        let opened = image(self.partition.open_file(&path, file), &self.partition.shown(&path));
        let opened = opened.map_err(|error| outcome.not_run.push(reason(&error))).ok()?;
        let name = Path::new(&path).file_name().unwrap_or_default().to_string_lossy();
        let entry = opened.sections().map(|sections| of_unified_image(&sections, &name));
        let is_opened = self.opens(&path, opened.content(), outcome);
        is_opened.then(|| (self.shown(&path), Script::parse(&entry.unwrap_or_default())))
    }

    /// True if a GRUB with our key opens this file. It is told.
    fn opens(&self, path: &str, content: Content<'_>, outcome: &mut Outcome) -> bool {
        let name = format!("{path}.sig");
        let signature = self
            .fat
            .find_file(&name)
            .is_some()
            .then(|| self.read(&name, MAX_SMALL, outcome));
        let signature = signature.flatten();
        let shown = self.partition.shown(path);
        match grub::judge_read(&mut content.open(), signature.as_deref(), self.keys) {
            Ok(_) => {
                outcome
                    .evidence
                    .push(format!("{shown}: signed, on a partition that is not mounted"));
                true
            }
            Err(refusal) => {
                let text = format!("{shown}: a GRUB with our key would not open it ({refusal})");
                outcome.evidence.push(text);
                false
            }
        }
    }

    fn read(&self, path: &str, limit: u64, outcome: &mut Outcome) -> Option<Vec<u8>> {
        let (path, file) = self.fat.find_file(path)?;
        let shown = self.partition.shown(&path);
        match self.fat.read(file, limit) {
            Ok(bytes) if bytes.len() as u64 == limit => {
                let why = format!("{shown}: files of {limit} bytes or more are not read");
                outcome.not_run.push(why);
                None
            }
            Ok(bytes) => Some(bytes),
            Err(error) => {
                outcome.not_run.push(format!("{shown}: {error}"));
                None
            }
        }
    }

    fn shown(&self, path: &str) -> PathBuf {
        PathBuf::from(self.partition.shown(path))
    }
}
