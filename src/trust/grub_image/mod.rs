//! Does a GRUB core image enforce signatures, whatever the disk holds?
//!
//! A key alone does not: `pgp` has to be in the image, nothing that the image runs may take the enforcement away, and
//! nobody may come to a command line, where `set check_signatures=no` is all that it takes.

use crate::formats::grub::core_image::{CoreImage, Switch};
use crate::formats::grub::openpgp::{GrubKey, GrubKeyFile};
use crate::formats::grub::script::{Command, Part, Script, Word};
use crate::formats::text::printable;

/// Modules without which no signature over SHA-512 by an RSA key is verified: GRUB would open nothing at all.
pub const VERIFIERS: [&str; 3] = ["pgp", "gcry_rsa", "gcry_sha512"];
/// Commands after which GRUB does not come back.
const ENDS: [&str; 3] = ["reboot", "halt", "exit"];

/// Why a core image does not enforce, or starts nothing at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// `pgp`, which verifies, is not in the image.
    #[error("the module pgp is not in it: the embedded key is of no use, and no signature is looked at")]
    NoPgp,
    /// Neither is a key.
    #[error("no OpenPGP key is embedded: without one, check_signatures is \"no\"")]
    NoKey,
    /// `tpm` says to the lockdown that it verifies, and only measures.
    #[error("the module tpm is in it and pgp is not: tpm lifts the lockdown and checks nothing")]
    TpmWithoutPgp,
    /// GRUB stops at its start.
    #[error("GRUB stops at its start with \"error loading initial key\": {0}")]
    UnreadableKey(String),
    /// A key file in which GRUB finds no key that it can use.
    #[error("an embedded key file holds no RSA key; GRUB would verify nothing by it")]
    UselessKey,
    /// Keys that nobody should rely on any more.
    #[error("a DSA key is trusted as well; GRUB's DSA takes SHA-1")]
    DsaKey,
    /// Not one of the keys that it is judged by.
    #[error("key {0} is embedded, which is none of yours")]
    ForeignKey(String),
    /// A module without which nothing can be verified.
    #[error("the module {0} is not in it, without which no signature is verified: GRUB would open nothing")]
    NoVerifier(&'static str),
    /// The embedded configuration takes the enforcement away.
    #[error("the embedded configuration says \"{0}\"")]
    Disabled(String),
    /// Whoever sits at the machine gets a command line.
    #[error("{0}, and the command line is not disabled: whoever sits there can say check_signatures=no")]
    OpenShell(&'static str),
    /// Without shim, GRUB opens nothing under Secure Boot.
    #[error(
        "the shim lock is not disabled: started by firmware itself, not by shim, GRUB opens nothing under Secure Boot"
    )]
    ShimLock,
    /// Keys come from a file.
    #[error("the embedded configuration adds keys from a file: \"{0}\"")]
    Trust(String),
}

impl Problem {
    /// The stable name used in JSON.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NoPgp => "no_pgp",
            Self::NoKey => "no_key",
            Self::TpmWithoutPgp => "tpm_without_pgp",
            Self::UnreadableKey(_) => "unreadable_key",
            Self::UselessKey => "useless_key",
            Self::DsaKey => "dsa_key",
            Self::ForeignKey(_) => "foreign_key",
            Self::NoVerifier(_) => "no_verifier",
            Self::Disabled(_) => "disabled",
            Self::OpenShell(_) => "open_shell",
            Self::ShimLock => "shim_lock",
            Self::Trust(_) => "trust",
        }
    }

    /// Whether GRUB would not start what it should, rather than start what it should not.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::UnreadableKey(_) | Self::NoVerifier(_) | Self::UselessKey | Self::ShimLock
        )
    }
}

/// What a core image is and does.
#[derive(Debug, Clone)]
pub struct GrubImage {
    /// GRUB's version, as far as the image says.
    pub version: Option<String>,
    /// Where GRUB looks for its files.
    pub prefix: Option<String>,
    /// Names of the modules, in their order.
    pub modules: Vec<String>,
    /// The RSA keys that are trusted.
    pub keys: Vec<GrubKey>,
    /// Whether the shim lock is disabled.
    pub shim_lock_disabled: Switch,
    /// Whether the command line is disabled.
    pub cli_disabled: Switch,
    /// What GRUB runs first, without the password hashes in it.
    pub configuration: Option<String>,
    /// Why it does not enforce, or starts nothing; empty if it enforces.
    pub problems: Vec<Problem>,
}

/// Judges a core image. Every embedded key has to be one of `trusted`, unless there is none of these.
#[must_use]
pub fn judge(image: &CoreImage<'_>, trusted: &[GrubKey], with_shim: bool) -> GrubImage {
    let (keys, mut problems) = keys(image, trusted);
    if image.has_module("pgp") {
        for name in VERIFIERS.into_iter().filter(|name| !image.has_module(name)) {
            problems.push(Problem::NoVerifier(name));
        }
    } else if image.has_module("tpm") {
        problems.push(Problem::TpmWithoutPgp);
    } else {
        problems.push(Problem::NoPgp);
    }
    if image.shim_lock_disabled == Switch::Unset && !with_shim {
        problems.push(Problem::ShimLock);
    }
    let commands = commands(image);
    let effects = Effects::of(&commands);
    problems.extend(effects.problems.iter().cloned());
    if image.cli_disabled != Switch::Set
        && let Some(reason) = effects.open_shell()
    {
        problems.push(Problem::OpenShell(reason));
    }
    GrubImage {
        version: image.version.clone(),
        prefix: image.prefix.map(str::to_owned),
        modules: image.modules.iter().map(|module| module.name.clone()).collect(),
        keys,
        shim_lock_disabled: image.shim_lock_disabled,
        cli_disabled: image.cli_disabled,
        configuration: configuration(image),
        problems,
    }
}

impl GrubImage {
    /// The verdict in one line.
    pub fn verdict(&self) -> Result<String, String> {
        if self.problems.is_empty() {
            let keys: Vec<String> = self.keys.iter().map(GrubKey::fingerprint).collect();
            return Ok(format!("enforces signatures by OpenPGP key {}", keys.join(" and ")));
        }
        let reasons: Vec<String> = self
            .problems
            .iter()
            .map(|problem| printable(&problem.to_string()))
            .collect();
        let enforces = self.problems.iter().all(Problem::is_fatal);
        let verdict = if enforces {
            "would open nothing"
        } else {
            "does not enforce"
        };
        Err(format!("{verdict}, because {}", reasons.join("; ")))
    }
}

/// The keys, and what is wrong with them.
fn keys(image: &CoreImage<'_>, trusted: &[GrubKey]) -> (Vec<GrubKey>, Vec<Problem>) {
    let (mut keys, mut problems) = (Vec::new(), Vec::new());
    if image.keys.is_empty() {
        problems.push(Problem::NoKey);
    }
    for file in &image.keys {
        match GrubKeyFile::parse(file) {
            Ok(file) => {
                if file.keys.is_empty() && file.dsa == 0 {
                    problems.push(Problem::UselessKey);
                }
                if file.dsa > 0 {
                    problems.push(Problem::DsaKey);
                }
                keys.extend(file.keys);
            }
            Err(error) => problems.push(Problem::UnreadableKey(error.to_string())),
        }
    }
    let is_known = |key: &GrubKey| trusted.iter().any(|own| own.fingerprint() == key.fingerprint());
    if !trusted.is_empty() {
        let foreign = keys.iter().filter(|key| !is_known(key));
        problems.extend(foreign.map(|key| Problem::ForeignKey(key.fingerprint())));
    }
    (keys, problems)
}

/// What the image runs by itself: the rescue parser's configuration, then the memory disk's.
fn scripts<'i>(image: &'i CoreImage<'_>) -> impl Iterator<Item = &'i [u8]> {
    let embedded = image.configuration.into_iter();
    embedded.chain(image.memory_disk_configuration.as_deref())
}

/// The words of each command, without quotes.
fn commands(image: &CoreImage<'_>) -> Vec<Vec<String>> {
    let words = |command: Command| {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Variable(name) => format!("${{{name}}}"),
        };
        let text = |word: &Word| word.parts.iter().map(part).collect();
        command.words.iter().map(text).collect()
    };
    let parsed = scripts(image).map(|script| Script::parse_bytes(script).commands);
    parsed.flatten().map(words).collect()
}

/// The configuration as text, without what would help to find a password.
fn configuration(image: &CoreImage<'_>) -> Option<String> {
    let texts: Vec<String> = scripts(image)
        .map(|script| String::from_utf8_lossy(script).into_owned())
        .collect();
    let hide = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            [command @ ("password" | "password_pbkdf2"), user, ..] => format!("{command} {user} …"),
            _ => line.to_owned(),
        }
    };
    (!texts.is_empty()).then(|| texts.join("\n").lines().map(hide).collect::<Vec<_>>().join("\n"))
}

/// What the embedded configuration does to the enforcement, whether or not a condition holds.
#[derive(Debug, Default)]
struct Effects {
    superusers: bool,
    exported: bool,
    ends: bool,
    problems: Vec<Problem>,
}

impl Effects {
    fn of(commands: &[Vec<String>]) -> Self {
        let mut effects = Self::default();
        for words in commands {
            effects.command(words);
        }
        effects
    }

    fn command(&mut self, words: &[String]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = || words.join(" ");
        match words.as_slice() {
            ["set", assignment, ..] => match assignment.split_once('=') {
                Some(("check_signatures", value)) if !is_enforcing(value) => {
                    self.problems.push(Problem::Disabled(said()));
                }
                Some(("superusers", value)) => self.superusers = !value.is_empty(),
                _ => {}
            },
            ["unset", "check_signatures", ..] | ["rmmod", "pgp", ..] => self.problems.push(Problem::Disabled(said())),
            ["unset", "superusers", ..] => self.superusers = false,
            ["export", names @ ..] => self.exported |= names.contains(&"superusers"),
            ["load_env", options @ ..] if options.contains(&"--skip-sig") || options.contains(&"-s") => {
                self.problems.push(Problem::Disabled(said()));
            }
            ["trust", ..] => self.problems.push(Problem::Trust(said())),
            _ => {}
        }
        self.ends = words.first().is_some_and(|command| ENDS.contains(command));
    }

    /// How somebody gets to a command line, if the command line is there.
    fn open_shell(&self) -> Option<&'static str> {
        if !self.superusers {
            Some("the embedded configuration sets no superusers")
        } else if !self.exported {
            Some("the embedded configuration does not export superusers, so that configfile forgets them")
        } else if !self.ends {
            Some("the embedded configuration does not end in reboot, halt or exit, so that a failure ends in a shell")
        } else {
            None
        }
    }
}

/// GRUB looks at the first character.
fn is_enforcing(value: &str) -> bool {
    value.starts_with(['e', '1'])
}

#[cfg(test)]
mod tests;
