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
mod pcr_signatures;
mod uki;

use crate::error::Error;
use crate::formats::text::{closest, printable};

use super::check::Check;

/// Every check, in the order of the chain.
pub fn all_checks() -> impl Iterator<Item = &'static Check> {
    [
        firmware::CHECKS,
        boot::CHECKS,
        uki::CHECKS,
        pcr_signatures::CHECKS,
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

/// The error of a name that no check has, nor, where groups are asked for, a group of checks: with the name that is meant.
#[must_use]
pub fn no_check(name: &str, with_groups: bool) -> Error {
    let ids = all_checks().map(|check| check.id);
    let groups = all_checks().map(|check| check.group.name()).filter(|_| with_groups);
    let known: Vec<&str> = ids.chain(groups).collect();
    let what = if with_groups {
        "check, nor group of checks,"
    } else {
        "check"
    };
    let error = Error::usage(format!("there is no {what} \"{}\"", printable(name)));
    let error = match closest(name, &known) {
        Some(meant) => error.hint(format!("did you mean \"{meant}\"?")),
        None => error,
    };
    error.hint("bootseal audit --list")
}
