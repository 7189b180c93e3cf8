//! The error that a person sees: what could not be done, why, and the next command.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{fmt, io, iter};

use rustix::io::Errno;

use crate::formats::text::{SettingsError, is_hidden};

/// A boxed cause, as kept in an [`Error`].
pub type Cause = Box<dyn StdError + Send + Sync + 'static>;
/// The result of every operation above the format layer.
pub type Result<T> = std::result::Result<T, Error>;

/// The meaning of an error to the caller; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A finding, or a refusal for a stated reason: exit code 1.
    Refused,
    /// The command line or configuration asks for something that makes no sense: exit code 2.
    Usage,
    /// Something that is needed is missing, unreadable or not permitted: exit code 3.
    CouldNotRun,
    /// A state that bootseal should never reach: exit code 70.
    Bug,
}

impl Kind {
    /// The process exit code.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Refused => 1,
            Self::Usage => 2,
            Self::CouldNotRun => 3,
            Self::Bug => 70,
        }
    }

    /// The stable name used in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Usage => "usage",
            Self::CouldNotRun => "could_not_run",
            Self::Bug => "bug",
        }
    }
}

/// A failure with its kind, its cause chain and the commands that may remedy it.
///
/// It is one pointer wide: a run of signing holds a result for each of its files.
#[derive(Debug)]
pub struct Error(Box<Parts>);

#[derive(Debug)]
struct Parts {
    kind: Kind,
    message: String,
    cause: Option<Cause>,
    hints: Vec<String>,
}

impl Error {
    /// An error of `kind`; prefer the constructors named after the kinds.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            message: message.into(),
            cause: None,
            hints: Vec::new(),
        }))
    }

    /// A finding or refusal (exit code 1).
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// A usage error (exit code 2).
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Something that is needed is missing (exit code 3).
    pub fn could_not_run(message: impl Into<String>) -> Self {
        Self::new(Kind::CouldNotRun, message)
    }

    /// A broken invariant of bootseal itself (exit code 70).
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Kind::Bug, message)
    }

    /// Adds the cause below this error.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds what is wrong with a file of settings, and the name that is meant there.
    #[must_use]
    pub fn misread(self, error: SettingsError) -> Self {
        let hint = error.hint.clone();
        let failed = self.caused_by(error);
        match hint {
            Some(hint) => failed.hint(hint),
            None => failed,
        }
    }

    /// The error below another message, which says to which end it came; its kind and hints stay.
    #[must_use]
    pub fn explained(self, message: impl Into<String>) -> Self {
        Self::new(self.kind(), message).caused_by(self)
    }

    /// Adds a hint: the exact next command or step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// The meaning of the error to the caller.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The kind of the first failed access to a file or device among the causes; `None` if none of them is one.
    #[must_use]
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        self.below().find_map(|cause| {
            let system = || {
                cause
                    .downcast_ref::<Errno>()
                    .map(|errno| io::Error::from(*errno).kind())
            };
            cause.downcast_ref::<io::Error>().map(io::Error::kind).or_else(system)
        })
    }

    /// The message and those of the causes, outermost first, in one line.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        let messages: Vec<String> = iter::once(self.to_string()).chain(self.causes()).collect();
        messages.join(": ")
    }

    /// The causes, outermost first.
    fn below(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        iter::successors(self.source(), |cause| (*cause).source())
    }

    /// The hints of this error and of every [`Error`] below it, outermost first.
    #[must_use]
    pub fn hints(&self) -> Vec<&str> {
        let below = self.below().filter_map(|cause| cause.downcast_ref::<Self>());
        iter::once(self)
            .chain(below)
            .flat_map(|error| error.0.hints.iter().map(String::as_str))
            .collect()
    }

    /// The messages of the causes, outermost first.
    #[must_use]
    pub fn causes(&self) -> Vec<String> {
        self.below().map(ToString::to_string).collect()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|cause| cause as _)
    }
}

/// Turns any failure into an [`Error`] that names the operation.
pub trait Explain<T> {
    /// The failure means "refused" (exit code 1).
    fn or_refuse(self, message: impl FnOnce() -> String) -> Result<T>;
    /// The failure means "could not run" (exit code 3).
    fn or_could_not_run(self, message: impl FnOnce() -> String) -> Result<T>;
    /// The failure means that the input makes no sense (exit code 2).
    fn or_usage(self, message: impl FnOnce() -> String) -> Result<T>;
    /// The failure means that bootseal itself is wrong (exit code 70).
    fn or_bug(self, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Cause>> Explain<T> for std::result::Result<T, E> {
    fn or_refuse(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::refused(message()).caused_by(cause))
    }
    fn or_could_not_run(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::could_not_run(message()).caused_by(cause))
    }
    fn or_usage(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::usage(message()).caused_by(cause))
    }
    fn or_bug(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Error::bug(message()).caused_by(cause))
    }
}

/// A path as a shell takes it, for hints that are commands: as it is, in quotes, or, where it has characters that no
/// terminal shows, in the form `$'…'` of bash, zsh and POSIX.1-2024.
#[must_use]
pub fn quoted(path: &Path) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%=".contains(c);
    let text = path.to_str().filter(|text| !text.contains(is_hidden));
    match text {
        Some(text) if text.chars().all(plain) && !text.is_empty() => text.to_owned(),
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        None => escaped_word(path.as_os_str().as_bytes()),
    }
}

/// Bytes in the form `$'…'`.
fn escaped_word(bytes: &[u8]) -> String {
    let mut word = "$'".to_owned();
    let escape = |word: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // Two digits are all that a shell takes. Writing to a string does not fail.
            let _ = write!(word, "\\x{byte:02x}");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => word.push_str("\\n"),
                '\t' => word.push_str("\\t"),
                '\'' | '\\' => word.extend(['\\', c]),
                c if is_hidden(c) => escape(&mut word, c.encode_utf8(&mut [0; 4]).as_bytes()),
                c => word.push(c),
            }
        }
        escape(&mut word, chunk.invalid());
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_path_is_one_word_of_a_shell() {
        for (path, expected) in [
            ("/boot/a-1.efi", "/boot/a-1.efi"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("a\\b", r"'a\b'"),
            ("a\nb's \u{202e}\u{1b}c\\", r"$'a\nb\'s \xe2\x80\xae\x1bc\\'"),
        ] {
            assert_eq!(quoted(Path::new(path)), expected);
        }
        let bytes = b"a\xff\xfef";
        assert_eq!(quoted(Path::new(std::ffi::OsStr::from_bytes(bytes))), r"$'a\xff\xfef'");
    }

    #[test]
    fn causes_and_hints_are_gathered_outermost_first() {
        let inner = Error::could_not_run("no key").hint("make one");
        let outer = Error::refused("not signed").caused_by(inner).hint("sign it");
        assert_eq!(outer.kind().exit_code(), 1);
        assert_eq!(outer.causes(), ["no key"]);
        assert_eq!(outer.hints(), ["sign it", "make one"]);
    }
    #[test]
    fn the_kind_of_a_failed_access_is_found_below_other_causes() {
        let missing = Error::could_not_run("cannot read x").caused_by(io::Error::from(io::ErrorKind::NotFound));
        let outer = Error::refused("no key").caused_by(missing);
        assert_eq!(outer.io_kind(), Some(io::ErrorKind::NotFound));
        assert_eq!(outer.in_one_line(), "no key: cannot read x: entity not found");
        let call = Error::could_not_run("cannot lock x").caused_by(Errno::ACCESS);
        assert_eq!(call.io_kind(), Some(io::ErrorKind::PermissionDenied));
        assert_eq!(Error::refused("no").caused_by("because").io_kind(), None);
    }
}
