//! The steps of an installation.

use std::path::PathBuf;

/// A step that was done, or in a dry run would be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A file was written.
    Written(PathBuf),
    /// The previous file was kept under this path.
    Kept(PathBuf),
    /// A file was removed.
    Removed(PathBuf),
    /// A firmware variable was written: its name, and the effect.
    Variable(String, String),
}
