//! Files that GRUB opens: a detached OpenPGP signature beside each.

mod entry;
mod found;
mod problem;
mod shared;
mod sign;
mod starts;
mod tree;
mod verify;
mod view;
mod writer;

pub use super::signature_file::{existing_signature, signature_path, signed_file};
pub use entry::{DefaultEntry, EntryFile, default_entry};
pub use problem::NOT_JUDGED;
pub use shared::shared_directories;
pub use sign::{GrubIdentity, sign};
pub use verify::{Audit, idle_menu, verify};
