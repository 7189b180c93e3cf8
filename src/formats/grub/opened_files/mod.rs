//! The files that a GRUB script has GRUB open.

mod listing;
mod openers;

use std::collections::BTreeSet;

pub use listing::Choice;
pub use openers::Use;

use crate::formats::grub::script::{Command, Script, Variables, Word};
use listing::Listing;
use openers::{Files, OPENERS, Short};

/// Stands for the device and directory in `$prefix` that GRUB was started with.
const PREFIX: &str = "($prefix)";
/// Processors and firmwares whose names GRUB knows itself.
const PLATFORMS: [(&str, &[&str]); 2] = [
    ("grub_cpu", &["x86_64", "i386", "arm64", "riscv64"]),
    ("grub_platform", &["efi", "pc"]),
];
/// Options that are followed by a value, so that it is not taken for a file.
const VALUED: [&str; 5] = ["-m", "--mode", "-f", "--file", "-r"];
/// Beginning of the identifiers that os-prober gives to the menu entries of other systems.
const OS_PROBER: &str = "osprober-";

/// GRUB's commands that hand an image to the firmware.
const GRUB_WORDS: [&str; 4] = ["linux", "linuxefi", "chainloader", "linux16"];

/// Where a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// At a path of a file system of GRUB.
    File {
        /// The device as it is written; none for `$root`, or where it is known only as GRUB runs.
        device: Option<String>,
        /// The path, from `/`.
        path: String,
    },
    /// At a path below `$prefix`.
    Prefix(String),
    /// A module of this name, `$prefix/CPU-PLATFORM/NAME.mod`.
    Module(String),
    /// Not a file but blocks of a device, which no signature can stand beside.
    Blocks(String),
    /// It cannot be known before GRUB runs; as it is written.
    Unknown(String),
}

/// A file that a command opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The line of the command, from 1.
    pub line: usize,
    /// The command's name.
    pub command: String,
    /// The use that it has for the file.
    pub usage: Use,
    /// Where it is.
    pub place: Place,
    /// True if the command stands in an entry that os-prober made for another system.
    pub from_os_prober: bool,
    /// True if the command stands in an entry or a menu of further ones, so that GRUB runs it when somebody chooses that.
    pub in_entry: bool,
    /// The entries that come into the menu, where the command makes entries of files.
    pub choice: Choice,
}

impl Opened {
    /// True if the command hands the file to the firmware as an image.
    #[must_use]
    pub fn is_for_firmware(&self) -> bool {
        GRUB_WORDS.contains(&self.command.as_str())
    }
}

/// The values that variables may hold that some scripts assign to, one of which runs the others.
#[must_use]
pub fn variables<'a>(scripts: impl Iterator<Item = &'a Script> + Clone) -> Variables {
    let mut variables = Variables::default();
    // GRUB's configuration lies at the prefix, unless it was told otherwise.
    for name in ["prefix", "config_directory"] {
        variables.add(name, PREFIX);
    }
    for (name, values) in PLATFORMS {
        for value in values {
            variables.add(name, value);
        }
    }
    // Searches set it while GRUB runs.
    variables.add("root", &Variables::UNKNOWN.to_string());
    variables.gather(&scripts.flat_map(|script| &script.commands));
    variables
}

/// True if a device is no disk of this machine that could be looked at: a network server, or a file that GRUB mounts.
#[must_use]
pub fn is_no_local_disk(device: &str) -> bool {
    ["http", "https", "tftp", "pxe", "loop", "memdisk", "proc"]
        .iter()
        .any(|elsewhere| device.starts_with(elsewhere))
}

/// The names that a command may have: `time` and `!` stand before the command that they are for.
#[must_use]
pub fn command_names<'c>(command: &'c Command, variables: &Variables) -> (Vec<String>, &'c [Word]) {
    let is_before = |word: &Word| {
        word.literal()
            .is_some_and(|text| ["!", "time"].contains(&text.as_str()))
    };
    let before = command.words.iter().take_while(|word| is_before(word)).count();
    match command.words.split_at(before).1.split_first() {
        Some((name, arguments)) if command.loop_variable.is_none() => (variables.expand(name), arguments),
        _ => (Vec::new(), &[]),
    }
}

/// Every file that a script may open; one command may stand for several.
#[must_use]
pub fn opened_files(script: &Script, variables: &Variables) -> Vec<Opened> {
    opened_where(script, variables, |_| true)
}

/// The files that the commands in the braces of one command may open. `entry` is its place in [`Script::commands`].
#[must_use]
pub fn opened_within(script: &Script, variables: &Variables, entry: usize) -> Vec<Opened> {
    let is_within = script.within(|index, _| index == entry);
    opened_where(script, variables, |index| {
        index != entry && is_within.get(index) == Some(&true)
    })
}

fn opened_where(script: &Script, variables: &Variables, is_wanted: impl Fn(usize) -> bool) -> Vec<Opened> {
    let mut all = Vec::new();
    let is_its = |word: &Word| word.literal().is_some_and(|text| text.starts_with(OS_PROBER));
    let are_its = script.within(|_, command| command.words.iter().any(is_its));
    let makes_entry = |word: &Word| {
        word.literal()
            .is_some_and(|name| ["menuentry", "submenu"].contains(&name.as_str()))
    };
    let are_chosen = script.within(|_, command| command.words.first().is_some_and(makes_entry));
    for (_, command) in script
        .commands
        .iter()
        .enumerate()
        .filter(|(index, _)| is_wanted(*index))
    {
        let is_in = |within: &[bool]| command.parent.and_then(|parent| within.get(parent)) == Some(&true);
        let (from_os_prober, in_entry) = (is_in(&are_its), is_in(&are_chosen));
        let mut add = |name: &str, usage, word: &Word, short, choice: &Choice| {
            all.extend(variables.expand(word).iter().filter_map(|text| {
                let is_listed = matches!(usage, Use::Entries | Use::Images);
                // A device alone is its topmost directory.
                let text = if is_listed && text.ends_with(')') {
                    &format!("{text}/")
                } else {
                    text
                };
                Some(Opened {
                    line: command.line,
                    command: name.to_owned(),
                    usage,
                    place: place(text, word, short)?,
                    from_os_prober,
                    in_entry,
                    choice: choice.clone(),
                })
            }));
        };
        if let Some((name, value)) = command.assignment() {
            match name.as_str() {
                "theme" => add("theme", Use::Theme, &value, Short::Nowhere, &Choice::ALL),
                "locale_dir" => add("locale_dir", Use::Locales, &value, Short::Nowhere, &Choice::ALL),
                _ => {}
            }
            continue;
        }
        let (names, arguments) = command_names(command, variables);
        for name in names {
            for opener in OPENERS.iter().filter(|opener| opener.names.contains(&name.as_str())) {
                let (words, choice) = match opener.files {
                    Files::Listed(usual, variable) => {
                        let listing = Listing::read(arguments, usual, variable, variables);
                        (listing.places, listing.choice)
                    }
                    files => (file_words(files, arguments), Choice::ALL),
                };
                for word in words {
                    add(&name, opener.usage, &word, opener.short, &choice);
                }
            }
        }
    }
    all
}

fn file_words(files: Files, arguments: &[Word]) -> Vec<Word> {
    // A word with a variable in it is taken for no option.
    let texts: Vec<String> = arguments
        .iter()
        .map(|word| word.literal().unwrap_or_default())
        .collect();
    let is_option = |text: &str| text.starts_with('-');
    let file_option = |text: &String| ["-f", "--file"].contains(&text.as_str());
    let pairs = || texts.iter().zip(arguments).enumerate();
    let value_of_option = |index: usize| {
        let before = index.checked_sub(1).and_then(|before| texts.get(before));
        before.is_some_and(|before| VALUED.contains(&before.as_str()))
    };
    let plain = |index: &usize, text: &str| !is_option(text) && !value_of_option(*index);
    let plains = || {
        pairs()
            .filter(|(index, (text, _))| plain(index, text))
            .map(|(_, (_, word))| word.clone())
    };
    match files {
        Files::First => plains().take(1).collect(),
        Files::Second => plains().skip(1).take(1).collect(),
        Files::All => plains().collect(),
        Files::Hashed => {
            let is_valued = |text: &&String| ["-h", "--hash", "-p", "--prefix"].contains(&text.as_str());
            let is_value = |index: usize| {
                let before = index.checked_sub(1).and_then(|before| texts.get(before));
                before.as_ref().is_some_and(is_valued)
            };
            let attached = texts
                .iter()
                .filter_map(|text| text.strip_prefix("--check="))
                .map(Word::text);
            let named = pairs().filter(|(index, (text, _))| !is_option(text) && !is_value(*index));
            attached.chain(named.map(|(_, (_, word))| word.clone())).collect()
        }
        Files::Search if texts.iter().any(file_option) => {
            let names = pairs().filter(|(_, (text, _))| !is_option(text));
            names.map(|(_, (_, word))| word.clone()).collect()
        }
        // Its directories are those of its options.
        Files::Search | Files::Listed(..) => Vec::new(),
        Files::Environment => {
            let named = texts.iter().position(file_option).map(|index| index + 1);
            let attached = texts.iter().find_map(|text| text.strip_prefix("--file="));
            let default = || Word::text(&format!("{PREFIX}/grubenv"));
            vec![match (named, attached) {
                (Some(index), _) => arguments.get(index).cloned().unwrap_or_else(default),
                (None, Some(text)) => Word::text(text),
                (None, None) => default(),
            }]
        }
    }
}

/// Where a name leads; none if GRUB cannot open it.
fn place(text: &str, word: &Word, short: Short) -> Option<Place> {
    // An image of files: `newc:NAME:FILE`.
    if let Some((_, file)) = text.strip_prefix("newc:").and_then(|text| text.split_once(':')) {
        return place(file, word, short);
    }
    if let Some((_, below)) = text.rsplit_once(PREFIX) {
        return Some(if below.contains(Variables::UNKNOWN) {
            Place::Unknown(word.to_string())
        } else {
            Place::Prefix(below.trim_start_matches('/').to_owned())
        });
    }
    let (device, path) = match text.strip_prefix('(').and_then(|text| text.split_once(')')) {
        Some((device, path)) => (Some(device), path),
        None => (None, text),
    };
    if path.contains(Variables::UNKNOWN) {
        return Some(Place::Unknown(word.to_string()));
    }
    if path.starts_with('/') {
        let device = device.filter(|device| !device.contains(Variables::UNKNOWN));
        return Some(Place::File {
            device: device.map(str::to_owned),
            path: path.to_owned(),
        });
    }
    let is_blocks = path.starts_with(|c: char| c == '+' || c.is_ascii_digit()) && path.contains('+');
    if is_blocks || device.is_some() {
        return Some(Place::Blocks(text.replace(Variables::UNKNOWN, "?")));
    }
    match short {
        _ if path.is_empty() || path.contains('/') => None,
        Short::Nowhere => None,
        Short::Module => Some(Place::Module(path.to_owned())),
        Short::Font => Some(Place::Prefix(format!("fonts/{path}.pf2"))),
        Short::Keymap => Some(Place::Prefix(format!("layouts/{path}.gkb"))),
    }
}

/// The images on a disk that a `grub.cfg` hands to the firmware, without their devices, each once. What cannot be known
/// before GRUB runs is left out.
#[must_use]
pub fn images_for_firmware(text: &str) -> Vec<String> {
    let script = Script::parse(text);
    let variables = variables(std::iter::once(&script));
    let (mut images, mut seen) = (Vec::new(), BTreeSet::new());
    for opened in opened_files(&script, &variables) {
        let is_for_firmware = opened.is_for_firmware();
        let Place::File { device, path } = opened.place else {
            continue;
        };
        if is_for_firmware && device.is_none_or(|device| !is_no_local_disk(&device)) && seen.insert(path.clone()) {
            images.push(path);
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grubs_literal_paths_are_found_once() {
        let text = "menuentry 'Gentoo' {\n\tlinux\t/vmlinuz-6.12 root=/dev/sda2\n\tinitrd /initrd\n}\n\
                    chainloader ($root)/EFI/Microsoft/Boot/bootmgfw.efi\nlinux ${prefix}/x\nlinux /a$b\nset k=/vmlinuz-6.6\nlinux $k\n  \
                    linux \"(hd0,gpt1)/vmlinuz-6.12\"\nchainloader --force +1\nlinux\n";
        assert_eq!(
            images_for_firmware(text),
            ["/vmlinuz-6.12", "/EFI/Microsoft/Boot/bootmgfw.efi", "/vmlinuz-6.6"]
        );
    }
}
