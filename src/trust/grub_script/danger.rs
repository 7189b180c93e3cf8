//! The effects of commands on that which protects.

use super::shared::Others;

/// The variable that has GRUB check signatures.
pub(super) const CHECK_SIGNATURES: &str = "check_signatures";
/// The variable with those who may do all.
pub(super) const SUPERUSERS: &str = "superusers";
/// Variables whose loss takes protection away.
pub(super) const PROTECTED: [&str; 2] = [CHECK_SIGNATURES, SUPERUSERS];

/// The effect of a command on that which protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Signatures may not be looked at from then on.
    SignaturesOff,
    /// There may be no superusers from then on.
    SuperusersOff,
    /// Others are superusers from then on.
    SuperusersChanged,
    /// Other keys are trusted from then on.
    Keys,
    /// A module that checks is unloaded.
    Unload,
    /// Variables that protect may come from a file without a signature.
    UncheckedEnvironment,
    /// Memory or hardware is changed.
    Memory,
    /// A command line that asks nobody for a password.
    Shell,
    /// It cannot be proven to do none of these, for this reason.
    Unproven(&'static str),
}

/// Something that a command does to that which protects, or may do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Danger {
    /// The effect.
    pub act: Act,
    /// The line of the command, from 1.
    pub line: usize,
    /// The command, as it is written.
    pub command: String,
    /// The file of the memory disk that it stands in; none for the script itself.
    pub within: Option<String>,
}

/// The content of a file of the memory disk, by its path there.
pub type MemoryDisk<'a> = &'a dyn Fn(&str) -> Option<Vec<u8>>;

/// Where GRUB is as it runs a script.
#[derive(Default, Clone, Copy)]
pub struct Scene<'a> {
    /// The files of the memory disk, if there is one.
    pub memory_disk: Option<MemoryDisk<'a>>,
    /// The prefix before the script.
    pub prefix: Option<&'a str>,
    /// Other scripts, whose functions it may call.
    pub others: Option<Others<'a>>,
    /// True for a script before which no other ran.
    pub is_first: bool,
}
