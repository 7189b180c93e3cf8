//! Every command that the program can print is parsed by its own command line: those of its sources by `cli::remedies`, and those that it
//! really prints, put together of whatever parts, wherever a test runs it.

use std::collections::HashSet;
use std::path::Path;
use std::process::Output;
use std::sync::Mutex;

use bootseal::cli::Cli;
use clap::error::ErrorKind;
use clap::{ArgAction, Command, CommandFactory, Parser};
use serde_json::Value;

/// Words after "bootseal" in sentences that speak of the program, not of a command.
const PROSE: [&str; 32] = [
    "or", "is", "at", "on", "of", "and", "in", "to", "has", "keeps", "cannot", "signs", "writes", "brings", "reads",
    "refuses", "manifest", "installs", "makes", "looks", "does", "module", "EFI", "with", "takes", "names", "knows",
    "finds", "that", "below", "was", "manual",
];
/// Sentences that name a group of commands on purpose.
const GROUPS: [&str; 3] = [
    "bootseal enroll reads and writes the firmware's keys",
    "and let bootseal sign",
    "n and let bootseal sign, or name a key",
];
/// Lower-case words that are values in a command: names of keys, variables, forms and events.
const VALUES: [&str; 23] = [
    "bash",
    "zsh",
    "fish",
    "db",
    "dbx",
    "PK",
    "KEK",
    "module",
    "modules",
    "grub",
    "uefi-2023",
    "microsoft",
    "all",
    "portage",
    "pem",
    "signing-key",
    "public-key",
    "pcr",
    "sha512",
    "replace",
    "home",
    "keys",
    "confirm",
];
/// Values that a name in braces, or in capitals, may stand for.
const STAND_INS: [&str; 6] = ["db", "/mnt/keys", "grub", "sha3-512", "portage", "db,grub"];

/// The words of a line, as a shell takes them apart, up to the end of a command: each with true if that comes after it.
fn words(line: &str) -> Vec<(String, bool)> {
    let mut words = Vec::new();
    let mut word = String::new();
    // Of markup nothing is a word.
    let line = line.split('<').next().unwrap_or(line);
    let mut quoted = false;
    let mut is_path = false;
    let mut depth = 0_usize;
    for character in line.chars() {
        // `error::quoted` has paths in these; within a sentence it is an apostrophe.
        if character == '\'' && (is_path || word.is_empty() || word == "$") {
            is_path = !is_path;
            word.push_str(if is_path { "/" } else { "" });
            continue;
        }
        match character {
            '"' => {
                quoted = !quoted;
                // Whatever its words are, it is one argument.
                word.push_str(if quoted { "{" } else { "}" });
            }
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if character.is_whitespace() && !quoted && !is_path && depth == 0 {
            words.push(std::mem::take(&mut word));
        } else if character != '"' && !quoted {
            word.push(character);
        }
    }
    words.push(word);
    let ends = |word: &str| word.ends_with([';', ',', ':', ')', '`']) || word.ends_with('.') && !word.ends_with("..");
    words
        .into_iter()
        .map(|word| {
            let bare = word.trim_end_matches([';', ',', ':', '.', ')', '`']).to_owned();
            (bare, ends(&word))
        })
        .collect()
}

/// True for a word that is an argument, and not the beginning of what a sentence goes on with.
fn is_argument(word: &str) -> bool {
    if word.starts_with('(') {
        return false;
    }
    let is_placeholder =
        word.len() > 1 && !word.chars().any(char::is_lowercase) && word.chars().any(char::is_uppercase);
    let is_dated = word.contains("-20") && word.chars().all(|letter| letter.is_alphanumeric() || letter == '-');
    let is_digest = word.len() >= 8 && word.chars().all(|letter| letter.is_ascii_hexdigit());
    word.starts_with(['-', '{'])
        || is_dated
        || is_digest
        || is_placeholder
        || word.contains('/')
        || VALUES.contains(&word)
        || {
            let is_file = Path::new(word).extension().is_some_and(|ending| ending != "0");
            is_file && word.chars().any(char::is_alphabetic)
        }
}

/// The commands that a text names, each as its arguments; what is no command of ours is returned as an error.
pub fn commands(text: &str) -> Vec<Result<Vec<String>, String>> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(at) = rest.find("bootseal ") {
            let is_in_word = |character: char| character.is_alphanumeric() || "-/._".contains(character);
            // The name of a boot option is no command.
            let is_word = !rest[..at].ends_with(is_in_word) && !rest[..at].ends_with("--label ");
            rest = &rest[at + "bootseal ".len()..];
            let is_group = GROUPS.iter().any(|group| line.contains(group));
            if is_word && !is_group {
                found.extend(command(rest));
            }
        }
    }
    found
}

/// The command at the beginning of a line, after the name of the program; none if the line only speaks of the program.
fn command(line: &str) -> Option<Result<Vec<String>, String>> {
    let all = words(line);
    let mut words = all.iter().peekable();
    let mut root = Cli::command();
    root.build();
    let mut level: Command = root.clone();
    let mut arguments = vec!["bootseal".to_owned()];
    let mut ended = false;
    while let Some((word, ends)) = words.peek().filter(|_| !ended) {
        if level.has_subcommands() && !word.starts_with('-') {
            let name = word.split(['|', '{']).next().unwrap_or(word);
            let Some(below) = level.find_subcommand(name).cloned() else {
                if arguments.len() == 1 && (PROSE.contains(&word.as_str()) || !word.starts_with(char::is_alphabetic)) {
                    return None;
                }
                if level.is_subcommand_required_set() {
                    return Some(Err(format!("{} {word}", arguments.join(" "))));
                }
                break;
            };
            level = below;
            arguments.push(name.to_owned());
        } else if word.starts_with('-') {
            arguments.push(word.clone());
            let long = word.trim_start_matches('-');
            let mut options = level.get_arguments().chain(root.get_arguments());
            let is_it = |option: &&clap::Arg| {
                option.get_long() == Some(long) || option.get_short().is_some_and(|short| long == short.to_string())
            };
            let takes = options
                .find(is_it)
                .is_some_and(|option| matches!(option.get_action(), ArgAction::Set | ArgAction::Append));
            if takes && !ends {
                words.next();
                let Some((value, _)) = words.peek() else { break };
                if value.starts_with('-') {
                    // The value may be left out.
                    continue;
                }
                arguments.push(value.clone());
            }
        } else if is_argument(word)
            || is_last_needed(&level, arguments.last(), words.clone().count())
            // No sentence goes on with an option.
            || words.clone().nth(1).is_some_and(|(next, _)| next.starts_with("--"))
        {
            arguments.push(word.clone());
        } else {
            break;
        }
        ended = words.next().is_none_or(|(_, ends)| *ends);
    }
    Some(Ok(arguments))
}

/// True for the last word of a line after a command that cannot be without an argument: a name in the working directory.
fn is_last_needed(level: &Command, before: Option<&String>, left: usize) -> bool {
    left == 1
        && before.is_some_and(|word| word == level.get_name())
        && level.get_positionals().any(clap::Arg::is_required_set)
}

/// True if the command line takes these arguments, with some name for each placeholder.
pub fn is_taken(arguments: &[String]) -> Result<(), clap::Error> {
    let is_open = |word: &String| word.contains('{') || !word.starts_with('-') && !word.chars().any(char::is_lowercase);
    let open: Vec<usize> = (1..arguments.len())
        .filter(|place| is_open(&arguments[*place]))
        .collect();
    let count = STAND_INS.len().pow(u32::try_from(open.len()).unwrap());
    let mut refused = None;
    for number in 0..count {
        let mut tried = arguments.to_vec();
        let mut rest = number;
        for place in &open {
            STAND_INS[rest % STAND_INS.len()].clone_into(&mut tried[*place]);
            rest /= STAND_INS.len();
        }
        match Cli::try_parse_from([arguments, &[]].concat())
            .and(Ok(()))
            .or_else(|_| Cli::try_parse_from(&tried).map(drop))
        {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::DisplayHelp => return Ok(()),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap())
}

/// The reason why a command that a text names is no command of ours, for each.
pub fn refused(text: &str) -> Vec<String> {
    let reason = |found: Result<Vec<String>, String>| match found {
        Err(no_command) => Some(format!("there is no {no_command}")),
        Ok(arguments) => is_taken(&arguments).err().map(|error| {
            let first = error.to_string().lines().next().unwrap_or_default().to_owned();
            format!("{}: {first}", arguments.join(" "))
        }),
    };
    commands(text).into_iter().filter_map(reason).collect()
}

/// Fails if the program printed a command that it would not take.
#[track_caller]
pub fn printed(output: &Output) {
    written(&output.stdout);
    written(&output.stderr);
}

/// The same of text, or of JSON in lines, that the program wrote.
#[track_caller]
pub fn written(text: &[u8]) {
    /// Lines that were looked at before: most of them come again and again.
    static SEEN: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    let mut texts = Vec::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        if line.contains("bootseal ") {
            match serde_json::from_str(&line) {
                Ok(value) => strings(&value, &mut texts),
                Err(_) => texts.push(line.into_owned()),
            }
        }
    }
    texts.retain(|text| {
        // A comment of a template speaks of commands, and how a command is used is clap's own text.
        if text.starts_with("# ") || text.starts_with("Usage: ") {
            return false;
        }
        let mut seen = SEEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        text.contains("bootseal ") && seen.get_or_insert_default().insert(text.clone())
    });
    for text in texts {
        let refused = refused(&text);
        assert!(refused.is_empty(), "{refused:?} in: {text}");
    }
}

/// The strings within a value of JSON.
fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| strings(value, found)),
        _ => {}
    }
}
