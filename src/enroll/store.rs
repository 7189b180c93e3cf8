//! The firmware that is enrolled to: the machine's own, or one that does not run.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

use crate::error::{Error, Explain, Result};
use crate::formats::authenticated_variable::VariableName;
use crate::formats::guid::Guid;
use crate::formats::signature_list::SignatureDatabase;
use crate::system::Context;
use crate::system::variables::{Efivarfs, RawVariable};

use super::simulated::Simulated;

/// What `--store` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// The machine's own firmware.
    Live,
    /// One that does not run: a directory, which is a firmware in Setup Mode if it is empty, or the raw image of a virtual
    /// machine's variables.
    At(PathBuf),
}

impl FromStr for StoreChoice {
    type Err = Infallible;

    fn from_str(text: &str) -> std::result::Result<Self, Infallible> {
        Ok(match text {
            "live" => Self::Live,
            path => Self::At(PathBuf::from(path)),
        })
    }
}

impl fmt::Display for StoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("live"),
            Self::At(path) => path.display().fmt(f),
        }
    }
}

impl Serialize for StoreChoice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// An open firmware.
#[derive(Debug)]
pub enum Store {
    /// The machine's own.
    Live(Efivarfs),
    /// A simulated one.
    Simulated(Simulated),
}

impl Store {
    /// Opens the firmware that `choice` names.
    pub fn open(context: &Context, choice: &StoreChoice) -> Result<Self> {
        match choice {
            StoreChoice::Live => Efivarfs::live(context).map(Self::Live),
            StoreChoice::At(path) => Simulated::open(context, path).map(Self::Simulated),
        }
    }

    /// One of the four variables, as it is stored.
    pub fn read(&self, variable: VariableName) -> Result<Option<RawVariable>> {
        let (name, vendor) = (variable.name(), variable.vendor());
        match self {
            Self::Live(variables) => variables.read_raw(name, &vendor),
            Self::Simulated(simulated) => simulated.read(name, &vendor),
        }
    }

    /// Bytes that the firmware still has for variables, if it tells.
    #[must_use]
    pub fn free_space(&self) -> Option<u64> {
        match self {
            Self::Live(variables) => variables.free_space(),
            Self::Simulated(simulated) => simulated.free_space(),
        }
    }

    /// One of the four variables as signature lists; empty if it is not there.
    pub fn database(&self, variable: VariableName) -> Result<SignatureDatabase> {
        let data = self.read(variable)?.map(|raw| raw.data).unwrap_or_default();
        SignatureDatabase::parse(&data).or_could_not_run(|| format!("the firmware's {variable} is malformed"))
    }

    /// Whether the firmware is in Setup Mode: it takes a platform key, and everything before that unchecked.
    pub fn setup_mode(&self) -> Result<bool> {
        match self {
            Self::Simulated(simulated) => simulated.setup_mode(),
            Self::Live(variables) => variables.flag("SetupMode")?.ok_or_else(|| {
                Error::could_not_run("the firmware does not tell whether it is in Setup Mode: it has no Secure Boot")
            }),
        }
    }

    /// Whether Secure Boot was on when the machine booted; none if the firmware does not tell.
    pub fn secure_boot(&self) -> Result<Option<bool>> {
        match self {
            Self::Live(variables) => variables.flag("SecureBoot"),
            Self::Simulated(simulated) => {
                let raw = simulated.read("SecureBoot", &Guid::GLOBAL)?;
                Ok(raw.and_then(|raw| raw.data.first().map(|flag| *flag == 1)))
            }
        }
    }

    /// Hands an `.auth` file to the firmware.
    pub fn write(&self, variable: VariableName, attributes: u32, auth: &[u8]) -> Result<()> {
        match self {
            Self::Live(variables) => variables.write_raw(variable.name(), &variable.vendor(), attributes, auth),
            Self::Simulated(simulated) => simulated.write(variable, attributes, auth),
        }
    }
}
