//! The variables that hold the keys of Secure Boot.

use std::fmt;
use std::str::FromStr;

use crate::formats::firmware::guid::Guid;
use crate::formats::text::{UnknownName, find_by_name};

/// One of the four variables of Secure Boot (UEFI 2.10, section 32.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VariableName {
    /// The platform key: decides about KEK and itself.
    Pk,
    /// The key exchange keys: decide about db and dbx.
    Kek,
    /// The certificates and digests of images that may boot.
    Db,
    /// The certificates and digests of images that may not boot, whatever db says.
    Dbx,
}

impl VariableName {
    /// All of them, in the order of authority.
    pub const ALL: [Self; 4] = [Self::Pk, Self::Kek, Self::Db, Self::Dbx];

    /// The name, as firmware spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pk => "PK",
            Self::Kek => "KEK",
            Self::Db => "db",
            Self::Dbx => "dbx",
        }
    }

    /// The vendor that the name belongs to.
    #[must_use]
    pub const fn vendor(self) -> Guid {
        match self {
            Self::Pk | Self::Kek => Guid::GLOBAL,
            Self::Db | Self::Dbx => Guid::IMAGE_SECURITY_DATABASE,
        }
    }

    /// Name and vendor as efivarfs writes them: `PK-8be4df61-93ca-11d2-aa0d-00e098032b8c`.
    #[must_use]
    pub fn full_name(self) -> String {
        format!("{}-{}", self.name(), self.vendor())
    }
}

impl fmt::Display for VariableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for VariableName {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        find_by_name(&Self::ALL, Self::name, text)
    }
}
