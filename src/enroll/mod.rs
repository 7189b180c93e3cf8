//! Layer 3: firmware variables, planned and applied.
//!
//! [`plan`] reads the `.auth` files of a ceremony and the present variables, judges what the firmware would do, and
//! says what would change; [`apply`] does exactly that. Neither needs a private key.

mod apply;
mod backup;
mod entries;
mod plan;
mod simulated;
mod store;
#[cfg(test)]
mod tests;
mod warnings;

pub use apply::{Applied, Outcome, Step, apply};
pub use backup::Backup;
pub use entries::Entry;
pub use plan::{Plan, PlannedWrite, Request, plan};
pub use store::{Store, StoreChoice};
pub use warnings::Warning;
