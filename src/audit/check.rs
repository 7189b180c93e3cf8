//! A check of the audit, and its outcome.

use super::machine::Machine;
use crate::finding::{Kind, Outcome};

/// The part of the chain that a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// The firmware's variables.
    Firmware,
    /// The files that the firmware starts.
    Boot,
    /// GRUB's image and files.
    Grub,
    /// The running kernel.
    Kernel,
    /// Its modules, loaded and on the disk.
    Modules,
    /// The measurements in the TPM.
    Measured,
    /// The keys on this machine.
    Keys,
    /// The hooks that sign kernels as they are installed.
    Hooks,
    /// The record of all signatures that bootseal made here.
    Ledger,
}

impl Group {
    /// The stable name: the first part of its checks' IDs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Firmware => "firmware",
            Self::Boot => "boot",
            Self::Grub => "grub",
            Self::Kernel => "kernel",
            Self::Modules => "modules",
            Self::Measured => "measured",
            Self::Keys => "keys",
            Self::Hooks => "hooks",
            Self::Ledger => "ledger",
        }
    }

    /// The heading for a person.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Firmware => "Firmware",
            Self::Boot => "Boot path",
            Self::Grub => "GRUB",
            Self::Kernel => "Kernel",
            Self::Modules => "Modules",
            Self::Measured => "Measured boot",
            Self::Keys => "Keys",
            Self::Hooks => "Hooks",
            Self::Ledger => "Ledger",
        }
    }
}

/// One thing that is proven, or not.
#[derive(Debug)]
pub struct Check {
    /// The stable ID: group, a dot, a name.
    pub id: &'static str,
    /// The part of the chain that it is about.
    pub group: Group,
    /// The subject of the check in a line for a person: a noun phrase that reads well whatever the answer.
    pub title: &'static str,
    /// The kind of its usual finding, by whose weight the check is listed.
    pub kind: Kind,
    /// The statement that a pass proves.
    pub proves: &'static str,
    /// The ways in which its findings are mended, in general.
    pub remedy: &'static str,
    /// Looks at the machine.
    pub(super) run: fn(&Machine<'_>) -> Outcome,
}
