//! Layer 2: keys, where they rest, and the one door to private operations.

mod signer;

pub use signer::{Identity, Signer};
