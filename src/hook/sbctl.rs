//! sbctl beside our hooks: both would sign.

use std::path::Path;

use crate::error::quoted;
use crate::finding::{Finding, Kind};
use crate::formats::text::Shown;

use super::plugins::{Plugin, State};

/// sbctl signs as well.
const SBCTL: Kind = Kind::warning("sbctl");

/// The plugins of sbctl that run.
pub(super) fn sbctl(plugins: &[Plugin]) -> Vec<Finding> {
    let is_it = |plugin: &&Plugin| plugin.state == State::Active && plugin.name.contains("sbctl");
    let found = |plugin: &Plugin| {
        let mask = Path::new("/etc/kernel").join(plugin.phase.name()).join(&plugin.name);
        let text = format!("{} signs as well, with the keys of sbctl", plugin.path.shown());
        Finding::new(SBCTL, plugin.path.shown(), text).remedy(format!("ln -sf /dev/null {}", quoted(&mask)))
    };
    plugins.iter().filter(is_it).map(found).collect()
}
