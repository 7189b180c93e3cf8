//! Layer 2: the verdicts of firmware, kernel and GRUB on a file: accepted or refused, and why. Signing, verification,
//! enrolment and audit all ask here.

mod anchors;
mod applied;
mod chain;
pub mod command_line;
mod edk2;
mod examine;
mod examine_large;
pub mod firmware;
pub mod grub;
pub mod grub_image;
pub mod grub_script;
pub mod grub_traps;
#[cfg(test)]
pub(crate) mod identities;
pub mod image;
pub mod kernel;
pub mod kernel_config;
mod kernel_parts;
pub mod loader;
pub mod measured_boot;
pub mod microsoft;
pub mod module;
pub mod module_read;
mod opened_image;
mod pkcs7;
pub mod running_keys;
pub mod variable;

pub use anchors::Anchors;
pub use applied::{AppliedWrite, applied, applied_name, meant, trusts};
pub use examine::{Judgement, Kind, examine, read_database};
pub use examine_large::examine_large;
pub use opened_image::{INITRAMFS, OpenedImage};
