//! Configurations of GRUB, and entries of the Boot Loader Specification, on an EFI system partition that is not mounted.

use std::collections::BTreeSet;
use std::path::Path;

use crate::disk::{Blocks, LOADER_ENTRIES, UnmountedPartition, path_below};
use crate::formats::fat::Fat;
use crate::formats::grub::boot_entries::of_specification;
use crate::formats::grub::opened_files::{Opened, Place, Use, opened_files, variables};
use crate::formats::grub::script::{Room, Script, SyntaxReason, Variables};

use super::installed::{MAX_CONFIGURATION, MAX_SCRIPTS};

/// The file that GRUB reads first, in the directory of its `$prefix`.
const FIRST: &str = "grub.cfg";

/// Most bytes of all of them together, which are held.
const MAX_HELD: usize = 32 << 20;

/// One of them.
pub(super) struct Menu {
    /// The path on the partition.
    pub path: String,
    /// The content.
    pub bytes: Vec<u8>,
    /// The commands that GRUB makes of it.
    pub script: Script,
    /// True for an entry of the specification.
    pub is_entry: bool,
}

/// All of them.
pub(super) struct Menus {
    pub found: Vec<Menu>,
    /// The values that variables may hold in them.
    pub variables: Variables,
    /// Those that could not be read, with the reasons.
    pub unread: Vec<String>,
    /// Directories that may be GRUB's `$prefix`.
    prefixes: BTreeSet<String>,
    /// The words that their scripts may still have.
    room: Room,
}

impl Menus {
    /// Reads them, with all that they lead to on the partition.
    pub(super) fn read(partition: &UnmountedPartition, fat: &Fat<Blocks>) -> Self {
        let mut menus = Self {
            found: Vec::new(),
            variables: Variables::default(),
            unread: Vec::new(),
            prefixes: BTreeSet::new(),
            room: Room::default(),
        };
        // Whoever lists the directory of entries sees their long names.
        let entries = fat.files_in(LOADER_ENTRIES, true).map(|(path, _)| path);
        let entries = entries.filter(|path| has_ending(path, "conf"));
        let mut waiting: BTreeSet<(String, bool)> = entries.map(|path| (path, true)).collect();
        for (path, file) in fat.files() {
            let is_first = [&file.name, &file.short_name]
                .iter()
                .any(|name| name.eq_ignore_ascii_case(FIRST));
            if let Some((directory, _)) = path.rsplit_once('/').filter(|_| is_first) {
                menus.prefixes.insert(directory.to_owned());
            }
            let is_menu = has_ending(&path, "cfg") || has_ending(&file.short_name, "cfg");
            if is_menu && !waiting.contains(&(path.clone(), true)) {
                waiting.insert((path, false));
            }
        }
        let mut seen = waiting.clone();
        while !waiting.is_empty() {
            for (path, is_entry) in std::mem::take(&mut waiting) {
                menus.add(partition, fat, path, is_entry);
            }
            menus.variables = variables(menus.found.iter().map(|menu| &menu.script));
            let opened = menus.found.iter().flat_map(|menu| {
                let opened = opened_files(&menu.script, &menus.variables);
                opened.into_iter().map(|opened| menus.leads(fat, &menu.path, &opened))
            });
            let more: BTreeSet<(String, bool)> = opened.flatten().collect();
            waiting.extend(more.into_iter().filter(|lead| !seen.contains(lead)));
            seen.extend(waiting.iter().cloned());
        }
        menus
    }

    fn add(&mut self, partition: &UnmountedPartition, fat: &Fat<Blocks>, path: String, is_entry: bool) {
        let shown = partition.shown(&path);
        let held = self
            .found
            .iter()
            .fold(0_usize, |sum, menu| sum.saturating_add(menu.bytes.len()));
        if self.found.len() >= MAX_SCRIPTS || held > MAX_HELD {
            let why = format!("{shown}: too many configurations, or too large ones, are before it");
            return self.unread.push(why);
        }
        let Some((_, file)) = fat.find_file(&path) else { return };
        let bytes = match fat.read(file, MAX_CONFIGURATION) {
            Ok(bytes) if bytes.len() as u64 == MAX_CONFIGURATION => {
                let why = format!("{shown}: files of {MAX_CONFIGURATION} bytes or more are not read");
                return self.unread.push(why);
            }
            Ok(bytes) => bytes,
            Err(error) => return self.unread.push(format!("{shown}: {error}")),
        };
        let script = if is_entry {
            let name = Path::new(&path).file_stem().unwrap_or_default().to_string_lossy();
            Script::parse_in(
                &of_specification(&String::from_utf8_lossy(&bytes), &name),
                &mut self.room,
            )
        } else {
            Script::parse_bytes_in(&bytes, &mut self.room)
        };
        let cut = script.error.as_ref().map(|error| &error.reason);
        if let Some(reason @ SyntaxReason::Together(_)) = cut {
            self.unread.push(format!("{shown}: {reason}"));
        }
        self.found.push(Menu {
            path,
            bytes,
            script,
            is_entry,
        });
    }

    /// The configurations and entries that a command leads to.
    fn leads(&self, fat: &Fat<Blocks>, script: &str, opened: &Opened) -> Vec<(String, bool)> {
        match opened.usage {
            Use::Configuration => {
                let named = self.named(script, &opened.place).into_iter();
                named
                    .filter_map(|path| fat.find_file(&path))
                    .map(|(path, _)| (path, false))
                    .collect()
            }
            Use::Entries => self
                .listed(fat, script, opened, "conf")
                .into_iter()
                .map(|path| (path, true))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The files with this ending in the directories that a command searches, or the file that it names.
    pub(super) fn listed(&self, fat: &Fat<Blocks>, script: &str, opened: &Opened, ending: &str) -> Vec<String> {
        let named = self.named(script, &opened.place);
        let searched = named.iter().flat_map(|named| fat.files_in(named, false));
        let alone = named.iter().filter_map(|named| fat.find_file(named));
        let found = searched.chain(alone).map(|(path, _)| path);
        let found: BTreeSet<String> = found.filter(|path| has_ending(path, ending)).collect();
        found.into_iter().collect()
    }

    /// The paths that a place may be.
    fn named(&self, script: &str, place: &Place) -> Vec<String> {
        match place {
            Place::File { path, .. } => vec![below("/", path)],
            Place::Prefix(path) => {
                let own = Path::new(script).parent().unwrap_or(Path::new("/"));
                let prefixes = self.prefixes.iter().map(|prefix| below(&format!("{prefix}/"), path));
                prefixes.chain([below(&own.to_string_lossy(), path)]).collect()
            }
            Place::Module(_) | Place::Blocks(_) | Place::Unknown(_) => Vec::new(),
        }
    }
}

fn below(directory: &str, path: &str) -> String {
    path_below(Path::new(directory), path).to_string_lossy().into_owned()
}

fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|own| own.eq_ignore_ascii_case(ending))
}
