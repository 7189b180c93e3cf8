//! The result of a slot.

use crate::sign::Summary;

/// The result of a slot.
#[derive(Debug)]
pub struct Done {
    /// The files that were looked at.
    pub summary: Summary,
    /// Further notes for a person.
    pub notes: Vec<String>,
    /// True if there is any key.
    pub has_keys: bool,
    /// The command that signs the files that could not be signed.
    pub again: String,
}
