//! The backup: an archive whose keys stock `openssl` opens, the same on paper, and shares of the secret that opens both.

mod accepted;
mod again;
pub(crate) mod archive;
mod assemble;
mod contents;
pub mod drill;
mod make;
mod restore;
mod sheet;
mod source;

pub use again::{BackedUp, Request, backup};
pub(super) use make::make;
pub use restore::{Restore, Restored, needed_shares, restore, whole_files};
