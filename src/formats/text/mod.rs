//! Texts that belong to no other shelf: entries of boot loaders, Portage's variables, known names, versions, and text for a terminal.

mod known_name;
pub mod loader_entry;
pub mod portage;
mod printable;
mod version;

pub use known_name::{UnknownName, find_by_name};
pub use printable::{Shown, escaped, is_hidden, printable};
pub use version::by_version;
