//! Layer 3: the ledger, every signature that bootseal made on this machine, in `ledger.jsonl` of the state directory: a
//! [chain](crate::formats::chain) of lines that only grows.
//!
//! A run writes one line before it replaces any file, with all files that it is about to sign, and one after. A run that
//! was cut off in between is completed by the next one, which looks at what lies there. Old lines are folded into one
//! before the file becomes too large; the chain goes on from the digest of the last one that was folded.

mod event;
mod index;
mod store;

pub use event::{Batch, Event, FORMAT, Kind, Origin, SignedFile};
pub use index::{Index, Lot, Place, Recorded};
pub use store::{Intent, Ledger, LedgerError};
