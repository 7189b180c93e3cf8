//! Questions on the terminal, and passphrases that are typed without being shown.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::error::{Error, Explain, Kind, Result};
use crate::formats::backup::share::Share;
use crate::formats::text::printable;
use crate::keys::Passphrase;
use crate::system::open_terminal;

/// Shortest passphrase that a person may choose for new keys, in characters. A thief of the files can try as many as
/// time and money allow.
const SHORTEST: usize = 12;

/// Longest line that is read blindly, in bytes.
const LONGEST: usize = 1024;
/// The number of tries at text that is typed blindly.
const TRIES: usize = 3;

/// The ways to give what is asked for where there is no terminal.
const EXISTING: &str =
    "give it with --passphrase-file FILE or --passphrase-fd N; a PIN also by pin-source in the key's URI";
const SHARES: &str = "give the shares with --shares FILE, one a line";
const MADE: &str = "run the command on a terminal, which shows it once";

/// Asks for the passphrase of an existing key.
pub fn passphrase(what: &str) -> Result<Passphrase> {
    Passphrase::new(&read(&format!("{what}: "), EXISTING)?)
}

/// Asks for the passphrase of new keys, twice. `None` means that nothing was typed: make one with
/// [`Passphrase::generate`] and show it once. `way` is the hint where there is no terminal.
pub fn new_passphrase(way: &str) -> Result<Option<Passphrase>> {
    for _ in 1..TRIES {
        match new_passphrase_once(way) {
            Err(error) if error.kind() == Kind::Usage => {
                eprintln!("{}; once more", printable(&error.to_string()));
                for hint in error.hints() {
                    eprintln!("hint: {}", printable(hint));
                }
            }
            other => return other,
        }
    }
    new_passphrase_once(way)
}

/// Refuses a passphrase for new keys that is too short to keep a thief out.
pub fn long_enough(passphrase: Passphrase) -> Result<Passphrase> {
    check_length(passphrase.danger_reveal())?;
    Ok(passphrase)
}

fn check_length(text: &str) -> Result<()> {
    if text.chars().count() < SHORTEST {
        return Err(Error::usage(format!(
            "the passphrase is shorter than {SHORTEST} characters"
        )));
    }
    Ok(())
}

fn new_passphrase_once(way: &str) -> Result<Option<Passphrase>> {
    let first = read("Passphrase for the new keys (empty: one is made for you): ", way)?;
    if first.is_empty() {
        return Ok(None);
    }
    check_length(&first).map_err(|error| error.hint("press Enter at the prompt, and one is made"))?;
    let second = read("The same passphrase again: ", way)?;
    if *first != *second {
        return Err(Error::usage("the two passphrases differ"));
    }
    Passphrase::new(&first).map(Some)
}

/// Asks for as many shares as open the backup; the same one twice counts once.
pub fn shares(needed: u8, set: &str) -> Result<Vec<Share>> {
    let mut shares: Vec<Share> = Vec::new();
    while shares.len() < usize::from(needed) {
        let typed = read(&format!("Share {} of {needed} (bs1-…): ", shares.len() + 1), SHARES)?;
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
        eprint!("{}: ", printable(question));
    } else {
        eprint!("{} [{}]: ", printable(question), printable(suggestion));
    }
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.or_could_not_run(|| "cannot read the answer".to_owned())? == 0 {
        return Err(Error::refused("the questions were not answered to their end"));
    }
    match answer.trim() {
        "" => Ok(suggestion.to_owned()),
        answer => Ok(answer.to_owned()),
    }
}

/// Asks on the terminal for something that is not shown; `way` is the hint where there is none.
fn read(prompt: &str, way: &str) -> Result<Zeroizing<String>> {
    let terminal = open_terminal()
        .or_could_not_run(|| "cannot ask for a passphrase or PIN: there is no terminal".to_owned())
        .map_err(|error| error.hint(way))?;
    let cannot = || "cannot ask on the terminal".to_owned();
    let hidden = Hidden::begin(terminal.as_fd())?;
    let mut shared = &terminal;
    shared
        .write_all(printable(prompt).as_bytes())
        .or_could_not_run(cannot)?;
    let typed = line(&mut shared);
    drop(hidden);
    // The line break that was typed was not shown, either.
    shared.write_all(b"\n").or_could_not_run(cannot)?;
    typed
}

/// A terminal that shows nothing and hands over every key, Ctrl-C too, until this is dropped: a signal would end the
/// program and leave the terminal so.
struct Hidden<'a> {
    terminal: BorrowedFd<'a>,
    before: Termios,
}

impl<'a> Hidden<'a> {
    fn begin(terminal: BorrowedFd<'a>) -> Result<Hidden<'a>> {
        let cannot = || "cannot keep the terminal from showing the typed characters".to_owned();
        let before = tcgetattr(terminal).or_could_not_run(cannot)?;
        let mut hidden = before.clone();
        hidden.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(terminal, OptionalActions::Flush, &hidden).or_could_not_run(cannot)?;
        Ok(Hidden { terminal, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // There is nobody left to tell if the terminal is gone.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// Reads a line byte by byte, with the usual keys to correct it.
fn line(terminal: &mut impl Read) -> Result<Zeroizing<String>> {
    /// Control keys: Ctrl-C, Ctrl-D, and Ctrl-U, which takes all back.
    const INTERRUPT: u8 = 3;
    const END: u8 = 4;
    const KILL: u8 = 21;
    let stopped = || Error::could_not_run("interrupted at the prompt");
    // Room from the start: a buffer that grows leaves copies behind.
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0_u8]);
    loop {
        let count = terminal.read(byte.as_mut_slice());
        if count.or_could_not_run(|| "cannot read from the terminal".to_owned())? == 0 {
            return Err(stopped());
        }
        match *byte {
            [b'\n' | b'\r'] => break,
            [INTERRUPT] => return Err(stopped()),
            [END] if typed.is_empty() => return Err(stopped()),
            [END] => {}
            [KILL] => typed.clear(),
            [8 | 127] => {
                // Back over the bytes of one character (UTF-8).
                while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            [_] if typed.len() == LONGEST => {
                return Err(Error::usage(format!(
                    "a line on the terminal has at most {LONGEST} bytes"
                )));
            }
            [byte] => typed.push(byte),
        }
    }
    let text = std::str::from_utf8(&typed).or_usage(|| "the typed text is not UTF-8".to_owned())?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Shows a passphrase that was made, once, on the terminal.
pub fn show_once(passphrase: &Passphrase) -> Result<()> {
    let mut terminal =
        open_terminal().or_could_not_run(|| "cannot show the new passphrase: there is no terminal".to_owned())?;
    writeln!(
        terminal,
        "Write this passphrase down now; it is shown only once, and without it the keys are lost:\n\n    {}\n",
        passphrase.danger_reveal()
    )
    .or_could_not_run(|| "cannot show the new passphrase on the terminal".to_owned())
}

/// Asks for two words of a passphrase that was made and shown, by their places from 0: who did not write it down finds that out
/// while nothing is lost yet.
pub fn confirm_words(passphrase: &Passphrase, places: [usize; 2]) -> Result<()> {
    for place in places {
        let word = passphrase.danger_reveal().split('-').nth(place).unwrap_or_default();
        let asked = format!("Word {} of it, from what you wrote down: ", place.saturating_add(1));
        let mut tries = 0;
        while !is_word(&read(&asked, MADE)?, word) {
            tries += 1;
            if tries == TRIES {
                return Err(
                    Error::refused("the passphrase was not written down, so nothing is put under it")
                        .hint("run the command again: another one is made, or type one of your own"),
                );
            }
            eprintln!("this is another word; once more");
        }
    }
    Ok(())
}

fn is_word(typed: &str, word: &str) -> bool {
    !word.is_empty() && typed.trim().eq_ignore_ascii_case(word)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_taken_as_people_type_it_and_no_other_is() {
        assert!(is_word("crater", "crater") && is_word(" Crater ", "crater"));
        for typed in ["", "crate", "craters", "crater crater"] {
            assert!(!is_word(typed, "crater"), "{typed}");
        }
        assert!(!is_word("", ""));
    }

    #[test]
    fn a_line_can_be_corrected_and_given_up() {
        let typed = |keys: &[u8]| line(&mut &*keys).map(|line| line.to_string());
        assert_eq!(typed(b"correct horse\n").unwrap(), "correct horse");
        assert_eq!(typed("h\u{f6}\u{7f}orsf\u{8}e\r".as_bytes()).unwrap(), "horse");
        assert_eq!(typed(b"wrong\x15right\n").unwrap(), "right");
        assert_eq!(typed(b"\x7f\n").unwrap(), "");
        for given_up in [&b"hor\x03"[..], b"\x04", b"horse"] {
            assert_eq!(typed(given_up).unwrap_err().to_string(), "interrupted at the prompt");
        }
        assert!(typed(&[0xff, b'\n']).is_err() && typed(&[b'x'; 2000]).is_err());
    }
}
