//! The modules that a menu needs.
//!
//! The modules on the disk are of one version, and an image of another version would load them nevertheless. So the modules
//! that the menu uses are put into the image itself, and none is read from the disk.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::formats::grub::menu::menu;
use crate::formats::grub::opened_files::{command_names, variables};
use crate::formats::grub::script::Script;
use crate::system;

use super::toolchain::Toolchain;

/// Largest list of commands or terminals that is read, in bytes.
const MAX_LIST: u64 = 1 << 20;

/// A parsed menu.
#[derive(Debug)]
pub struct Menu(Script);

impl Menu {
    /// Parses `grub.cfg`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        Self(Script::parse_bytes(bytes))
    }

    /// The modules that it loads, or whose commands and terminals it uses, if this GRUB has them.
    pub(super) fn modules(&self, toolchain: &Toolchain) -> Result<BTreeSet<String>> {
        let commands = read_list(toolchain, "command.lst", &['*'])?;
        let terminals = read_list(toolchain, "terminal.lst", &['i', 'o'])?;
        let variables = variables([&self.0].into_iter());
        let mut modules = BTreeSet::new();
        for command in &self.0.commands {
            let (names, arguments) = command_names(command, &variables);
            let arguments = || arguments.iter().flat_map(|word| variables.expand(word));
            for name in names {
                modules.extend(commands.get(&name).cloned());
                match name.as_str() {
                    "insmod" => modules.extend(arguments()),
                    "terminal_input" | "terminal_output" => {
                        modules.extend(arguments().filter_map(|name| terminals.get(&name).cloned()));
                    }
                    _ => {}
                }
            }
        }
        modules.retain(|name| toolchain.has(name));
        Ok(modules)
    }

    /// The titles of entries that ask for a password before they start, where there are superusers, or that are in a menu which asks.
    #[must_use]
    pub fn locked(&self) -> Vec<String> {
        let variables = variables([&self.0].into_iter());
        let mut waiting = menu(&[(0, &self.0)], &variables);
        waiting.reverse();
        let mut locked = Vec::new();
        while let Some(entry) = waiting.pop() {
            match entry.entries {
                Some(below) => waiting.extend(below.into_iter().rev()),
                None if entry.is_locked => locked.push(entry.title),
                None => {}
            }
        }
        locked
    }
}

/// The modules by names, from a list with `NAME: MODULE` in each line. One character before the name is a mark: `*` for
/// commands with options, `i` and `o` for terminals for input and output.
fn read_list(toolchain: &Toolchain, file: &str, mark: &[char]) -> Result<BTreeMap<String, String>> {
    let text = system::read_prefix(&toolchain.modules.join(file), Some(MAX_LIST))?;
    let text = String::from_utf8_lossy(&text);
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    let unmarked = pairs.map(|(name, module)| (name.strip_prefix(mark).unwrap_or(name), module));
    Ok(unmarked
        .map(|(name, module)| (name.to_owned(), module.to_owned()))
        .collect())
}
