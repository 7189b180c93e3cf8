//! The judge of GRUB core images: does one enforce signatures, whatever the disk holds?
//!
//! A key alone does not: `pgp` has to be in the image, nothing that the image runs may take the enforcement away, and
//! nobody may come to a command line, where `set check_signatures=no` is all that it takes.

mod effects;
mod problem;

use crate::finding::{Finding, Kind};
use crate::formats::grub::core_image::{CoreImage, Switch};
use crate::formats::grub::openpgp::{GrubKey, GrubKeyFile};
use crate::formats::text::printable;

use effects::Effects;
pub use problem::TRUST;
use problem::{OPEN_SHELL, UNPROVEN, problem};

/// Modules without which no signature over SHA-512 by an RSA key is verified: GRUB would open nothing at all.
pub const VERIFIERS: [&str; 3] = ["pgp", "gcry_rsa", "gcry_sha512"];

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
/// The shim lock is on and there is no shim: GRUB opens nothing under Secure Boot.
const SHIM_LOCK: Kind = Kind::error("shim_lock");

/// Problems by which GRUB starts nothing, rather than something that it should not start.
const STARTS_NOTHING: [Kind; 4] = [UNREADABLE_KEY, NO_VERIFIER, USELESS_KEY, SHIM_LOCK];

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
    let effects = Effects::from_image(image);
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
    /// True if it may open what nobody signed.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let starts_nothing = |problem: &Finding| STARTS_NOTHING.contains(&problem.kind);
        !self.problems.iter().all(starts_nothing)
    }

    /// The verdict in one line.
    pub fn verdict(&self) -> Result<String, String> {
        if self.problems.is_empty() {
            let keys: Vec<String> = self.keys.iter().map(GrubKey::fingerprint).collect();
            return Ok(format!("enforces signatures by OpenPGP key {}", keys.join(" and ")));
        }
        let reasons: Vec<String> = self.problems.iter().map(|problem| printable(&problem.text)).collect();
        let is_open = |problem: &Finding| problem.kind == UNPROVEN;
        let verdict = if !self.is_open() {
            "would open nothing"
        } else if self.problems.iter().all(is_open) {
            "cannot be proven to enforce"
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

#[cfg(test)]
mod tests;
