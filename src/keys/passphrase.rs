//! The passphrase that wraps private keys at rest. It comes from a file, a file descriptor or the terminal, never from
//! the command line or the environment, where every process of the machine can read it.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result};
use crate::formats::backup::words::words;
use crate::formats::text::Shown;
use crate::system::{self, Context};

/// Words of a made passphrase, 11 bits each: 110 bits.
const MADE_WORDS: usize = 10;

/// A passphrase: wiped from memory after use, and in no form printable by accident.
pub struct Passphrase(SecretString);

impl Passphrase {
    /// From text that a person typed. An empty one is refused, and one with control characters, which no terminal could
    /// repeat.
    pub fn new(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(Error::usage("the passphrase is empty"));
        }
        if text.contains(char::is_control) {
            return Err(Error::usage("the passphrase has control characters in it"));
        }
        Ok(Self(SecretString::from(text)))
    }

    /// The first line of a file that only its owner can read, without the line break.
    pub fn from_file(path: &Path) -> Result<Self> {
        let bytes = system::read_secret(path)?;
        Self::first_line(&bytes)
            .or_usage(|| format!("cannot take a passphrase from the first line of {}", path.shown()))
    }

    /// The first line of text, without the line break. The error quotes nothing of it.
    pub fn first_line(text: &[u8]) -> Result<Self> {
        let first = text.split(|byte| *byte == b'\n').next();
        let first = first.ok_or_else(|| Error::bug("a text without a first line"))?;
        // The cause would quote nothing but a position; the bytes stay out of the error.
        let line = std::str::from_utf8(first).or_usage(|| "the passphrase is not UTF-8".to_owned())?;
        Self::new(line.strip_suffix('\r').unwrap_or(line))
    }

    /// The first line behind this open file descriptor: of a pipe, or a file that only its owner can read.
    pub fn from_fd(descriptor: u32) -> Result<Self> {
        Self::from_file(&PathBuf::from(format!("/proc/self/fd/{descriptor}")))
    }

    /// Makes a passphrase of 110 random bits: ten words with hyphens between.
    pub fn generate(context: &Context) -> Result<Self> {
        let random = Zeroizing::new(context.random::<{ (MADE_WORDS * 11).div_ceil(8) }>()?);
        let text = Zeroizing::new(words(random.as_slice(), MADE_WORDS).join("-"));
        Self::new(&text)
    }

    /// Another copy, wiped on its own, for a second key under the same passphrase.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// The secret itself: to derive a key from, or to show a made passphrase to its owner, once.
    #[must_use]
    pub fn danger_reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;

    fn file(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn the_first_line_counts_without_its_break() {
        for content in ["correct horse", "correct horse\n", "correct horse\r\nsecond\n"] {
            let file = file(content.as_bytes());
            let passphrase = Passphrase::from_file(file.path()).unwrap();
            assert_eq!(passphrase.danger_reveal(), "correct horse");
            let descriptor = u32::try_from(file.as_file().as_raw_fd()).unwrap();
            assert_eq!(
                Passphrase::from_fd(descriptor).unwrap().danger_reveal(),
                "correct horse"
            );
        }
    }

    #[test]
    fn errors_never_quote_the_secret() {
        let shared = file(b"hunter2\n");
        fs::set_permissions(shared.path(), Permissions::from_mode(0o644)).unwrap();
        for file in [
            shared,
            file(b"hunter2\xff"),
            file(b"hunter2\x07"),
            file(b""),
            file(b"\nhunter2"),
        ] {
            let error = Passphrase::from_file(file.path()).err().unwrap();
            let all = format!("{error:?} {error} {:?} {:?}", error.causes(), error.hints());
            assert!(!all.contains("hunter2"), "{all}");
        }
    }

    #[test]
    fn made_ones_differ_and_have_ten_words() {
        let context = Context::host();
        let one = Passphrase::generate(&context).unwrap();
        let other = Passphrase::generate(&context).unwrap();
        assert_ne!(one.danger_reveal(), other.danger_reveal());
        assert_eq!(one.danger_reveal().split('-').count(), 10);
    }
}
