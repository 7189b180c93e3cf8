//! Names and errors as they may reach a terminal.

use std::path::Path;

use crate::error::Error;
use crate::formats::text::{Shown, printable};

/// A path as it may reach a terminal.
pub(super) fn name(path: &Path) -> String {
    path.shown()
}

/// An error and its causes on one line.
pub(super) fn with_causes(error: &Error) -> String {
    printable(&error.in_one_line())
}
