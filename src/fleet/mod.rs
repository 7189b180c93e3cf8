//! Layer 3: many machines under one ceremony. Each node has a ceremony of its own, with a platform key of its own, so that no signed
//! write, image or module of one is taken by another; one key, the fleet's, signs who belongs to it. That key is in no firmware.
//!
//! A node gets its files as a bundle: one archive, signed by the fleet's key, with private keys under a passphrase of its own.

mod add;
mod backup;
mod bundle;
mod directory;
mod hold;
mod import;
mod plan;
mod retire;
#[cfg(test)]
mod tests;

pub use add::{Added, Secrets, add};
pub use backup::opener;
pub use bundle::{BUNDLE, Bundle, BundleError, Manifest};
pub use directory::{FleetDirectory, Node, NodeChoice, NodeState, Nodes, nodes};
pub use hold::{Held, hold, rehearse};
pub use import::{Imported, import};
pub use plan::FleetPlan;
pub use retire::{Retired, retire};
