//! The menus of GRUB, by what they start: one that starts nothing leaves the machine at GRUB's prompt, signed or not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::formats::grub::opened_files::{Choice, Opened, Use, command_names};
use crate::formats::grub::script::{Script, Variables};

/// Commands that load a kernel or another loader.
const STARTERS: [&str; 15] = [
    "linux",
    "linux16",
    "linuxefi",
    "chainloader",
    "multiboot",
    "multiboot2",
    "xen_hypervisor",
    "xen_linux",
    "kfreebsd",
    "knetbsd",
    "kopenbsd",
    "plan9",
    "xnu_kernel",
    "xnu_kernel64",
    "ntldr",
];
/// Commands that make entries of files which only GRUB reads.
const MAKERS: [&str; 10] = [
    "blscfg",
    "bls_import",
    "legacy_configfile",
    "legacy_source",
    "syslinux_configfile",
    "syslinux_source",
    "extract_entries_configfile",
    "extract_entries_source",
    "extract_syslinux_entries_configfile",
    "extract_legacy_entries_configfile",
];

/// Configurations, with those that they run.
#[derive(Debug, Default)]
pub(super) struct Menus {
    /// Those that start something, or may do so as far as can be told.
    starting: BTreeSet<PathBuf>,
    leads: BTreeMap<PathBuf, Vec<Lead>>,
    /// The same, each once.
    known: BTreeSet<(PathBuf, Lead)>,
}

/// A configuration that another one runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lead {
    path: PathBuf,
    /// The line from which it is run as the menu is made; none if only an entry that was chosen runs it.
    line: Option<usize>,
    /// The entries that come into the menu, if it is among the files of a directory.
    choice: Choice,
    /// True if it is.
    is_listed: bool,
}

/// A configuration, or a file of an entry, that is run as a menu is made.
#[derive(Debug)]
pub(super) struct Making<'a> {
    /// The line of the menu at which its entries come.
    pub line: usize,
    pub path: &'a Path,
    /// The configuration that runs it, and the line there.
    pub by: (&'a Path, usize),
    /// The entries that come into the menu.
    pub choice: &'a Choice,
    /// True if it is among the files of a directory that the configuration has GRUB read.
    pub is_listed: bool,
}

impl Menus {
    /// Notes the commands of a configuration whose entries cannot be known.
    pub(super) fn look_at(&mut self, path: &Path, script: &Script, variables: &Variables) {
        let mut names = script
            .commands
            .iter()
            .flat_map(|command| command_names(command, variables).0);
        if names.any(|name| MAKERS.contains(&name.as_str())) {
            self.starting.insert(path.to_path_buf());
        }
    }

    /// Notes a file that a configuration has GRUB open: where it is, if that is known and it is there.
    pub(super) fn open(&mut self, path: &Path, file: &Opened, opened: Option<&Path>, is_known: bool) {
        let starts = matches!(file.usage, Use::Boot | Use::Chainload) && STARTERS.contains(&file.command.as_str());
        let leads = file.usage == Use::Configuration;
        match opened {
            Some(opened) if leads => self.add(path, file, opened, false),
            None if is_known => {}
            _ if starts || leads => {
                self.starting.insert(path.to_path_buf());
            }
            _ => {}
        }
    }

    /// Notes files of entries that a command of a configuration makes, in their order in the menu.
    pub(super) fn open_all(&mut self, path: &Path, file: &Opened, entries: &[PathBuf]) {
        for entry in entries {
            self.add(path, file, entry, true);
        }
    }

    fn add(&mut self, path: &Path, file: &Opened, opened: &Path, is_listed: bool) {
        let lead = Lead {
            path: opened.to_path_buf(),
            line: (!file.in_entry).then_some(file.line),
            choice: file.choice.clone(),
            is_listed,
        };
        if self.known.insert((path.to_path_buf(), lead.clone())) {
            self.leads.entry(path.to_path_buf()).or_default().push(lead);
        }
    }

    /// The configurations that one runs as its menu is made, and the files of entries.
    pub(super) fn making<'a>(&'a self, configuration: &'a Path) -> Vec<Making<'a>> {
        let made = |by: &'a Path, top: Option<usize>| {
            let leads = self.leads.get(by).into_iter().flatten();
            leads.filter_map(move |lead| {
                let line = lead.line?;
                Some(Making {
                    line: top.unwrap_or(line),
                    path: &lead.path,
                    by: (by, line),
                    choice: &lead.choice,
                    is_listed: lead.is_listed,
                })
            })
        };
        let (mut found, mut seen) = (Vec::new(), BTreeSet::from([(configuration, &Choice::ALL)]));
        let mut waiting: Vec<Making<'a>> = made(configuration, None).collect();
        waiting.reverse();
        while let Some(making) = waiting.pop() {
            // One that was left out may come by another command.
            if seen.insert((making.path, making.choice)) {
                let below: Vec<Making<'a>> = made(making.path, Some(making.line)).collect();
                waiting.extend(below.into_iter().rev());
                found.push(making);
            }
        }
        found
    }

    /// True if a configuration, or one that it runs, starts something.
    pub(super) fn start_something(&self, configuration: &Path) -> bool {
        let run = self.run_by(configuration);
        run.into_iter().any(|path| self.starting.contains(path))
    }

    /// A configuration and those that it runs, each once.
    pub(super) fn run_by<'a>(&'a self, configuration: &'a Path) -> BTreeSet<&'a Path> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![configuration];
        while let Some(path) = waiting.pop() {
            if seen.insert(path) {
                waiting.extend(
                    self.leads
                        .get(path)
                        .into_iter()
                        .flatten()
                        .map(|lead| lead.path.as_path()),
                );
            }
        }
        seen
    }
}
