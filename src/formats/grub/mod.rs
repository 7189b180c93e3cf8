//! Formats of GRUB: its core image, scripts, themes, OpenPGP as GRUB reads it, and where it looks for signatures.

pub mod boot_entries;
pub mod core_image;
pub mod environment_block;
pub mod menu;
pub mod opened_files;
pub mod openpgp;
pub mod script;
pub mod signature_name;
pub mod superusers;
pub mod theme;
