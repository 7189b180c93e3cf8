//! Formats of GRUB: its core image, scripts, themes, and OpenPGP as GRUB reads it.

pub mod core_image;
pub mod opened_files;
pub mod openpgp;
pub mod script;
pub mod theme;
