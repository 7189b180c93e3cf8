//! The keys of the chain.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::text::{Shown, UnknownName, find_by_name};

/// One of the keys that a ceremony makes. Each is a key of its own, so that one can be replaced without the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyName {
    /// The platform key: signs changes of KEK and of itself.
    Pk,
    /// The key exchange key: signs changes of db and dbx.
    Kek,
    /// Signs the images that firmware starts.
    Db,
    /// Signs kernel modules.
    Module,
    /// Signs the files that GRUB opens: an OpenPGP key.
    Grub,
    /// Signs the values of PCR 11 to which a disk's key is bound: made only where it is asked for.
    Pcr,
    /// Signs a fleet's transcript and the bundles of its nodes: no firmware, kernel or boot loader knows it.
    Fleet,
}

impl KeyName {
    /// All of them, in the order of authority.
    pub const ALL: [Self; 7] = [
        Self::Pk,
        Self::Kek,
        Self::Db,
        Self::Module,
        Self::Grub,
        Self::Pcr,
        Self::Fleet,
    ];
    /// The keys that the ceremony of every node makes.
    pub const USUAL: [Self; 5] = [Self::Pk, Self::Kek, Self::Db, Self::Module, Self::Grub];
    /// The keys with an X.509 certificate: all but GRUB's.
    pub const CERTIFIED: [Self; 6] = [Self::Pk, Self::Kek, Self::Db, Self::Module, Self::Pcr, Self::Fleet];

    /// The name, also of its files in the key directory.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pk => "PK",
            Self::Kek => "KEK",
            Self::Db => "db",
            Self::Module => "module",
            Self::Grub => "grub",
            Self::Pcr => "pcr",
            Self::Fleet => "fleet",
        }
    }

    /// The passphrase of the key, as it is asked for.
    #[must_use]
    pub fn secret(self) -> String {
        format!("Passphrase of the {} key", self.name())
    }

    /// The passphrase of the key in this file, as it is asked for: several directories may hold a key of this name.
    #[must_use]
    pub fn secret_in(self, file: &Path) -> String {
        format!("{} in {}", self.secret(), file.shown())
    }

    /// The PIN of the token with this label that has the key, as it is asked for.
    #[must_use]
    pub fn pin_of(self, token: &str) -> String {
        format!("PIN of the token \"{token}\" with the {self} key")
    }

    /// The key whose passphrase is asked for so.
    #[must_use]
    pub fn asked_for(secret: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| {
            let rest = secret.strip_prefix(&name.secret());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" in "))
        })
    }

    /// The purpose of the key, as subjects of certificates say it.
    #[must_use]
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Pk => "Platform Key",
            Self::Kek => "Key Exchange Key",
            Self::Db => "Secure Boot Signing Key",
            Self::Module => "Kernel Module Key",
            Self::Grub => "GRUB Key",
            Self::Pcr => "PCR Signing Key",
            Self::Fleet => "Fleet Key",
        }
    }

    /// The firmware variable that holds its certificate, if one does.
    #[must_use]
    pub const fn variable(self) -> Option<VariableName> {
        match self {
            Self::Pk => Some(VariableName::Pk),
            Self::Kek => Some(VariableName::Kek),
            Self::Db => Some(VariableName::Db),
            Self::Module | Self::Grub | Self::Pcr | Self::Fleet => None,
        }
    }

    /// The smallest modulus of a new key, in bits. An image of GRUB, and what it trusts, outlives the years of a
    /// smaller one.
    #[must_use]
    pub const fn least_bits(self) -> u32 {
        match self {
            Self::Pk | Self::Kek | Self::Db | Self::Module | Self::Pcr | Self::Fleet => 2048,
            Self::Grub => 3072,
        }
    }

    /// The largest modulus of a new key, in bits. Every TPM verifies signatures of RSA-2048, and few those of more.
    #[must_use]
    pub const fn most_bits(self) -> u32 {
        match self {
            Self::Pcr => 2048,
            _ => 4096,
        }
    }

    /// True if a ceremony makes it only where it is asked for.
    #[must_use]
    pub fn is_optional(self) -> bool {
        !Self::USUAL.contains(&self)
    }

    /// True if it has an X.509 certificate.
    #[must_use]
    pub fn is_certified(self) -> bool {
        Self::CERTIFIED.contains(&self)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for KeyName {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        find_by_name(&Self::ALL, Self::name, text)
    }
}
