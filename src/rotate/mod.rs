//! Layer 3: another key in the place of one. The new key is made and proven first, then known beside the old one, then
//! put in its place; the old one is kept.
//!
//! A rotation under way has a directory `rotation/` in the key directory: `rotation.json`, and the new files until they
//! are in their places. Every stage looks at the present state, so it can be run again wherever it was cut short.

mod abort;
mod applied;
mod carry_over;
mod first_key;
mod lists;
mod new_key;
mod place;
mod revoke;
mod stages;
mod switch;
#[cfg(test)]
mod tests;
mod token;

pub use abort::{Aborted, abort};
pub use carry_over::{carry_over, sign_carried_over};
pub use lists::{ListChange, ListsChanged, NewLists};
pub use place::{Place, Rotation};
pub use revoke::{Revoked, revoke};
pub use stages::{Attendant, Request, Rotated, rotate};
