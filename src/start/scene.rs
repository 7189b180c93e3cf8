//! The machine whose next start is walked, and the kinds of what is found.

use crate::finding::Kind;
use crate::system::Context;
use crate::system::config::Config;
use crate::trust::Anchors;

/// The next start would not reach its end.
pub const NEXT_START_FAILS: Kind = Kind::error("next_start_fails");
/// The next start would go another way than it is meant to.
pub const NEXT_START_FALLS_BACK: Kind = Kind::warning("next_start_falls_back");
/// The next start is a trial, and the one after it would not reach its end.
pub(super) const AFTER_TRIAL_FAILS: Kind = Kind::warning("start_after_trial_fails");

/// The kernel starts, and finds no further modules.
pub(super) const MODULES_GONE: Kind = Kind::warning("next_start_modules_gone");

/// The machine whose next start is walked.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The machine.
    pub context: &'a Context,
    /// Its configuration.
    pub config: &'a Config,
    /// The certificates and keys that firmware, kernel and GRUB are meant to trust.
    pub anchors: &'a Anchors,
}
