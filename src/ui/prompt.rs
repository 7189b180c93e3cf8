//! Asking for passphrases on the terminal, without showing them.

use std::io::Write;

use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result};
use crate::keys::Passphrase;

/// Shortest passphrase that a person may choose for new keys, in characters. A thief of the files can try as many as
/// time and money allow.
const SHORTEST: usize = 12;

/// Asks for the passphrase of an existing key.
pub fn passphrase(what: &str) -> Result<Passphrase> {
    Passphrase::new(&read(&format!("{what}: "))?)
}

/// Asks for the passphrase of new keys, twice. `None` means that nothing was typed: make one with
/// [`Passphrase::generate`] and show it once.
pub fn new_passphrase() -> Result<Option<Passphrase>> {
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
