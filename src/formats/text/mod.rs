//! Texts that belong to no other shelf: entries of boot loaders, Portage's variables, known names, versions, and text for a terminal.

mod known_name;
mod likeness;
pub mod loader_entry;
pub mod portage;
mod printable;
mod settings;
mod uapi_version;
mod version;

pub use known_name::{UnknownName, find_by_name};
pub use likeness::closest;
pub use printable::{Shown, escaped, is_hidden, printable};
pub use settings::{SettingsError, line as line_of, parse as parse_settings};
pub use uapi_version::by_uapi_version;
pub use version::by_version;
