//! Layer 3: firmware variables, planned and applied.
//!
//! [`plan`] reads the `.auth` files of a ceremony and the present variables, judges as the firmware would, and
//! says what would change; [`apply`] does exactly that. Neither needs a private key.

mod apply;
mod backing;
mod backup;
mod boot_files;
mod entries;
mod export;
mod firmware;
mod held;
mod json;
mod judge;
mod lists;
mod material;
mod measured;
mod mode;
mod module_key;
mod next_measurement;
mod pcrlock;
mod pcrlock_policy;
mod plan;
mod planned_write;
mod quirks;
mod reach;
mod request;
mod revert;
mod simulated;
mod store;
#[cfg(test)]
mod tests;
mod times;
mod update;
mod update_files;
mod vendor_defaults;
mod warnings;
mod writes;

pub use apply::{Applied, Outcome, Step, apply};
pub use backup::Backup;
pub use boot_files::{
    BootFile, Choice, LoaderKind, NextEntry, Remedy, Verdict, boot_file_after_trial, next_boot_files,
    present_boot_files, systemd_boot_choice,
};
pub use entries::{Change, Entry, EntryChange, Whose};
pub use export::export;
pub use held::{Held, HeldVariable};
pub use material::material;
pub use measured::{OptionRom, Pcr7, hashes_to_keep};
pub use mode::Mode;
pub use pcrlock::write_pcrlock;
pub use plan::{Plan, PlannedVariable, left_behind, plan};
pub use planned_write::PlannedWrite;
pub use quirks::{Quirk, When, present_quirks};
pub use reach::{Reach, Until};
pub use request::{Allow, Request, Source, Update};
pub use store::{Store, StoreChoice};
pub use update::{Updater, check_keepable};
pub use update_files::{Offline, check_node, is_update, read_updates, update_directory, update_paths, write_updates};
pub use vendor_defaults::VendorDefault;
