//! Problems of core images that the scripts in them make.

use crate::finding::{Finding, Kind};

/// The embedded configuration takes the enforcement away.
pub(super) const DISABLED: Kind = Kind::error("disabled");
/// The embedded configuration cannot be proven to leave the enforcement on.
pub(super) const UNPROVEN: Kind = Kind::error("unproven");
/// Whoever sits at the machine gets a command line.
pub(super) const OPEN_SHELL: Kind = Kind::error("open_shell");
/// The embedded configuration takes keys from a file.
pub const TRUST: Kind = Kind::error("trust");

/// A finding about an image, whose path the caller knows.
pub(super) fn problem(kind: Kind, text: impl Into<String>) -> Finding {
    Finding::new(kind, "core image", text)
}
