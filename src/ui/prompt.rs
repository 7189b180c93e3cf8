//! Asking for passphrases on the terminal, without showing them.

use std::io::Write;

use zeroize::Zeroizing;

use crate::error::{Error, Explain, Kind, Result};
use crate::formats::share::Share;
use crate::keys::Passphrase;

/// Shortest passphrase that a person may choose for new keys, in characters. A thief of the files can try as many as
/// time and money allow.
const SHORTEST: usize = 12;

/// How often a person may mistype what is typed blindly.
const TRIES: usize = 3;

/// Asks for the passphrase of an existing key.
pub fn passphrase(what: &str) -> Result<Passphrase> {
    Passphrase::new(&read(&format!("{what}: "))?)
}

/// Asks for the passphrase of new keys, twice. `None` means that nothing was typed: make one with
/// [`Passphrase::generate`] and show it once.
pub fn new_passphrase() -> Result<Option<Passphrase>> {
    for _ in 1..TRIES {
        match new_passphrase_once() {
            Err(error) if error.kind() == Kind::Usage => {
                eprintln!("{error}; once more");
                for hint in error.hints() {
                    eprintln!("hint: {hint}");
                }
            }
            other => return other,
        }
    }
    new_passphrase_once()
}

fn new_passphrase_once() -> Result<Option<Passphrase>> {
    let first = read("Passphrase for the new keys (empty: one is made for you): ")?;
    if first.is_empty() {
        return Ok(None);
    }
    if first.chars().count() < SHORTEST {
        return Err(
            Error::usage(format!("the passphrase is shorter than {SHORTEST} characters"))
                .hint("press Enter at the prompt, and one is made"),
        );
    }
    let second = read("The same passphrase again: ")?;
    if *first != *second {
        return Err(Error::usage("the two passphrases differ"));
    }
    Passphrase::new(&first).map(Some)
}

/// Asks for as many shares as open the backup; the same one twice counts once.
pub fn shares(needed: u8, set: &str) -> Result<Vec<Share>> {
    let mut shares: Vec<Share> = Vec::new();
    while shares.len() < usize::from(needed) {
        let typed = read(&format!(
            "Share {} of {needed} (bs1-…): ",
            shares.len().saturating_add(1)
        ))?;
        if typed.is_empty() {
            return Err(Error::refused("no share was typed; nothing was restored"));
        }
        match Share::parse(&typed) {
            Err(error) => eprintln!("{error}; once more"),
            Ok(share) if share.set_name() != set => {
                eprintln!("this share is of the set {}, and {set} is needed", share.set_name());
            }
            Ok(share) if shares.contains(&share) => eprintln!("share {} is there already", share.number),
            Ok(share) => shares.push(share),
        }
    }
    Ok(shares)
}

/// Asks a question on the terminal; an empty answer is the suggestion.
pub fn question(question: &str, suggestion: &str) -> Result<String> {
    if suggestion.is_empty() {
        eprint!("{question}: ");
    } else {
        eprint!("{question} [{suggestion}]: ");
    }
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.or_could_not_run(|| "cannot read the answer".to_owned())? == 0 {
        return Err(Error::refused("the questions were not answered; nothing was made"));
    }
    match answer.trim() {
        "" => Ok(suggestion.to_owned()),
        answer => Ok(answer.to_owned()),
    }
}

fn read(prompt: &str) -> Result<Zeroizing<String>> {
    rpassword::prompt_password(prompt)
        .map(Zeroizing::new)
        .or_could_not_run(|| "cannot ask for a passphrase or PIN: there is no terminal".to_owned())
        .map_err(|error| {
            error.hint(
                "give it with --passphrase-file FILE or --passphrase-fd N; a PIN also by pin-source in the key's URI",
            )
        })
}

/// Shows a passphrase that was made, once, on the terminal.
pub fn show_once(passphrase: &Passphrase) -> Result<()> {
    let mut terminal = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/tty")
        .or_could_not_run(|| "cannot show the new passphrase: there is no terminal".to_owned())?;
    writeln!(
        terminal,
        "Write this passphrase down now; it is shown only once, and without it the keys are lost:\n\n    {}\n",
        passphrase.danger_reveal()
    )
    .or_could_not_run(|| "cannot show the new passphrase on the terminal".to_owned())
}

/// Asks on the terminal for a yes, typed out.
pub fn confirm(question: &str) -> Result<()> {
    let mut answer = String::new();
    eprint!("\n{question} Type yes to go on: ");
    std::io::stdin()
        .read_line(&mut answer)
        .or_could_not_run(|| "cannot read the answer".to_owned())?;
    if answer.trim() == "yes" {
        Ok(())
    } else {
        Err(Error::refused("not confirmed; nothing was written"))
    }
}
