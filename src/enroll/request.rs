//! What is asked of a plan.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::formats::firmware::authenticated_variable::VariableName;

use super::store::StoreChoice;

/// What is to be enrolled, and where.
#[derive(Debug, Clone)]
pub struct Request {
    /// The signed writes.
    pub source: Source,
    /// The firmware.
    pub store: StoreChoice,
    /// Mount points of EFI system partitions; none: those that are mounted, if the firmware is the machine's own.
    pub esp: Vec<PathBuf>,
    /// The event log of the machine's last start; none: the kernel's, if the firmware is the machine's own.
    pub event_log: Option<PathBuf>,
    /// What is done in spite of a reason to stop.
    pub allow: Allow,
}

impl Request {
    /// Enrols what a ceremony made.
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

/// Where signed writes come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A directory with PK.auth, KEK.auth, db.auth and, if wanted, dbx.auth.
    Keys(PathBuf),
    /// Single writes.
    Updates(Vec<Update>),
}

/// One signed write.
#[derive(Debug, Clone)]
pub struct Update {
    /// The variable.
    pub variable: VariableName,
    /// The attributes that it was signed for: 0x27 replaces, 0x67 appends.
    pub attributes: u32,
    /// The content of the `.auth` file.
    pub auth: Vec<u8>,
    /// Where it comes from: a file's name, or what made it.
    pub origin: String,
}

/// What is done in spite of a reason to stop. Recorded with the backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Allow {
    /// Option ROMs may be refused, and the machine show no picture.
    pub option_roms: bool,
    /// The next start may be refused.
    pub boot_files: bool,
    /// The firmware is known to misbehave.
    pub quirks: bool,
}

impl Allow {
    /// The options that say so on the command line.
    pub(super) fn options(self) -> impl Iterator<Item = &'static str> {
        [
            (self.option_roms, "--i-know-option-roms-may-stop-working"),
            (self.boot_files, "--i-know-this-machine-may-not-boot"),
            (self.quirks, "--i-know-this-firmware-misbehaves"),
        ]
        .into_iter()
        .filter_map(|(said, option)| said.then_some(option))
    }
}
