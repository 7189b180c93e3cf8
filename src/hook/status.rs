//! The outlook for the next kernel: the scripts that run when it is installed, and the findings that would keep it from
//! being signed.

use std::path::Path;

use crate::error::Result;
use crate::finding::Finding;
use crate::system::Context;
use crate::system::config::Config;

use super::findings;
use super::install::{remembered_mode, remembered_program};
use super::last_run::{LastRun, last_runs};
use super::mode::{Detected, Mode, detect};
use super::plugins::{Plugin, plugins};
use super::settings::Settings;

/// The outlook for the next kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The mode, and the evidence for it.
    pub detected: Detected,
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
    named: Option<Mode>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Status> {
    let settings = Settings::of_machine(context, variable)?;
    let detected = detect(context, &settings, named, remembered_mode(context)?)?;
    let plugins = plugins(context, detected.mode)?;
    let program = remembered_program(context)?;
    let findings = findings::all_findings(&findings::Scene {
        context,
        config,
        keys,
        settings: &settings,
        program: program.as_deref(),
        mode: detected.mode,
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
