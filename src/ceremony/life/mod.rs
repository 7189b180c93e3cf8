//! Life after the ceremony: a list of the keys, other forms of them, and another passphrase.

mod copies;
mod export;
mod format;
mod list;
mod passphrase;

pub use copies::Copy;
pub use export::{Exported, export, outdated_copies};
pub use format::Format;
pub use list::{Listed, list, show};
pub(crate) use passphrase::record_plain;
pub use passphrase::{Rewrapped, rewrap};
