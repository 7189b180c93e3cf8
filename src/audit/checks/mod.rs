//! The checks, a file for each group.

mod boot;
mod firmware;
mod grub;
mod hooks;
mod kernel;
mod kernel_image;
mod keys;
mod ledger;
mod measured;
mod modules;
mod uki;

use super::check::Check;

/// Every check, in the order of the chain.
pub fn all_checks() -> impl Iterator<Item = &'static Check> {
    [
        firmware::CHECKS,
        boot::CHECKS,
        uki::CHECKS,
        grub::CHECKS,
        kernel::CHECKS,
        kernel_image::CHECKS,
        modules::CHECKS,
        measured::CHECKS,
        keys::CHECKS,
        hooks::CHECKS,
        ledger::CHECKS,
    ]
    .into_iter()
    .flatten()
}
