//! The sources of passphrases: a file, a file descriptor, or the terminal; never argv or the environment.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueHint};

use crate::cli::session::Session;
use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::keys::{KeyName, Passphrase};
use crate::ui::prompt;

/// A file with a secret on its first line: of one key, or of all that have none of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SecretFile {
    key: Option<KeyName>,
    path: PathBuf,
}

/// Reads `KEY=FILE` or `FILE`.
impl FromStr for SecretFile {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        let named = text
            .split_once('=')
            .and_then(|(key, path)| Some((key.parse().ok()?, path)));
        Ok(match named {
            Some((key, path)) => Self {
                key: Some(key),
                path: path.into(),
            },
            // The name of a file may have the sign in it.
            None => Self {
                key: None,
                path: text.into(),
            },
        })
    }
}

/// The secrets that were read: a descriptor, or a pipe, gives one only once.
#[derive(Default)]
struct Known(RefCell<BTreeMap<Option<KeyName>, Passphrase>>);

impl Known {
    /// The secret of this key, or the one of all keys, if files or a descriptor were named for it.
    fn read(&self, files: &[SecretFile], descriptor: Option<u32>, key: Option<KeyName>) -> Result<Option<Passphrase>> {
        let of_key = |key: Option<KeyName>| {
            let mut files = files.iter().filter(move |file| file.key == key);
            (files.next(), files.next())
        };
        let (key, found) = match (of_key(key), of_key(None)) {
            ((None, _), found) => (None, found),
            (found, _) => (key, found),
        };
        if let Some(known) = self.0.borrow().get(&key) {
            return Ok(Some(known.duplicate()));
        }
        let secret = match (found, descriptor) {
            ((Some(_), Some(other)), _) => {
                return Err(Error::usage(format!("{} is one secret too many", other.path.shown()))
                    .hint("name one file for all keys, and others for single keys, as PK=FILE"));
            }
            ((Some(file), None), Some(_)) if file.key.is_none() => {
                return Err(Error::usage(
                    "name a file or a descriptor for the secret of all keys, not both",
                ));
            }
            ((Some(file), None), _) => Passphrase::from_file(&file.path)?,
            ((None, _), Some(descriptor)) => Passphrase::from_fd(descriptor)?,
            ((None, _), None) => return Ok(None),
        };
        self.0.borrow_mut().insert(key, secret.duplicate());
        Ok(Some(secret))
    }
}

/// Refuses a file for a key that the command does not open: its secret would be taken for nothing, and another one asked for.
fn check_opened(option: &str, files: &[SecretFile], opened: &[KeyName]) -> Result<()> {
    let useless = |file: &&SecretFile| file.key.is_some_and(|key| !opened.contains(&key));
    let Some((key, path)) = files
        .iter()
        .find(useless)
        .and_then(|file| Some((file.key?, &file.path)))
    else {
        return Ok(());
    };
    let path = path.shown();
    let error = Error::usage(format!("{option} {key}={path} is for nothing: this opens no {key} key"));
    Err(if opened.is_empty() {
        error.hint("what is asked for here is of no single key: name the file without KEY=, or leave the option out")
    } else {
        let names: Vec<&str> = opened.iter().map(|key| key.name()).collect();
        error.hint(format!("the keys that may be opened here: {}", names.join(", ")))
    })
}

/// The passphrase of encrypted private keys.
#[derive(Args)]
pub(super) struct Unlock {
    /// Read the passphrase from the first line of FILE; of one key alone with PK=, KEK=, db=, module=, grub= or pcr= before it. May
    /// be given several times
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    passphrase_file: Vec<SecretFile>,
    /// Read the passphrase from file descriptor N
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
    #[arg(skip)]
    known: Known,
    /// The secrets that were typed: each is asked for once.
    #[arg(skip)]
    typed: RefCell<BTreeMap<String, Passphrase>>,
    /// True if all keys are under one passphrase, as those of a fleet that are offline.
    #[arg(skip)]
    is_one: Cell<bool>,
}

impl std::fmt::Debug for Unlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unlock").finish_non_exhaustive()
    }
}

impl Unlock {
    /// Refuses a secret of a key that is not among those that the command may open.
    pub(super) fn only_for(&self, opened: &[KeyName]) -> Result<()> {
        check_opened("--passphrase-file", &self.passphrase_file, opened)
    }

    /// The passphrase of all keys from a file or descriptor, if one was named.
    pub(super) fn given(&self) -> Result<Option<Passphrase>> {
        self.known.read(&self.passphrase_file, self.passphrase_fd, None)
    }

    /// The secret that is asked for so, if a file or descriptor was named for it.
    pub(super) fn given_for(&self, what: &str) -> Result<Option<Passphrase>> {
        let key = KeyName::asked_for(what);
        self.known.read(&self.passphrase_file, self.passphrase_fd, key)
    }

    /// Asks once from now on: all keys are under one passphrase.
    pub(super) fn ask_once(&self) {
        self.is_one.set(true);
    }

    /// The secret that opens an existing key.
    pub(super) fn existing(&self, what: &str) -> Result<Passphrase> {
        let fleets = KeyName::Fleet.secret();
        if let Some(passphrase) = self.given_for(what)? {
            return Ok(passphrase);
        }
        let what = if self.is_one.get() { &fleets } else { what };
        if let Some(typed) = self.typed.borrow().get(what) {
            return Ok(typed.duplicate());
        }
        let typed = prompt::passphrase(what)?;
        self.typed.borrow_mut().insert(what.to_owned(), typed.duplicate());
        Ok(typed)
    }
}

/// The PIN of tokens.
#[derive(Args)]
pub(super) struct Pin {
    /// Read the PIN of tokens, where their URIs name none, or the passphrase of imported keys, from the first line of FILE; that of
    /// one imported key with PK=, KEK=, db=, module=, grub= or pcr= before it. May be given several times
    #[arg(long = "pin-file", id = "pin_file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<SecretFile>,
    /// Read the PIN from file descriptor N
    #[arg(long = "pin-fd", id = "pin_fd", value_name = "N")]
    descriptor: Option<u32>,
    #[arg(skip)]
    known: Known,
}

impl std::fmt::Debug for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pin").finish_non_exhaustive()
    }
}

impl Pin {
    /// Refuses a secret of a key that is not imported.
    pub(super) fn only_for(&self, imported: &[KeyName]) -> Result<()> {
        check_opened("--pin-file", &self.files, imported)
    }

    /// The PIN from file, descriptor or terminal.
    pub(super) fn ask(&self, what: &str) -> Result<Passphrase> {
        match self
            .known
            .read(&self.files, self.descriptor, KeyName::asked_for(what))?
        {
            Some(secret) => Ok(secret),
            None => prompt::passphrase(what),
        }
    }
}

/// The way to give a new passphrase without a terminal, of commands that open keys as well.
pub(super) const NEW_PASSPHRASE: &str = "give the new one with --new-passphrase-file FILE";
/// The same where all keys are new.
pub(super) const PASSPHRASE: &str = "give it with --passphrase-file FILE or --passphrase-fd N";

/// A new passphrase: typed twice, or made, shown once, and confirmed by two of its words. `way` is the hint where there is no
/// terminal.
pub(super) fn typed_or_made(session: &Session, way: &str) -> Result<Passphrase> {
    if let Some(typed) = prompt::new_passphrase(way)? {
        return Ok(typed);
    }
    let made = Passphrase::generate(&session.context)?;
    prompt::show_once(&made)?;
    prompt::confirm_words(
        &made,
        two_places(session.context.random()?, made.danger_reveal().split('-').count()),
    )?;
    Ok(made)
}

/// Two places among so many words, the first before the second.
fn two_places(random: [u8; 2], words: usize) -> [usize; 2] {
    // At random enough: which words are asked for is no secret.
    let [first, second] = random.map(usize::from);
    let first = first.checked_rem(words.saturating_sub(1)).unwrap_or_default();
    let rest = words.saturating_sub(first.saturating_add(1));
    let second = second.checked_rem(rest).unwrap_or_default();
    [first, first.saturating_add(1).saturating_add(second)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn unlock(files: &[String]) -> Unlock {
        Unlock {
            passphrase_file: files.iter().map(|file| file.parse().unwrap()).collect(),
            passphrase_fd: None,
            known: Known::default(),
            typed: RefCell::default(),
            is_one: Cell::default(),
        }
    }

    #[test]
    fn each_key_has_its_own_secret_and_the_others_have_the_common_one() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = directory.path().join(name);
            std::fs::write(&path, format!("secret of {name}\n")).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, mode).unwrap();
            path.to_str().unwrap().to_owned()
        };
        // One of them has the sign in its name, and is of all keys.
        let unlock = unlock(&[
            format!("PK={}", file("pk")),
            file("all=x"),
            format!("grub={}", file("g")),
        ]);
        let given = |what: &str| unlock.given_for(what).unwrap().unwrap().danger_reveal().to_owned();
        let path = Path::new("/x/PK.key");
        for what in [KeyName::Pk.secret(), KeyName::Pk.secret_in(path)] {
            assert_eq!(given(&what), "secret of pk");
        }
        assert_eq!(given(&KeyName::Grub.secret()), "secret of g");
        for what in [KeyName::Kek.secret(), "Passphrase of the backup".to_owned()] {
            assert_eq!(given(&what), "secret of all=x");
        }
        // They are read once.
        directory.close().unwrap();
        assert_eq!(given(&KeyName::Pk.secret()), "secret of pk");
        assert_eq!(unlock.given().unwrap().unwrap().danger_reveal(), "secret of all=x");
    }

    #[test]
    fn two_secrets_for_the_same_key_are_refused_and_none_for_a_key_is_none() {
        let twice = unlock(&["a".to_owned(), "b".to_owned()]);
        assert_eq!(twice.given().err().unwrap().kind().exit_code(), 2);
        let both = Unlock {
            passphrase_fd: Some(3),
            ..unlock(&["a".to_owned()])
        };
        assert_eq!(both.given().err().unwrap().kind().exit_code(), 2);
        let other = unlock(&["PK=a".to_owned()]);
        assert!(other.given_for(&KeyName::Db.secret()).unwrap().is_none() && other.given().unwrap().is_none());
    }

    #[test]
    fn a_secret_of_a_key_that_is_not_opened_is_refused() {
        let given = unlock(&["PK=a".to_owned(), "b".to_owned()]);
        given.only_for(&[KeyName::Kek, KeyName::Pk]).unwrap();
        for opened in [&[KeyName::Db][..], &[]] {
            let refused = given.only_for(opened).unwrap_err();
            assert_eq!(refused.kind().exit_code(), 2);
            assert!(refused.to_string().contains("--passphrase-file PK=a"), "{refused}");
        }
        unlock(&["b".to_owned()]).only_for(&[]).unwrap();
    }

    #[test]
    fn two_different_words_are_asked_for_whatever_the_chance() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let [one, other] = two_places([first, second], 12);
                assert!(one < other && other < 12, "{one} {other}");
            }
        }
    }
}
