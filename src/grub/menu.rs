//! What a menu asks of the image that runs it.
//!
//! Modules on the disk are of the version that put them there, and a new image beside an old one would load the other's. So
//! what the menu uses is put into the image itself, and no module is read from the disk.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::formats::grub::opened_files::{command_names, variables};
use crate::formats::grub::script::{Command, Script, Word};
use crate::system;

use super::toolchain::Toolchain;

/// Longest list of commands or terminals that is read, in bytes.
const MAX_LIST: u64 = 1 << 20;

/// A menu, read.
#[derive(Debug)]
pub struct Menu(Script);

impl Menu {
    /// Reads `grub.cfg`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        Self(Script::parse_bytes(bytes))
    }

    /// The modules that it loads, or whose commands and terminals it uses, as far as this GRUB has them.
    pub(super) fn modules(&self, toolchain: &Toolchain) -> Result<BTreeSet<String>> {
        let commands = list(toolchain, "command.lst")?;
        let terminals = list(toolchain, "terminal.lst")?;
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

    /// The titles of entries that want a password before they start, where there are superusers.
    #[must_use]
    pub fn locked(&self) -> Vec<String> {
        let is_locked = |command: &&Command| {
            let mut words = command.words.iter().filter_map(Word::literal);
            let is_entry = words.next().is_some_and(|name| name == "menuentry");
            is_entry && !words.any(|word| word == "--unrestricted")
        };
        let title = |command: &Command| command.words.get(1).and_then(Word::literal).unwrap_or_default();
        self.0.commands.iter().filter(is_locked).map(title).collect()
    }
}

/// `NAME: MODULE` a line. A `*` marks commands with options; `i` and `o` mark terminals for input and output.
fn list(toolchain: &Toolchain, file: &str) -> Result<BTreeMap<String, String>> {
    let text = system::read_if_there(&toolchain.modules.join(file), MAX_LIST)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let pairs = text.lines().filter_map(|line| line.split_once(": "));
    let name = |name: &str| match file {
        "terminal.lst" => name.get(1..).unwrap_or_default().to_owned(),
        _ => name.trim_start_matches('*').to_owned(),
    };
    Ok(pairs.map(|(own, module)| (name(own), module.to_owned())).collect())
}
