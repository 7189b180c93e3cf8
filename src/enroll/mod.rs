//! Layer 3: firmware variables, planned and applied.
//!
//! [`plan`] reads the `.auth` files of a ceremony and the present variables, judges what the firmware would do, and
//! says what would change; [`apply`] does exactly that. Neither needs a private key.

mod apply;
mod backing;
mod backup;
mod boot_files;
mod entries;
mod export;
mod firmware;
mod judge;
mod material;
mod measured;
mod mode;
mod plan;
mod quirks;
mod request;
mod revert;
mod simulated;
mod store;
#[cfg(test)]
mod tests;
mod times;
mod update;
mod warnings;
mod writes;

pub use apply::{Applied, Outcome, Step, apply};
pub use backup::Backup;
pub use boot_files::{BootFile, Verdict, next_boot_files, present_boot_files};
pub use entries::{Change, Entry, EntryChange, Whose};
pub use export::export;
pub use material::material;
pub use measured::{OptionRom, Pcr7, hashes_to_keep};
pub use mode::{Mode, VendorDefault};
pub use plan::{Plan, PlannedVariable, PlannedWrite, plan};
pub use quirks::{Quirk, When, present_quirks};
pub use request::{Allow, Request, Source, Update};
pub use store::{Store, StoreChoice};
pub use update::Updater;
pub use warnings::{Level, Warning};

fn as_text<T: std::fmt::Display, S: serde::Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// A path as JSON takes it; what is not UTF-8 in it is replaced.
#[allow(clippy::ref_option)] // serde hands over the field as it is
fn lossy_if_any<S: serde::Serializer>(path: &Option<std::path::PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serializer.collect_str(&path.display()),
        None => serializer.serialize_none(),
    }
}
