//! The identity of a file system, by which boot options find it.

use crate::formats::firmware::device_path::{HardDrive, Signature};
use crate::formats::firmware::guid::Guid;

use super::partition::Partition;

/// The identity of a file system that firmware may start from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Identity {
    /// Nobody knows which partition it is.
    #[default]
    Unknown,
    /// The GUID of its GPT partition is known from elsewhere.
    Guid(Guid),
    /// The entries of its disk's tables that have its place, those of a table without a fault first.
    Entries(Vec<Partition>),
    /// A disk without a table.
    WholeDisk,
}

impl Identity {
    /// True if this may be the partition that a boot option names; one that names none may lead anywhere.
    #[must_use]
    pub fn may_be(&self, wanted: Option<&HardDrive>) -> bool {
        let Some(wanted) = wanted else { return true };
        match self {
            Self::Unknown => true,
            Self::Guid(guid) => wanted.signature == Signature::Gpt(*guid),
            Self::Entries(entries) => entries.iter().any(|entry| entry.is_named_by(wanted)),
            Self::WholeDisk => false,
        }
    }

    /// True if this is known to be the partition that a boot option names.
    #[must_use]
    pub fn is(&self, wanted: Option<&HardDrive>) -> bool {
        *self != Self::Unknown && wanted.is_some() && self.may_be(wanted)
    }

    /// The GUID of its GPT partition, if it is one.
    #[must_use]
    pub fn guid(&self) -> Option<Guid> {
        match self {
            Self::Guid(guid) => Some(*guid),
            Self::Entries(entries) => entries.iter().find_map(Partition::guid),
            Self::Unknown | Self::WholeDisk => None,
        }
    }
}

impl From<Partition> for Identity {
    fn from(partition: Partition) -> Self {
        Self::Entries(vec![partition])
    }
}
