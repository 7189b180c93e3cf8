//! The checks, a file for each group.

mod boot;
mod firmware;
mod grub;
mod hooks;
mod kernel;
mod keys;
mod measured;
mod modules;

use super::check::Check;

/// Every check, in the order of the chain.
pub fn all() -> impl Iterator<Item = &'static Check> {
    [
        firmware::CHECKS,
        boot::CHECKS,
        grub::CHECKS,
        kernel::CHECKS,
        modules::CHECKS,
        measured::CHECKS,
        keys::CHECKS,
        hooks::CHECKS,
    ]
    .into_iter()
    .flatten()
}
