//! A name in the tree of a file system.

use super::directory::Entry;

/// A file or directory, found once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// The name and place.
    pub(super) entry: Entry,
    /// The directory that it is in, by its number; none in the root.
    pub(super) parent: Option<usize>,
}
