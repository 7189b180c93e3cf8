//! The checks of the machine on which keys are to be made, by name.

use serde::Serialize;

/// A check of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MachineCheck {
    /// No network interface is up.
    Network,
    /// Memory is written to no disk, or only encrypted.
    Swap,
    /// This process leaves no core file.
    CoreDumps,
    /// The work directory is in memory.
    WorkSpace,
    /// The clock is plausible.
    Clock,
    /// The kernel's random generator is seeded.
    Randomness,
    /// Offline keys and backup are apart from the disk of the system.
    Places,
    /// The program has the expected SHA-256.
    Program,
    /// Secure Boot is on: firmware has verified what runs here.
    SecureBoot,
}

impl MachineCheck {
    /// All checks, in their order.
    pub const ALL: [Self; 9] = [
        Self::Network,
        Self::Swap,
        Self::CoreDumps,
        Self::WorkSpace,
        Self::Clock,
        Self::Randomness,
        Self::Places,
        Self::Program,
        Self::SecureBoot,
    ];

    /// The name in specifications and transcripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Swap => "swap",
            Self::CoreDumps => "core_dumps",
            Self::WorkSpace => "work_space",
            Self::Clock => "clock",
            Self::Randomness => "randomness",
            Self::Places => "places",
            Self::Program => "program",
            Self::SecureBoot => "secure_boot",
        }
    }

    /// The subject of the check, for people.
    #[must_use]
    pub const fn subject(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Swap => "swap",
            Self::CoreDumps => "core dumps",
            Self::WorkSpace => "work space",
            Self::Clock => "clock",
            Self::Randomness => "randomness",
            Self::Places => "places",
            Self::Program => "program",
            Self::SecureBoot => "Secure Boot",
        }
    }
}
