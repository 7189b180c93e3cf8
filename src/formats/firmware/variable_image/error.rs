//! The reasons for which an image holds no variable store.

use crate::formats::bytes::Truncated;

/// Why an image is not one of a variable store. Offsets are in bytes from its start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableImageError {
    /// A part reaches past its container.
    #[error(transparent)]
    Truncated(#[from] Truncated),
    /// A disk image, in which the store lies scattered.
    #[error("it is a qcow2 disk image, not a raw one")]
    Qcow2,
    /// No firmware volume for variables at the start.
    #[error("{field} at offset {offset:#x} is not that of a firmware volume for variables")]
    Volume {
        /// The field.
        field: &'static str,
        /// Where it is.
        offset: usize,
    },
    /// The 16-bit sum over the volume header is not 0.
    #[error("the checksum of the firmware volume header at offset 0x0 is wrong by {sum:#06x}")]
    Checksum {
        /// The sum.
        sum: u16,
    },
    /// The store's header is of another kind.
    #[error("{field} at offset {offset:#x} is not that of a formatted, healthy variable store")]
    Store {
        /// The field.
        field: &'static str,
        /// Where it is.
        offset: usize,
    },
    /// A name without its terminating zero or of an odd size.
    #[error("the name of the variable at offset {offset:#x} is malformed")]
    Name {
        /// Where the variable's header is.
        offset: usize,
    },
    /// The variables do not fit into the store.
    #[error("the variables need {needed} bytes, but the store has room for {available}")]
    Full {
        /// Bytes that they need.
        needed: usize,
        /// Bytes that there are.
        available: usize,
    },
}
