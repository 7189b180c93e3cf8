//! Every command that the program can print, parsed by its own command line: the literals of the sources are read, and what stands in the
//! place of a name is replaced by one.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{ArgAction, Command, CommandFactory, Parser};

use super::Cli;

/// Words after "bootseal" in sentences that speak of the program, not of a command.
const PROSE: [&str; 31] = [
    "is", "at", "on", "of", "and", "in", "to", "has", "keeps", "cannot", "signs", "writes", "brings", "reads",
    "refuses", "manifest", "installs", "makes", "looks", "does", "module", "EFI", "with", "takes", "names", "knows",
    "finds", "that", "below", "was", "manual",
];
/// Sentences that name a group of commands on purpose.
const GROUPS: [&str; 4] = [
    // The home of commands for another root, whose words are read where they are given.
    "bootseal --root {} {words}",
    "bootseal enroll reads and writes the firmware's keys",
    "and let bootseal sign",
    "n and let bootseal sign, or name a key",
];
/// Lower-case words that are values in a command: names of keys, variables, forms and events.
const VALUES: [&str; 22] = [
    "bash",
    "zsh",
    "fish",
    "db",
    "dbx",
    "PK",
    "KEK",
    "module",
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

/// The string literals of a program, tests left out: escapes are resolved, and a line that goes on is one.
fn literals(program: &str) -> Vec<String> {
    let program = program.split("#[cfg(test)]").next().unwrap();
    let mut found = Vec::new();
    let mut characters = program.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        match character {
            '/' if characters.peek() == Some(&'/') => {
                for skipped in characters.by_ref() {
                    if skipped == '\n' {
                        break;
                    }
                }
            }
            // A character, not a lifetime.
            '\'' => {
                let rest: String = characters.clone().take(3).collect();
                let length = if rest.starts_with('\\') { 3 } else { 2 };
                if rest.chars().nth(length - 1) == Some('\'') {
                    characters.nth(length - 1);
                }
            }
            '"' if before == 'r' || before == '#' => {
                let mut text = String::new();
                for inner in characters.by_ref() {
                    if inner == '"' {
                        break;
                    }
                    text.push(inner);
                }
                found.push(text);
            }
            '"' => {
                let mut text = String::new();
                while let Some(inner) = characters.next() {
                    match inner {
                        '"' => break,
                        '\\' => match characters.next() {
                            Some('n') => text.push('\n'),
                            Some('\n') => {
                                while characters.peek().is_some_and(|next| next.is_whitespace()) {
                                    characters.next();
                                }
                            }
                            Some(other) => text.push(other),
                            None => {}
                        },
                        other => text.push(other),
                    }
                }
                // What `own_command` is given is the end of a command of ours.
                let start = program.len() - characters.clone().collect::<String>().len();
                let head = &program[..start];
                let head = head[..head.rfind('"').unwrap_or(0)].trim_end_matches(|c| c != '(' && c != '=');
                if head.ends_with("own_command(") || head.ends_with("own_command(&format!(") {
                    text = format!("bootseal {text}");
                }
                found.push(text);
            }
            _ => {}
        }
        before = character;
    }
    found
}

/// The words of a line, as a shell takes them apart, up to the end of a command: each with true if that comes after it.
fn words(line: &str) -> Vec<(String, bool)> {
    let mut words = Vec::new();
    let mut word = String::new();
    // Of markup nothing is a word.
    let line = line.split('<').next().unwrap_or(line);
    let mut quoted = false;
    let mut depth = 0_usize;
    for character in line.chars() {
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
        if character.is_whitespace() && !quoted && depth == 0 {
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
    word.starts_with(['-', '{']) || is_dated || is_placeholder || word.contains('/') || VALUES.contains(&word) || {
        let is_file = Path::new(word).extension().is_some_and(|ending| ending != "0");
        is_file && word.chars().any(char::is_alphabetic)
    }
}

/// The commands that a text names, each as its arguments; what is no command of ours is returned as an error.
fn commands(text: &str) -> Vec<Result<Vec<String>, String>> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut rest = line;
        while let Some(at) = rest.find("bootseal ") {
            let is_word =
                !rest[..at].ends_with(|character: char| character.is_alphanumeric() || "-/._".contains(character));
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
    let mut level: Command = Cli::command();
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
            let root = Cli::command();
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
                arguments.push(value.clone());
            }
        } else if is_argument(word) {
            arguments.push(word.clone());
        } else {
            break;
        }
        ended = words.next().is_none_or(|(_, ends)| *ends);
    }
    Some(Ok(arguments))
}

/// True if the command line takes these arguments, with some name for each placeholder.
fn is_taken(arguments: &[String]) -> Result<(), clap::Error> {
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
            tried[*place] = STAND_INS[rest % STAND_INS.len()].to_owned();
            rest /= STAND_INS.len();
        }
        match Cli::try_parse_from([arguments, &[]].concat())
            .and(Ok(()))
            .or_else(|_| Cli::try_parse_from(&tried).map(drop))
        {
            Ok(()) => return Ok(()),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap())
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// A remedy names the stick of whoever reads it, who follows it with the directory that he means: the last one counts.
#[test]
fn a_directory_that_a_remedy_leaves_open_may_be_given_after_it() {
    for (command, option) in [
        ("enroll add db uefi-2023", "--keys"),
        ("enroll add dbx microsoft", "--keys"),
        ("enroll remove db /x.pem", "--keys"),
        ("enroll apply", "--keys"),
        ("keys rotate KEK", "--keys"),
        ("keys rotate db", "--authority"),
        ("keys revoke db", "--authority"),
        ("ceremony backup /mnt/later", "--authority"),
    ] {
        for directories in [&["STICK"][..], &["STICK", "/mnt/stick"]] {
            let options = directories.iter().flat_map(|directory| [option, directory]);
            let words: Vec<&str> = std::iter::once("bootseal")
                .chain(command.split(' '))
                .chain(options)
                .collect();
            let parsed = Cli::try_parse_from(&words);
            assert!(
                parsed.is_ok(),
                "{words:?}: {}",
                parsed.err().map_or_else(String::new, |error| error.to_string())
            );
        }
    }
}

#[test]
fn a_command_is_found_in_a_sentence_and_a_wrong_one_is_told() {
    let parsed = |text: &str| {
        commands(text)
            .into_iter()
            .map(|found| found.unwrap().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        parsed("mount it, and: bootseal enroll add dbx {}; then bootseal audit (bootseal kernel-config)"),
        ["bootseal enroll add dbx {}", "bootseal audit", "bootseal kernel-config"]
    );
    assert_eq!(
        parsed("bootseal keys rotate db ends it; bootseal is done"),
        ["bootseal keys rotate db"]
    );
    assert_eq!(
        parsed("bootseal sign modules --foreign replace {file}"),
        ["bootseal sign modules --foreign replace {file}"]
    );
    for wrong in ["bootseal enrol plan", "bootseal keys rotat db"] {
        assert!(commands(wrong)[0].is_err(), "{wrong}");
    }
    for wrong in [
        "bootseal enroll add dbx",
        "bootseal keys rotate db --abbort",
        "bootseal keys rotate tb.pem",
    ] {
        let found = commands(wrong).remove(0).unwrap();
        assert!(is_taken(&found).is_err(), "{found:?}");
    }
    assert_eq!(
        literals("hint(\"bootseal \\\n   audit\") // \"no\"\nlet c = '\"'; f(\"x\\\"y\")"),
        ["bootseal audit", "x\"y"]
    );
    assert_eq!(literals("context.own_command(\"sign all\")"), ["bootseal sign all"]);
}

#[test]
fn every_remedy_and_hint_is_taken_by_the_command_line() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut seen = 0_usize;
    let mut wrong = Vec::new();
    for file in files {
        if file.ends_with("cli/remedies.rs")
            || file.ends_with("tests.rs")
            || file.components().any(|part| part.as_os_str() == "tests")
        {
            continue;
        }
        for text in literals(&fs::read_to_string(&file).unwrap()) {
            for found in commands(&text) {
                seen += 1;
                let refused = match found {
                    Err(no_command) => Some(format!("there is no {no_command}")),
                    Ok(arguments) => is_taken(&arguments).err().map(|error| {
                        let first = error.to_string().lines().next().unwrap_or_default().to_owned();
                        format!("{}: {first}", arguments.join(" "))
                    }),
                };
                wrong.extend(refused.map(|refused| format!("{}: {refused}", file.display())));
            }
        }
    }
    assert!(seen > 180, "only {seen} commands were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
