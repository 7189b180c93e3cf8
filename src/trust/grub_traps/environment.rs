//! GRUB's block of variables, `grubenv`, and the commands that write to it: its signature does not hold after that.

use std::collections::BTreeSet;
use std::path::Path;

use crate::formats::grub::opened_files::command_names;
use crate::formats::grub::script::{Command, Script, Variables, Word};

/// The variables that every configuration of `grub-mkconfig` has GRUB write, but only after `grub-reboot` has written to the
/// file from the running system.
const ONCE: [&str; 3] = ["next_entry", "saved_entry", "prev_saved_entry"];

/// True if a file is GRUB's block of variables, by its name.
#[must_use]
pub fn is_environment(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "grubenv")
}

/// The first command of some scripts that writes variables at an ordinary boot, and which script it is in. One in a
/// function that nothing calls does not, nor does what undoes `grub-reboot`.
#[must_use]
pub fn writer<'s>(scripts: &[&'s Script], variables: &Variables) -> Option<(usize, &'s Command)> {
    let all = || {
        let scripts = scripts.iter().enumerate();
        scripts.flat_map(|(index, script)| script.commands.iter().map(move |command| (index, command)))
    };
    let mut called: BTreeSet<String> = BTreeSet::new();
    let runs = |command: &Command, called: &BTreeSet<String>| {
        command
            .function
            .as_ref()
            .is_none_or(|function| called.contains(function))
    };
    loop {
        let before = called.len();
        let names: BTreeSet<String> = all()
            .filter(|(_, command)| runs(command, &called))
            .flat_map(|(_, command)| command_names(command, variables).0)
            .collect();
        called.extend(names);
        if called.len() == before {
            break;
        }
    }
    all().find(|(_, command)| {
        let (names, arguments) = command_names(command, variables);
        let is_once = |word: &Word| word.literal().is_some_and(|text| ONCE.contains(&text.as_str()));
        let is_outside = command.parent.is_none() && command.function.is_none();
        names.iter().any(|name| name == "save_env")
            && runs(command, &called)
            && !(is_outside && variables_of(arguments).into_iter().all(is_once))
    })
}

/// The arguments that name variables: GRUB 2.14 also has a file named (`-f "${env_block}" next_entry`).
fn variables_of(arguments: &[Word]) -> Vec<&Word> {
    let mut variables = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        match word.literal().as_deref() {
            Some("-f" | "--file") => {
                rest.next();
            }
            Some(text) if text.starts_with("--file=") => {}
            _ => variables.push(word),
        }
    }
    variables
}
