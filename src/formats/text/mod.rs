//! Texts that belong to no other shelf: entries of boot loaders, Portage's variables, and text for a terminal.

pub mod loader_entry;
pub mod portage;
mod printable;

pub use printable::printable;
