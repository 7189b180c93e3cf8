//! Layer 1: the only doors to the outside: files, clock and randomness, all below one root.

pub mod config;
mod context;
mod files;
mod secrets;
mod staging;
mod transaction;
pub mod variables;

pub use context::{Clock, Context};
pub use files::{NewFile, create_dir, read, read_prefix};
pub use secrets::read_secret;
pub use staging::NewDirectory;
pub use transaction::{NotReplaced, Transaction};
