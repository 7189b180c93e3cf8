//! Commands that are printed, for the same place: whoever named another root, configuration, key directory or firmware has to name
//! it in the next command as well, or that acts on the machine's own.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};
use serde_json::Value;

use crate::error::quoted;

/// The name of the program, as commands begin.
const PROGRAM: &str = "bootseal ";
/// The options that say which machine, and stand before the command.
const MACHINE: [&str; 2] = ["root", "config"];
/// The options that say which keys and which firmware, and stand behind the command.
const PLACES: [&str; 4] = ["keys", "authority", "store", "esp"];
/// The commands whose `--keys` are those that sign for the firmware, where others mean those of the machine.
const FIRMWARE: &str = "enroll";
/// The fields of JSON that hold commands.
const FIELDS: [&str; 3] = ["remedy", "remedies", "hints"];
/// Words after which a sentence speaks of another machine or directory, and those after which it is back.
const AWAY: [&str; 3] = ["where", "other", "others"];
const BACK: [&str; 2] = ["here", "this"];
/// The signs with which a sentence ends a command.
const SIGNS: [char; 7] = [',', ';', ':', ')', '`', '.', '"'];
/// Words after which the machine has started, so that no other root is needed.
const RESTARTED: [&str; 2] = ["restart", "reboot"];

/// The options by which the command line named another place than the machine's own.
#[derive(Debug)]
pub struct SamePlace {
    /// All commands, with their options.
    tree: Command,
    /// True for a command of [`FIRMWARE`].
    is_firmware: bool,
    machine: Vec<(&'static str, String)>,
    places: Vec<(&'static str, String)>,
}

impl SamePlace {
    /// The place that a command line names; none if it is the machine's own.
    #[must_use]
    pub fn named(tree: Command, matches: &ArgMatches) -> Option<Self> {
        let mut leaf = matches;
        while let Some((_, next)) = leaf.subcommand() {
            leaf = next;
        }
        let (machine, places) = (options(leaf, &MACHINE), options(leaf, &PLACES));
        if machine.is_empty() && places.is_empty() {
            return None;
        }
        let mut tree = tree;
        tree.build();
        let is_firmware = matches.subcommand_name() == Some(FIRMWARE);
        Some(Self {
            tree,
            is_firmware,
            machine,
            places,
        })
    }

    /// A line in which each command of ours names the place, unless it names another, or is for another machine.
    #[must_use]
    pub fn complete<'t>(&self, line: &'t str) -> Cow<'t, str> {
        let mut done = String::new();
        let mut rest = line;
        while let Some(at) = rest.find(PROGRAM) {
            let (before, after) = rest.split_at(at.saturating_add(PROGRAM.len()));
            done.push_str(before);
            let end = after.find(PROGRAM).unwrap_or(after.len());
            let (command, _) = after.split_at(end);
            let taken = self.command(&done, command).map_or(0, |(taken, text)| {
                done.push_str(&text);
                taken
            });
            rest = after.split_at(taken).1;
        }
        if done.is_empty() {
            return Cow::Borrowed(line);
        }
        done.push_str(rest);
        Cow::Owned(done)
    }

    /// The commands in the fields of a JSON value that hold such.
    pub fn complete_json(&self, value: &mut Value) {
        self.complete_value(value, false);
    }

    fn complete_value(&self, value: &mut Value, holds_commands: bool) {
        match value {
            Value::String(text) if holds_commands => {
                if let Cow::Owned(complete) = self.complete(text) {
                    *text = complete;
                }
            }
            Value::Array(values) => {
                for value in values {
                    self.complete_value(value, holds_commands);
                }
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.complete_value(value, FIELDS.contains(&name.as_str()));
                }
            }
            _ => {}
        }
    }

    /// A command, with the options that it lacks, and the number of bytes that it stands for; none if that is no command of ours.
    /// `before` is the line so far, `text` the rest of the command and of its sentence.
    fn command(&self, before: &str, text: &str) -> Option<(usize, String)> {
        if is_in_word(before) || is_away(before) {
            return None;
        }
        let mut level = &self.tree;
        let (mut at, mut end) = (0_usize, 0_usize);
        while level.has_subcommands() {
            let rest = text.split_at_checked(at)?.1;
            let name = rest
                .split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-')
                .next()?;
            level = level.find_subcommand(name)?;
            end = at.saturating_add(name.len());
            at = end.saturating_add(1);
        }
        let (path, rest) = text.split_at_checked(end)?;
        // "sign efi|grub" stands for two.
        if rest.starts_with('|') {
            return None;
        }
        let lacks = |name: &str| !text.contains(&format!("--{name} ")) && !text.contains(&format!("--{name}="));
        let machine = self
            .machine
            .iter()
            .filter(|(name, _)| lacks(name) && !has_restarted(before));
        let has = |name: &str| level.get_arguments().any(|argument| argument.get_long() == Some(name));
        let is_firmware = path.split(' ').next() == Some(FIRMWARE);
        let places = self.places.iter().filter(|(name, _)| {
            let is_same = *name != "keys" || is_firmware || !self.is_firmware;
            has(name) && lacks(name) && is_same
        });
        // At the end of what is a command; a sentence that goes on, and a command that takes all for its own, have them after the
        // name.
        let (words, length) = arguments(rest);
        let takes_all =
            |argument: &clap::Arg| argument.is_trailing_var_arg_set() || argument.is_allow_hyphen_values_set();
        let is_whole = !level.get_positionals().any(takes_all)
            && level.clone().no_binary_name(true).try_get_matches_from(words).is_ok();
        let taken = end.saturating_add(if is_whole { length } else { 0 });
        let mut done = text.split_at_checked(taken)?.0.to_owned();
        for (name, value) in machine.chain(places) {
            done.extend([" --", *name, " ", value.as_str()]);
        }
        Some((taken, done))
    }
}

/// The arguments of a command, as a shell takes them, and their length: they end with the line, or where a sentence has its signs.
fn arguments(text: &str) -> (Vec<String>, usize) {
    let (mut words, mut end) = (Vec::new(), 0_usize);
    let (mut word, mut is_quoted) = (String::new(), false);
    for (at, letter) in text.char_indices() {
        let (_, rest) = text.split_at(at);
        // Within a word they are part of an argument: "PK,KEK", "pkcs11:…".
        let behind = rest.trim_start_matches(SIGNS);
        let is_sign =
            !word.is_empty() && behind.len() < rest.len() && behind.chars().next().is_none_or(char::is_whitespace);
        if !is_quoted && (is_sign || letter == '\n' || rest.starts_with(" && ")) {
            break;
        }
        match letter {
            '\'' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty())),
            _ => word.push(letter),
        }
        end = at.saturating_add(letter.len_utf8());
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    let spaces = text.split_at(end).0;
    (words, spaces.trim_end_matches(' ').len())
}

/// The options of these names that were typed, each as it is typed again.
fn options(matches: &ArgMatches, names: &[&'static str]) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for name in names {
        let is_typed =
            matches.try_contains_id(name).is_ok() && matches.value_source(name) == Some(ValueSource::CommandLine);
        let values = is_typed.then(|| matches.get_raw(name)).flatten();
        found.extend(
            values
                .into_iter()
                .flatten()
                .map(|value: &OsStr| (*name, quoted(Path::new(value)))),
        );
    }
    found
}

/// True if the name of the program is the end of another word, as in a path.
fn is_in_word(before: &str) -> bool {
    let before = before.strip_suffix(PROGRAM).unwrap_or(before);
    before.ends_with(|letter: char| letter.is_alphanumeric() || "-/._".contains(letter))
}

/// True if a sentence speaks of another machine or directory at its end.
fn is_away(before: &str) -> bool {
    let last = words(before).rfind(|word| AWAY.contains(word) || BACK.contains(word));
    last.is_some_and(|word| AWAY.contains(&word))
}

/// True after a start; a command before the next one is for now.
fn has_restarted(before: &str) -> bool {
    words(before).any(|word| RESTARTED.contains(&word)) && !words(before).any(|word| word == "before")
}

fn words(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, ArgAction};
    use proptest::prelude::*;

    fn tree() -> Command {
        let option = |name: &'static str| Arg::new(name).long(name).action(ArgAction::Set);
        let file = || Arg::new("file").action(ArgAction::Append);
        Command::new("bootseal")
            .args(MACHINE.map(|name| option(name).global(true)))
            .subcommand(Command::new("status"))
            .subcommand(Command::new("hook").arg(file().trailing_var_arg(true).allow_hyphen_values(true)))
            .subcommand(Command::new("sign").subcommand(Command::new("efi").arg(option("keys")).arg(file())))
            .subcommand(Command::new("keys").subcommand(Command::new("rotate").args(PLACES.map(option)).arg(file())))
            .subcommand(Command::new("enroll").subcommand(Command::new("apply").args(PLACES.map(option)).arg(file())))
    }

    fn completed(typed: &str, line: &str) -> String {
        let matches = tree().try_get_matches_from(typed.split(' ')).unwrap();
        match SamePlace::named(tree(), &matches) {
            Some(place) => place.complete(line).into_owned(),
            None => line.to_owned(),
        }
    }

    #[test]
    fn a_command_names_the_place_that_was_named() {
        let rotate = "bootseal --root /mnt keys rotate --keys k --store s db";
        for (line, expected) in [
            ("bootseal status", "bootseal status --root /mnt"),
            (
                "do it: bootseal sign efi /boot/x, and",
                "do it: bootseal sign efi /boot/x --root /mnt --keys k, and",
            ),
            (
                "bootseal keys rotate db --abort gives it up; or: bootseal enroll apply",
                "bootseal keys rotate --root /mnt --keys k --store s db --abort gives it up; or: bootseal enroll apply --root /mnt --keys k \
                 --store s",
            ),
            (
                "bootseal sign efi --keys other x",
                "bootseal sign efi --keys other x --root /mnt",
            ),
            ("bootseal hook all 6.12", "bootseal hook --root /mnt all 6.12"),
            (
                "(`bootseal sign efi x`).",
                "(`bootseal sign efi x --root /mnt --keys k`).",
            ),
            (
                "bootseal keys rotate PK,KEK; and",
                "bootseal keys rotate PK,KEK --root /mnt --keys k --store s; and",
            ),
            (
                "before the next reboot: bootseal status",
                "before the next reboot: bootseal status --root /mnt",
            ),
            (
                "restart; then bootseal sign efi x",
                "restart; then bootseal sign efi x --keys k",
            ),
        ] {
            assert_eq!(completed(rotate, line), expected);
        }
    }

    #[test]
    fn sentences_and_other_places_stay() {
        let typed = "bootseal --root /mnt keys rotate --keys k db";
        for line in [
            "and let bootseal sign",
            "bootseal signs them",
            "/usr/bin/bootseal status",
            "bootseal sign efi|grub FILE",
            "where they are: bootseal keys rotate db",
            "other boards still have it: bootseal enroll apply",
            "bootseal --version",
            "bootseal ",
        ] {
            assert_eq!(completed(typed, line), line);
        }
        let both = "where PK is: bootseal sign efi x; then here: bootseal status";
        assert!(completed(typed, both).ends_with("efi x; then here: bootseal status --root /mnt"));
        assert_eq!(completed("bootseal status", "bootseal status"), "bootseal status");
    }

    #[test]
    fn keys_for_the_firmware_do_not_sign_files() {
        let typed = "bootseal enroll apply --keys stick";
        assert_eq!(completed(typed, "bootseal sign efi x"), "bootseal sign efi x");
        assert_eq!(
            completed(typed, "bootseal enroll apply"),
            "bootseal enroll apply --keys stick"
        );
    }

    #[test]
    fn json_is_completed_where_it_holds_commands() {
        let matches = tree()
            .try_get_matches_from(["bootseal", "--root", "/a\"b", "status"])
            .unwrap();
        let mut value =
            serde_json::json!({ "text": "bootseal status", "files": [{ "remedies": ["bootseal status"] }] });
        SamePlace::named(tree(), &matches).unwrap().complete_json(&mut value);
        assert_eq!(value["text"], "bootseal status");
        assert_eq!(value["files"][0]["remedies"][0], "bootseal status --root '/a\"b'");
    }

    proptest! {
        #[test]
        fn any_text_keeps_its_words(text in "(bootseal |keys |sign |efi |'|é|rotate |where |x ){0,12}") {
            let done = completed("bootseal --root /mnt keys rotate --keys k db", &text);
            prop_assert_eq!(done.replace(" --root /mnt", "").replace(" --keys k", ""), text);
        }
    }
}
