//! The request that a plan answers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Explain, Result};
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, EfiTime, VariableName};

use super::store::StoreChoice;

/// The writes to enroll, and the firmware to enroll them in.
#[derive(Debug, Clone)]
pub struct Request {
    /// The signed writes.
    pub source: Source,
    /// The firmware.
    pub store: StoreChoice,
    /// Mount points of EFI system partitions; if empty, those that are mounted, for the machine's own firmware.
    pub esp: Vec<PathBuf>,
    /// The event log of the machine's last start; if none, the kernel's, for the machine's own firmware.
    pub event_log: Option<PathBuf>,
    /// The reasons to stop that are overruled.
    pub allow: Allow,
}

impl Request {
    /// A request to enroll the `.auth` files of a ceremony.
    #[must_use]
    pub fn new(keys: PathBuf, store: StoreChoice) -> Self {
        Self {
            source: Source::Keys(keys),
            store,
            esp: Vec::new(),
            event_log: None,
            allow: Allow::default(),
        }
    }
}

/// The source of signed writes.
#[derive(Debug, Clone)]
pub enum Source {
    /// A directory with PK.auth, KEK.auth, db.auth and, if wanted, dbx.auth.
    Keys(PathBuf),
    /// Single writes.
    Updates(Vec<Update>),
}

/// A signed write.
#[derive(Debug, Clone)]
pub struct Update {
    /// The variable.
    pub variable: VariableName,
    /// The attributes that it was signed for: 0x27 replaces, 0x67 appends.
    pub attributes: u32,
    /// The content of the `.auth` file.
    pub auth: Vec<u8>,
    /// Its origin: the name of a file, or the operation that made it.
    pub origin: String,
}

impl Update {
    /// The time that it bears.
    pub fn time(&self) -> Result<EfiTime> {
        let parsed = AuthenticatedVariable::parse(&self.auth);
        Ok(parsed.or_refuse(|| format!("cannot use {}", self.origin))?.time)
    }
}

/// The reasons to stop that the user overrules. Recorded with the backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Allow {
    /// Option ROMs that may be refused, so that the machine may show no picture.
    pub option_roms: bool,
    /// Boot files that may be refused at the next start.
    pub boot_files: bool,
    /// Known faults of the firmware.
    pub quirks: bool,
}

impl Allow {
    /// The options of the command line that overrule these.
    pub(super) fn options(self) -> impl Iterator<Item = &'static str> {
        [
            (self.option_roms, "--i-know-option-roms-may-stop-working"),
            (self.boot_files, "--i-know-this-machine-may-not-boot"),
            (self.quirks, "--i-know-this-firmware-misbehaves"),
        ]
        .into_iter()
        .filter_map(|(is_given, option)| is_given.then_some(option))
    }
}
