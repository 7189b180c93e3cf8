//! The checks, a file for each group.

mod boot;
mod firmware;
mod grub;
mod keys;
mod measured;

use super::check::Check;

/// Every check, in the order of the chain.
pub fn all() -> impl Iterator<Item = &'static Check> {
    [
        firmware::CHECKS,
        boot::CHECKS,
        grub::CHECKS,
        measured::CHECKS,
        keys::CHECKS,
    ]
    .into_iter()
    .flatten()
}
