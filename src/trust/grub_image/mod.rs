//! The judge of GRUB core images: does one enforce signatures, whatever the disk holds?
//!
//! A key alone does not: `pgp` has to be in the image, nothing that the image runs may take the enforcement away, and
//! nobody may come to a command line, where `set check_signatures=no` is all that it takes.

use crate::finding::{Finding, Kind};
use crate::formats::grub::core_image::{CoreImage, Switch};
use crate::formats::grub::openpgp::{GrubKey, GrubKeyFile};
use crate::formats::grub::script::{Command, Part, Script, Word};
use crate::formats::text::printable;

/// Modules without which no signature over SHA-512 by an RSA key is verified: GRUB would open nothing at all.
pub const VERIFIERS: [&str; 3] = ["pgp", "gcry_rsa", "gcry_sha512"];
/// Commands after which GRUB does not come back.
const ENDS: [&str; 3] = ["reboot", "halt", "exit"];

/// `pgp`, which verifies, is not in the image.
const NO_PGP: Kind = Kind::error("no_pgp");
/// No OpenPGP key is embedded.
pub const NO_KEY: Kind = Kind::error("no_key");
/// `tpm` says to the lockdown that it verifies, and only measures.
const TPM_WITHOUT_PGP: Kind = Kind::error("tpm_without_pgp");
/// An embedded key cannot be read, at which GRUB stops.
const UNREADABLE_KEY: Kind = Kind::error("unreadable_key");
/// GRUB finds no key that it can use in an embedded key file.
const USELESS_KEY: Kind = Kind::error("useless_key");
/// A DSA key is trusted, on which nobody should rely any more.
const DSA_KEY: Kind = Kind::error("dsa_key");
/// An embedded key is not one of the keys that the image is judged by.
const FOREIGN_KEY: Kind = Kind::error("foreign_key");
/// A module is missing without which nothing can be verified.
const NO_VERIFIER: Kind = Kind::error("no_verifier");
/// The embedded configuration takes the enforcement away.
const DISABLED: Kind = Kind::error("disabled");
/// Whoever sits at the machine gets a command line.
const OPEN_SHELL: Kind = Kind::error("open_shell");
/// The shim lock is on and there is no shim: GRUB opens nothing under Secure Boot.
const SHIM_LOCK: Kind = Kind::error("shim_lock");
/// The embedded configuration takes keys from a file.
pub const TRUST: Kind = Kind::error("trust");

/// Problems by which GRUB starts nothing, rather than something that it should not start.
const STARTS_NOTHING: [Kind; 4] = [UNREADABLE_KEY, NO_VERIFIER, USELESS_KEY, SHIM_LOCK];

/// A finding about an image, whose path the caller knows.
fn problem(kind: Kind, text: impl Into<String>) -> Finding {
    Finding::new(kind, "core image", text)
}

/// A core image, taken apart and judged.
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
    /// The switch of the shim lock.
    pub shim_lock_disabled: Switch,
    /// The switch of the command line.
    pub cli_disabled: Switch,
    /// The script that GRUB runs first, without the password hashes in it.
    pub configuration: Option<String>,
    /// The reasons why it does not enforce, or starts nothing; empty if it enforces.
    pub problems: Vec<Finding>,
}

/// Judges a core image. Every embedded key has to be one of `trusted`, unless there is none of these.
#[must_use]
pub fn judge(image: &CoreImage<'_>, trusted: &[GrubKey], with_shim: bool) -> GrubImage {
    let (keys, mut problems) = keys(image, trusted);
    if image.has_module("pgp") {
        for name in VERIFIERS.into_iter().filter(|name| !image.has_module(name)) {
            problems.push(problem(
                NO_VERIFIER,
                format!(
                    "the module {name} is not in it, without which no signature is verified: GRUB would open nothing"
                ),
            ));
        }
    } else if image.has_module("tpm") {
        problems.push(problem(
            TPM_WITHOUT_PGP,
            "the module tpm is in it and pgp is not: tpm lifts the lockdown and checks nothing",
        ));
    } else {
        problems.push(problem(
            NO_PGP,
            "the module pgp is not in it: the embedded key is of no use, and no signature is looked at",
        ));
    }
    if image.shim_lock_disabled == Switch::Unset && !with_shim {
        problems.push(problem(
            SHIM_LOCK,
            "the shim lock is not disabled: started by firmware itself, not by shim, GRUB opens nothing under Secure Boot",
        ));
    }
    let commands = commands(image);
    let effects = Effects::from_commands(&commands);
    problems.extend(effects.problems.iter().cloned());
    if image.cli_disabled != Switch::Set
        && let Some(reason) = effects.open_shell()
    {
        problems.push(problem(
            OPEN_SHELL,
            format!("{reason}, and the command line is not disabled: whoever sits there can say check_signatures=no"),
        ));
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
        let reasons: Vec<String> = self.problems.iter().map(|problem| printable(&problem.text)).collect();
        let starts_nothing = self
            .problems
            .iter()
            .all(|problem| STARTS_NOTHING.contains(&problem.kind));
        let verdict = if starts_nothing {
            "would open nothing"
        } else {
            "does not enforce"
        };
        Err(format!("{verdict}, because {}", reasons.join("; ")))
    }
}

/// The keys, and the problems with them.
fn keys(image: &CoreImage<'_>, trusted: &[GrubKey]) -> (Vec<GrubKey>, Vec<Finding>) {
    let (mut keys, mut problems) = (Vec::new(), Vec::new());
    if image.keys.is_empty() {
        problems.push(problem(
            NO_KEY,
            "no OpenPGP key is embedded: without one, check_signatures is \"no\"",
        ));
    }
    for file in &image.keys {
        match GrubKeyFile::parse(file) {
            Ok(file) => {
                if file.keys.is_empty() && file.dsa == 0 {
                    problems.push(problem(
                        USELESS_KEY,
                        "an embedded key file holds no RSA key; GRUB would verify nothing by it",
                    ));
                }
                if file.dsa > 0 {
                    problems.push(problem(DSA_KEY, "a DSA key is trusted as well; GRUB's DSA takes SHA-1"));
                }
                keys.extend(file.keys);
            }
            Err(error) => problems.push(problem(
                UNREADABLE_KEY,
                format!("GRUB stops at its start with \"error loading initial key\": {error}"),
            )),
        }
    }
    let is_known = |key: &GrubKey| trusted.iter().any(|own| own.fingerprint() == key.fingerprint());
    if !trusted.is_empty() {
        let foreign = keys.iter().filter(|key| !is_known(key));
        problems.extend(foreign.map(foreign_key));
    }
    (keys, problems)
}

fn foreign_key(key: &GrubKey) -> Finding {
    problem(
        FOREIGN_KEY,
        format!("key {} is embedded, which is none of yours", key.fingerprint()),
    )
}

/// The scripts that the image runs by itself: the rescue parser's configuration, then the memory disk's.
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

/// The configuration as text, without the hashes of passwords, which would help to find one.
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

/// The effects of the embedded configuration on the enforcement, with every condition taken as met.
#[derive(Debug, Default)]
struct Effects {
    superusers: bool,
    exported: bool,
    ends: bool,
    problems: Vec<Finding>,
}

impl Effects {
    fn from_commands(commands: &[Vec<String>]) -> Self {
        let mut effects = Self::default();
        for words in commands {
            effects.command(words);
        }
        effects
    }

    fn command(&mut self, words: &[String]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let disabled = || {
            problem(
                DISABLED,
                format!("the embedded configuration says \"{}\"", words.join(" ")),
            )
        };
        match words.as_slice() {
            ["set", assignment, ..] => match assignment.split_once('=') {
                Some(("check_signatures", value)) if !is_enforcing(value) => {
                    self.problems.push(disabled());
                }
                Some(("superusers", value)) => self.superusers = !value.is_empty(),
                _ => {}
            },
            ["unset", "check_signatures", ..] | ["rmmod", "pgp", ..] => self.problems.push(disabled()),
            ["unset", "superusers", ..] => self.superusers = false,
            ["export", names @ ..] => self.exported |= names.contains(&"superusers"),
            ["load_env", options @ ..] if options.contains(&"--skip-sig") || options.contains(&"-s") => {
                self.problems.push(disabled());
            }
            ["trust", ..] => self.problems.push(problem(
                TRUST,
                format!(
                    "the embedded configuration adds keys from a file: \"{}\"",
                    words.join(" ")
                ),
            )),
            _ => {}
        }
        self.ends = words.first().is_some_and(|command| ENDS.contains(command));
    }

    /// The way in which somebody gets to a command line, where GRUB has one; none if there is no way.
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
