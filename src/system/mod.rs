//! Layer 1: the only doors to the outside: files, clock and randomness, all below one root.

pub mod config;
mod context;
mod files;
mod transaction;

pub use context::{Clock, Context};
pub use files::{NewFile, create_dir, read, read_prefix};
pub use transaction::Transaction;
