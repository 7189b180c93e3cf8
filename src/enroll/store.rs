//! The firmware that keys are enrolled in: the machine's own, or a simulated one.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::authenticated_variable::{EfiTime, VariableName};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::Shown;
use crate::system::Context;
use crate::system::variables::{Efivarfs, RawVariable, Variables};

use super::firmware::Firmware;
use super::simulated::Simulated;
use super::times;

/// The firmware that `--store` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// The machine's own firmware.
    Live,
    /// A simulated firmware: a directory, which is in Setup Mode if it is empty, or the raw image of a virtual machine's
    /// variables.
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
            Self::At(path) => path.shown().fmt(f),
        }
    }
}

impl Serialize for StoreChoice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The machine's own firmware.
impl Firmware for Efivarfs {
    fn setup_mode(&self) -> Result<bool> {
        self.flag("SetupMode")?.ok_or_else(|| {
            Error::could_not_run("the firmware does not tell whether it is in Setup Mode: it has no Secure Boot")
        })
    }

    fn free_space(&self) -> Result<Option<u64>> {
        Self::free_space(self)
    }

    /// None: efivarfs does not show the time.
    fn last_write(&self, _: VariableName) -> Result<Option<EfiTime>> {
        Ok(None)
    }
}

/// An open firmware.
#[derive(Debug)]
pub struct Store {
    firmware: Box<dyn Firmware>,
}

impl Store {
    /// Opens the firmware that `choice` names.
    pub fn open(context: &Context, choice: &StoreChoice) -> Result<Self> {
        Ok(match choice {
            StoreChoice::Live => Self::new(Efivarfs::live(context)?),
            StoreChoice::At(path) => Self::new(Simulated::open(context, path)?),
        })
    }

    pub(super) fn new(firmware: impl Firmware + 'static) -> Self {
        let firmware = Box::new(firmware);
        Self { firmware }
    }

    /// The stored data and attributes of one of the four variables.
    pub fn read(&self, variable: VariableName) -> Result<Option<RawVariable>> {
        self.read_any(variable.name(), &variable.vendor())
    }

    /// The stored data and attributes of any variable.
    pub fn read_any(&self, name: &str, vendor: &Guid) -> Result<Option<RawVariable>> {
        self.firmware.read_raw(name, vendor)
    }

    /// Names of all variables, in no particular order.
    pub fn names(&self) -> Result<Vec<(String, Guid)>> {
        self.firmware.names()
    }

    /// Bytes that the firmware still has for variables, if it tells.
    pub fn free_space(&self) -> Result<Option<u64>> {
        self.firmware.free_space()
    }

    /// The signature lists in one of the four variables; empty if it does not exist.
    pub fn database(&self, variable: VariableName) -> Result<SignatureDatabase> {
        let data = self.read(variable)?.map(|raw| raw.data).unwrap_or_default();
        SignatureDatabase::parse(&data).or_could_not_run(|| format!("the firmware's {variable} is malformed"))
    }

    /// True in Setup Mode: the firmware takes a platform key, and everything before that unchecked.
    pub fn setup_mode(&self) -> Result<bool> {
        self.firmware.setup_mode()
    }

    /// True if Secure Boot was on at the last start; none if the firmware does not tell.
    pub fn secure_boot(&self) -> Result<Option<bool>> {
        self.flag("SecureBoot")
    }

    /// A global variable of one byte that is 0 or 1, as `AuditMode` is; none if it does not exist.
    pub fn flag(&self, name: &str) -> Result<Option<bool>> {
        self.firmware.flag(name)
    }

    /// The time of the last authenticated write of a variable; none if there was none, or the firmware hides it.
    pub fn last_write(&self, variable: VariableName) -> Result<Option<EfiTime>> {
        self.firmware.last_write(variable)
    }

    /// The same, as far as the firmware or, of the machine's own, bootseal's record of its writes tells; `choice` is this firmware.
    pub(super) fn known_last_write(
        &self,
        context: &Context,
        choice: &StoreChoice,
        variable: VariableName,
    ) -> Result<Option<EfiTime>> {
        match self.last_write(variable)? {
            Some(time) => Ok(Some(time)),
            None if *choice == StoreChoice::Live => times::last(context, variable),
            None => Ok(None),
        }
    }

    /// Hands an `.auth` file to the firmware.
    pub fn write(&mut self, variable: VariableName, attributes: u32, auth: &[u8]) -> Result<()> {
        self.firmware
            .write_raw(variable.name(), &variable.vendor(), attributes, auth)
    }
}
