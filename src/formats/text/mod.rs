//! Text formats: PEM, configurations of boot loaders, Portage's variables.

pub mod boot_configuration;
pub mod pem;
pub mod portage;
mod printable;

pub use printable::printable;
