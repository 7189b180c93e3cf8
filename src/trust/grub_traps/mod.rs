//! Traps: commands and settings that make a GRUB with `check_signatures=enforce` less strict than it looks, or break it. They
//! are looked for in all of its scripts, since any signed script can be put in the place of any other, and in
//! `/etc/default/grub`, which the next `grub-mkconfig` follows.

mod environment;

use std::path::Path;

use crate::finding::{Finding, Kind};
use crate::formats::grub::environment_block::EnvironmentBlock;
use crate::formats::grub::opened_files::{Opened, Place, Use, command_names, is_no_local_disk, opened_files};
use crate::formats::grub::script::{Command, Part, Script, SyntaxReason, Variables, Word};
use crate::formats::text::Shown;

use super::grub_script::{self, Act, Danger, Others, Scene};

pub use environment::{is_environment, writer};

/// A kind of trap: the reason why it is one, and the remedy.
#[derive(Debug, Clone, Copy)]
struct Rule {
    kind: Kind,
    reason: &'static str,
    remedy: &'static str,
}

impl Rule {
    /// The trap in a line of a file, counted from 1, where `text` stands.
    fn at(self, file: &Path, line: usize, text: impl Into<String>) -> Finding {
        Finding::new(self.kind, file.shown(), self.reason)
            .remedy(self.remedy)
            .in_line(line, Some(text.into()))
    }
}

/// A trap that undoes the purpose of signatures, or something that cannot work under them.
const fn error(name: &'static str, reason: &'static str, remedy: &'static str) -> Rule {
    Rule {
        kind: Kind::error(name),
        reason,
        remedy,
    }
}

/// Something in a script that a person should know.
const fn note(name: &'static str, reason: &'static str, remedy: &'static str) -> Rule {
    Rule {
        kind: Kind::note(name),
        reason,
        remedy,
    }
}

const MALFORMED: Rule = error(
    "malformed",
    "GRUB stops reading here, and what follows is neither run nor judged",
    "mend it; grub-script-check judges the same",
);
const TOO_LONG: Rule = error(
    "too_long",
    "GRUB reads on, and what follows here is not judged",
    "take out what no menu needs, or divide it into files that the menu runs by source",
);
const CHECK_SIGNATURES: Rule = error(
    "check_signatures",
    "from here on GRUB may open files without looking at their signatures",
    "take it out: the embedded configuration sets check_signatures=enforce",
);
const SUPERUSERS_UNSET: Rule = error(
    "superusers_unset",
    "without superusers anybody at the keyboard may edit entries and use the command line",
    "take it out: the embedded configuration sets superusers",
);
const SUPERUSERS_CHANGED: Rule = note(
    "superusers_changed",
    "it replaces the superusers of the embedded configuration",
    "set superusers in the embedded configuration alone, where a script that is missing cannot take them away",
);
const PLAIN_PASSWORD: Rule = error(
    "plain_password",
    "whoever reads the file has the password",
    "use password_pbkdf2 with the output of grub-mkpasswd-pbkdf2",
);
const TRUST: Rule = error(
    "trust",
    "it changes the keys that GRUB trusts",
    "embed the keys in the core image, and take it out",
);
const MODULE_REMOVED: Rule = error("module_removed", "it unloads what checks signatures", "take it out");
const SHELL: Rule = error(
    "shell",
    "it ends in a command line that asks nobody for a password",
    "take it out, or end in reboot",
);
/// The reason is that of the danger.
const UNPROVEN: Rule = Rule {
    kind: Kind::warning("unproven"),
    reason: "it cannot be proven that signatures are checked after this",
    remedy: "write names and options out, so that it can be judged before GRUB runs",
};
const LOAD_ENV: Rule = error(
    "load_env_unchecked",
    "whoever can write to the file sets variables, check_signatures and superusers among them",
    "name the variables that it may set, and none of these: load_env --skip-sig saved_entry",
);
const UNSIGNED_VARIABLE: Rule = error(
    "unsigned_variable",
    "a variable of an unsigned file becomes a part of this command, such as the kernel's command line",
    "take it out of load_env --skip-sig, or out of this command",
);
const SEARCH_FILE: Rule = error(
    "search_file",
    "it opens the file on every disk, a stick of somebody else among them, and finds none that has no signature",
    "search for the file system: search --fs-uuid, or --label",
);
const BLOCKS: Rule = error(
    "blocks",
    "a signature can stand beside a file, not beside blocks: GRUB refuses this",
    "name the file that is to be loaded",
);
const MEMORY: Rule = error(
    "memory_written",
    "it changes memory, registers or tables under a GRUB that is meant to be fixed",
    "take it out; under Secure Boot GRUB refuses it",
);
const OS_PROBER: Rule = error(
    "os_prober",
    "os-prober lets whatever lies on another disk into the menu; such files are not signed along",
    "set GRUB_DISABLE_OS_PROBER=true in /etc/default/grub, and start other systems from the firmware's menu",
);
const CHAINLOADER: Rule = note(
    "chainloader",
    "what this image starts is not checked by GRUB; only the firmware's db speaks for it",
    "keep it if the image is your own, such as a unified kernel image",
);
const UNKNOWN: Rule = note(
    "unknown_file",
    "which file this is turns out only as GRUB runs, so it was not looked for",
    "see to it that each file that it may be has its signature: bootseal sign grub FILE",
);
const ELSEWHERE: Rule = note(
    "elsewhere",
    "the file is not on a disk of this machine, so it was not looked for",
    "see to it that its signature lies beside it",
);
const SAVEDEFAULT: Rule = error(
    "savedefault",
    "GRUB writes the choice into grubenv, whose signature does not hold from then on",
    "set GRUB_SAVEDEFAULT=false, and the default by GRUB_DEFAULT=NUMBER or ID",
);
const SAVED_ENTRY: Rule = note(
    "saved_entry",
    "the default is read from grubenv, which needs a new signature after each grub-set-default or grub-reboot",
    "run bootseal sign grub DIRECTORY after them, or set GRUB_DEFAULT=NUMBER or ID",
);
/// For a tree whose grubenv is signed and written.
const SAVEDEFAULT_SIGNED: Rule = error(
    "savedefault_signed_grubenv",
    "this writes into grubenv, whose signature does not hold from then on: the next boot reads none of it",
    "take it out, or have the signature taken away: bootseal sign all, where grubenv is not \"sign\" under [sign]",
);
/// For a grubenv that is signed, and that the running system writes.
const SIGNED_UNDER_UNIT: Rule = error(
    "unit_writes_signed_grubenv",
    "at each start it writes into grubenv, whose signature does not hold from then on: the next boot reads none of it",
    "bootseal sign all",
);
/// For a block of variables that is signed along.
const PROTECTED_IN_ENVIRONMENT: Rule = error(
    "environment_sets_protected",
    "GRUB takes it from this file, and with a signature nothing says that it should not",
    "grub-editenv FILE unset NAME, and find out who set it",
);
/// For a tree that does not hold a module.
const INSMOD: Rule = note(
    "insmod_not_there",
    "neither the module nor one that it needs is in this tree, so it works only if the core image holds it",
    "install the module, or take it out",
);

/// The traps of the script in `file`, in which variables may hold these values, in the order of their lines. Each weighs as
/// an error if it undoes the purpose of signatures or cannot work under them, else as a note. It may call the functions of
/// `others`.
#[must_use]
pub fn traps(file: &Path, script: &Script, others: Option<Others<'_>>, variables: &Variables) -> Vec<Finding> {
    let scene = Scene {
        others,
        ..Scene::default()
    };
    let dangers = grub_script::dangers(script, scene);
    let mut traps: Vec<Finding> = dangers.iter().map(|danger| of_danger(file, danger)).collect();
    let unsigned = unsigned_variables(script, variables);
    for command in &script.commands {
        let rules = rules(command, variables, &unsigned);
        traps.extend(
            rules
                .into_iter()
                .map(|rule| rule.at(file, command.line, command.to_string())),
        );
    }
    for opened in opened_files(script, variables) {
        if let Some(rule) = file_rule(&opened) {
            let text = match &opened.place {
                Place::Blocks(text) | Place::Unknown(text) | Place::File { path: text, .. } => {
                    format!("{} {text}", opened.command)
                }
                Place::Prefix(_) | Place::Module(_) => opened.command,
            };
            traps.push(rule.at(file, opened.line, text));
        }
    }
    if let Some(error) = &script.error {
        let rule = match error.reason {
            SyntaxReason::Length(_) | SyntaxReason::Together(_) | SyntaxReason::Size(_) => TOO_LONG,
            _ => MALFORMED,
        };
        traps.push(rule.at(file, error.line, error.reason.to_string()));
    }
    traps.sort_by_key(|trap| trap.line.as_ref().map(|line| line.number));
    // One command may stand for several files.
    traps.dedup();
    traps
}

fn of_danger(file: &Path, danger: &Danger) -> Finding {
    let rule = match danger.act {
        Act::SignaturesOff => CHECK_SIGNATURES,
        Act::SuperusersOff => SUPERUSERS_UNSET,
        Act::SuperusersChanged => SUPERUSERS_CHANGED,
        Act::Keys => TRUST,
        Act::Unload => MODULE_REMOVED,
        Act::UncheckedEnvironment => LOAD_ENV,
        Act::Memory => MEMORY,
        Act::Shell => SHELL,
        Act::Unproven(reason) => {
            let text = format!("{}, because {reason}", UNPROVEN.reason);
            return Finding::new(UNPROVEN.kind, file.shown(), text)
                .remedy(UNPROVEN.remedy)
                .in_line(danger.line, Some(danger.command.clone()));
        }
    };
    rule.at(file, danger.line, danger.command.clone())
}

fn file_rule(file: &Opened) -> Option<Rule> {
    if file.from_os_prober {
        return None;
    }
    match (&file.place, file.usage) {
        (Place::Blocks(_), _) => Some(BLOCKS),
        (Place::Unknown(_), _) => Some(UNKNOWN),
        (
            Place::File {
                device: Some(device), ..
            },
            _,
        ) if is_no_local_disk(device) => Some(ELSEWHERE),
        (Place::File { .. } | Place::Prefix(_), Use::Chainload) => Some(CHAINLOADER),
        _ => None,
    }
}

fn rules(command: &Command, variables: &Variables, unsigned: &[String]) -> Vec<Rule> {
    if command.assignment().is_some() {
        return Vec::new();
    }
    let (names, arguments) = command_names(command, variables);
    let texts: Vec<String> = arguments
        .iter()
        .map(|word| word.literal().unwrap_or_default())
        .collect();
    let has = |wanted: &[&str]| texts.iter().any(|text| wanted.contains(&text.as_str()));
    let mut rules = Vec::new();
    for name in names {
        let rule = match name.as_str() {
            "password" => Some(PLAIN_PASSWORD),
            "search" if has(&["-f", "--file"]) => Some(SEARCH_FILE),
            "search.file" => Some(SEARCH_FILE),
            "menuentry" if texts.iter().any(|text| text.starts_with("osprober-")) => Some(OS_PROBER),
            _ => None,
        };
        rules.extend(rule);
        let is_harmless = ["echo", "[", "test", "save_env", "load_env", "export", "unset"].contains(&name.as_str());
        let uses = |part: &Part| {
            part.variable()
                .is_some_and(|name| unsigned.iter().any(|unsigned| unsigned == name))
        };
        let is_used = arguments.iter().flat_map(|word: &Word| &word.parts).any(uses);
        // Entries are only shown with it; their bodies are commands of their own.
        if is_used && !is_harmless && !["menuentry", "submenu"].contains(&name.as_str()) {
            rules.push(UNSIGNED_VARIABLE);
        }
    }
    rules
}

/// True for a command that loads variables from a block whose signature nobody asks for.
#[must_use]
pub fn loads_unchecked(command: &Command) -> bool {
    let mut texts = command.words.iter().map(|word| word.literal().unwrap_or_default());
    texts.next().as_deref() == Some("load_env") && unchecked(&texts.collect::<Vec<_>>()).is_some()
}

/// The variables that a `load_env --skip-sig` names; none if the command checks the signature.
fn unchecked(texts: &[String]) -> Option<Vec<&str>> {
    let skips = |text: &String| {
        text == "--skip-sig" || (text.starts_with('-') && !text.starts_with("--") && text.contains('s'))
    };
    if !texts.iter().any(skips) {
        return None;
    }
    let mut names = Vec::new();
    let mut is_value = false;
    for text in texts {
        if !is_value && !text.starts_with('-') {
            names.push(text.as_str());
        }
        is_value = ["-f", "--file"].contains(&text.as_str());
    }
    Some(names)
}

/// The variables that the script lets an unsigned file set.
fn unsigned_variables(script: &Script, variables: &Variables) -> Vec<String> {
    let mut unsigned = Vec::new();
    for command in &script.commands {
        let (names, arguments) = command_names(command, variables);
        if names.iter().any(|name| name == "load_env") {
            let texts: Vec<String> = arguments.iter().filter_map(Word::literal).collect();
            unsigned.extend(unchecked(&texts).into_iter().flatten().map(str::to_owned));
        }
    }
    unsigned
}

/// The trap of a `save_env` of the script in `file`, in a tree whose grubenv is signed.
#[must_use]
pub fn signed_environment(file: &Path, command: &Command) -> Finding {
    SAVEDEFAULT_SIGNED.at(file, command.line, command.to_string())
}

/// The trap of a unit of systemd that writes into a grubenv that is signed. Signing takes the signature away; with
/// `systemctl mask` on the unit it would hold.
#[must_use]
pub fn environment_signed_under_unit(unit: &Path) -> Finding {
    let rule = SIGNED_UNDER_UNIT;
    Finding::new(rule.kind, unit.shown(), rule.reason).remedy(rule.remedy)
}

/// The traps in a block of variables: those that protect have no place in it.
#[must_use]
pub fn environment_traps(file: &Path, block: &EnvironmentBlock) -> Vec<Finding> {
    let protecting = block.names().filter(|name| grub_script::is_protected(name));
    let trap = |name: &str| {
        let rule = PROTECTED_IN_ENVIRONMENT;
        let text = format!("it sets {name}: {}", rule.reason);
        Finding::new(rule.kind, file.shown(), text).remedy(rule.remedy)
    };
    protecting.map(trap).collect()
}

/// The trap of an `insmod` of the script in `file`, in a tree that lacks the module.
#[must_use]
pub fn missing_module(file: &Path, opened: &Opened, module: &str) -> Finding {
    INSMOD.at(file, opened.line, format!("{} {module}", opened.command))
}

/// The traps of `/etc/default/grub`, whose path is `file`.
#[must_use]
pub fn default_traps(file: &Path, text: &str) -> Vec<Finding> {
    let mut traps = Vec::new();
    for (line, setting) in text.lines().zip(1_usize..).map(|(text, line)| (line, text.trim())) {
        let setting = setting.strip_prefix("export ").unwrap_or(setting);
        let Some((name, value)) = setting.split_once('=') else {
            continue;
        };
        let value = value.split(" #").next().unwrap_or_default().trim();
        let rule = match (name, value.trim_matches(['"', '\''])) {
            ("GRUB_SAVEDEFAULT", "true") => SAVEDEFAULT,
            ("GRUB_DEFAULT", "saved") => SAVED_ENTRY,
            ("GRUB_DISABLE_OS_PROBER", "false") => OS_PROBER,
            _ => continue,
        };
        traps.push(rule.at(file, line, setting));
    }
    traps
}

#[cfg(test)]
mod tests;
