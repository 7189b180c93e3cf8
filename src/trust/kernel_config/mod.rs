//! The options that the chain needs in a kernel's configuration: one table, from which the fragment is written and by which
//! configurations are judged.

mod fragment;
mod key_files;
mod portage;
mod requirement;
mod table;
#[cfg(test)]
mod tests;

use crate::formats::kernel::kernel_config::{KernelConfig, KernelVersion};

pub use fragment::{Fragment, Line, ModuleKey};
pub use key_files::judge_key_files;
pub use portage::{judge_hashes, judge_portage};
pub use requirement::{Judgement, RECOMMENDED, REQUIRED, Requirement, Wanted, need};
pub use table::REQUIREMENTS;

/// Holds a configuration against [`REQUIREMENTS`].
#[must_use]
pub fn judge(config: &KernelConfig, version: KernelVersion) -> Vec<Judgement> {
    REQUIREMENTS
        .iter()
        .filter(|requirement| requirement.concerns(version))
        .map(|requirement| requirement.judge(config))
        .collect()
}
