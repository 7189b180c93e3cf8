//! The outlook for the next kernel: the scripts that run when it is installed, and the findings that would keep it from
//! being signed.

use std::path::Path;

use crate::error::Result;
use crate::finding::Finding;
use crate::system::Context;
use crate::system::config::Config;

use super::findings;
use super::install::{remembered_modes, remembered_program};
use super::last_run::{LastRun, last_runs};
use super::mode::{Detected, Mode, detect, ways};
use super::plugins::{Plugin, plugins as plugins_of};
use super::settings::Settings;

/// The outlook for the next kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The modes that the hooks are for, the usual one first, and the evidence for each.
    pub detected: Vec<Detected>,
    /// How kernels are laid out, if a file says so.
    pub layout: Option<String>,
    /// The scripts, in the order in which they run.
    pub plugins: Vec<Plugin>,
    /// The things that would keep the next kernel from being signed (errors), or that may be meant (warnings).
    pub findings: Vec<Finding>,
    /// The last run of each slot, or the reason why it is not known.
    pub last_runs: std::result::Result<Vec<LastRun>, String>,
}

/// Variables of the environment that matter here.
const OF_INTEREST: [&str; 6] = [
    "SYSTEMD_KERNEL_INSTALL",
    "KERNEL_INSTALL_BYPASS",
    "KERNEL_INSTALL_PLUGINS",
    "KERNEL_INSTALL_LAYOUT",
    "INSTALLKERNEL_PREINST_PLUGINS",
    "INSTALLKERNEL_POSTINST_PLUGINS",
];

impl Settings {
    /// Those of this machine; `variable` is the process's environment.
    pub fn of_machine(context: &Context, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        Self::read(context, variable, &OF_INTEREST)
    }
}

/// Looks at the machine. `keys` is the key directory, `variable` the process's environment.
pub fn status(
    context: &Context,
    config: &Config,
    keys: &Path,
    named: &[Mode],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Status> {
    let settings = Settings::of_machine(context, variable)?;
    let detected = detect(context, &settings, named, &remembered_modes(context)?)?;
    let modes: Vec<Mode> = detected.iter().map(|way| way.mode).collect();
    let mut others = ways(context, &settings)?;
    others.retain(|way| !modes.contains(&way.mode));
    let mut plugins = Vec::new();
    for mode in &modes {
        plugins.extend(plugins_of(context, *mode)?);
    }
    let program = remembered_program(context)?;
    let findings = findings::all_findings(&findings::Scene {
        context,
        config,
        keys,
        settings: &settings,
        program: program.as_deref(),
        modes: &modes,
        others: &others,
        plugins: &plugins,
    })?;
    Ok(Status {
        layout: settings
            .get("KERNEL_INSTALL_LAYOUT")
            .or(settings.get("layout"))
            .map(|(layout, _)| layout.to_owned()),
        detected,
        plugins,
        findings,
        last_runs: last_runs(context).map_err(|error| error.in_one_line()),
    })
}
