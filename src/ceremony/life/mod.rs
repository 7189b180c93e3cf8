//! Life after the ceremony: a list of the keys, other forms of them, and another passphrase.

mod export;
mod list;
mod passphrase;

pub use export::{Exported, Format, export};
pub use list::{Listed, list, show};
pub use passphrase::{Rewrapped, rewrap};
