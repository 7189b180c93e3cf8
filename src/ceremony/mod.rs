//! Layer 3: the one-time key ceremony. It makes every key of the chain, the certificates and signature lists that
//! firmware and kernel know them by, and the signed writes that put them there.
//!
//! All of it is made in a directory under a temporary name, read back and tried as firmware, kernel and GRUB will, and
//! only then renamed to its place: there is never half a ceremony.

mod check;
mod make;
mod report;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::formats::guid::Guid;
use crate::keys::{KeyName, Passphrase};
use crate::system::{Context, NewDirectory};
use crate::trust::microsoft::Selection;

pub use report::{KeyReport, Report};

/// Validity of certificates unless another is asked for, in years.
pub const DEFAULT_YEARS: u16 = 10;
/// Longest name of a ceremony, in characters; with what a certificate's subject adds it has up to 64.
const MAX_NAME: usize = 32;

/// Which revocations go into dbx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revocations {
    /// Microsoft's list for x86-64, signed anew by our own KEK.
    #[default]
    Microsoft,
    /// None.
    None,
}

/// What to make.
pub struct Spec {
    /// The key directory: it does not exist yet, or is empty.
    pub out: PathBuf,
    /// Whose keys they are: begins the subject of every certificate, 1 to 32 characters.
    pub name: String,
    /// Owner GUID of our entries in the signature lists; a random one if there is none.
    pub owner: Option<Guid>,
    /// Microsoft's certificates that join KEK and db.
    pub microsoft: Selection,
    /// What dbx holds.
    pub dbx: Revocations,
    /// Keys that rest without encryption, because nobody is there to type a passphrase when they sign.
    pub plain: BTreeSet<KeyName>,
    /// Wraps all other keys.
    pub passphrase: Option<Passphrase>,
    /// Validity of the certificates, in years, 1 to 100.
    pub years: u16,
}

impl Spec {
    /// A ceremony with the defaults: every key encrypted, Microsoft's default certificates and revocations.
    #[must_use]
    pub fn new(name: impl Into<String>, out: impl Into<PathBuf>) -> Self {
        Self {
            out: out.into(),
            name: name.into(),
            owner: None,
            microsoft: Selection::default(),
            dbx: Revocations::default(),
            plain: BTreeSet::new(),
            passphrase: None,
            years: DEFAULT_YEARS,
        }
    }

    /// Whether any key is to be encrypted, so that a passphrase is needed.
    #[must_use]
    pub fn needs_passphrase(&self) -> bool {
        KeyName::ALL.iter().any(|name| !self.plain.contains(name))
    }

    /// Checks all that can be checked before anything is made.
    pub fn validate(&self) -> Result<()> {
        let name = self.name.as_str();
        if name.trim().is_empty() || name.trim() != name || name.contains(char::is_control) {
            return Err(Error::usage(
                "a ceremony's name has at least one character, none of them a control character, and no spaces around it",
            ));
        }
        if name.chars().count() > MAX_NAME {
            return Err(Error::usage(format!(
                "a ceremony's name has at most {MAX_NAME} characters"
            )));
        }
        if !(1..=100).contains(&self.years) {
            return Err(Error::usage("certificates are valid for 1 to 100 years"));
        }
        NewDirectory::check(&self.out)?;
        Ok(())
    }

    /// The passphrase of this key; `None` for a plain one.
    fn passphrase_of(&self, name: KeyName) -> Result<Option<&Passphrase>> {
        if self.plain.contains(&name) {
            return Ok(None);
        }
        self.passphrase.as_ref().map(Some).ok_or_else(|| {
            Error::usage(format!("the {name} key is to be encrypted, but there is no passphrase")).hint(
                "give one with --passphrase-file FILE, or name keys that stay unencrypted with --plain db,module,grub",
            )
        })
    }

    /// The subject of a key's certificate, or the user ID of GRUB's.
    fn subject(&self, name: KeyName, year: u16) -> String {
        let purpose = match name {
            KeyName::Pk => "Platform Key",
            KeyName::Kek => "Key Exchange Key",
            KeyName::Db => "Secure Boot Signing Key",
            KeyName::Module => "Kernel Module Key",
            KeyName::Grub => "GRUB Key",
        };
        format!("{} {purpose} {year}", self.name)
    }
}

/// Size of a key's modulus, in bits. Firmware reads RSA-2048 everywhere and more only lately; the kernel reads up to
/// 4096, and GRUB too.
const fn bits(name: KeyName) -> u32 {
    match name {
        KeyName::Pk | KeyName::Kek | KeyName::Db => 2048,
        KeyName::Module | KeyName::Grub => 4096,
    }
}

/// Holds the ceremony. An error leaves nothing behind; a dry run makes nothing and reports what would be made.
pub fn run(context: &Context, spec: &Spec) -> Result<Report> {
    spec.validate()?;
    if context.dry_run() {
        return Report::planned(context, spec);
    }
    for name in KeyName::ALL {
        spec.passphrase_of(name)?;
    }
    let directory = NewDirectory::stage(context, &spec.out)?;
    make::all(context, spec, directory.path())?;
    let report = check::all(context, spec, directory.path())?;
    directory.publish()?;
    Ok(report)
}
