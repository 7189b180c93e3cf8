//! The mode of a machine: which of Gentoo's two ways of installing kernels it takes.

use std::path::Path;

use crate::error::{Error, Result};
use crate::system::{Context, link_target, read_if_there};

use super::settings::{Settings, is_program};

/// A way of installing kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// kernel-install(8) of systemd with its plugins.
    Systemd,
    /// installkernel with `preinst.d` and `postinst.d`.
    Traditional,
}

impl Mode {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Systemd => "systemd",
            Self::Traditional => "traditional",
        }
    }

    /// The mode of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Systemd, Self::Traditional]
            .into_iter()
            .find(|mode| mode.name() == name)
    }
}

/// The mode, with the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detected {
    /// The mode.
    pub mode: Mode,
    /// The observation by which it was recognised.
    pub evidence: String,
}

/// The variable of the environment that chooses between them.
const CHOICE: &str = "SYSTEMD_KERNEL_INSTALL";
/// Longest script that is looked into, in bytes.
const MAX_SCRIPT: u64 = 1 << 20;
/// The paths of installkernel.
const INSTALLKERNEL: [&str; 4] = [
    "/sbin/installkernel",
    "/usr/sbin/installkernel",
    "/usr/bin/installkernel",
    "/bin/installkernel",
];

/// Finds the mode of this machine; `named` is the one that a person says, `remembered` the one that was said when the hooks
/// were installed.
pub fn detect(
    context: &Context,
    settings: &Settings,
    named: Option<Mode>,
    remembered: Option<Mode>,
) -> Result<Detected> {
    let found = |mode, evidence: &str| {
        Ok(Detected {
            mode,
            evidence: evidence.to_owned(),
        })
    };
    if let Some(mode) = named {
        return found(mode, "--mode");
    }
    if let Some(mode) = remembered {
        return found(mode, &format!("installed with --mode {}", mode.name()));
    }
    let has_kernel_install = is_program(context, "kernel-install");
    if let Some((value, place)) = settings.get(CHOICE) {
        let mode = if value == "1" && has_kernel_install {
            Mode::Systemd
        } else {
            Mode::Traditional
        };
        return found(mode, &format!("{CHOICE}={value} in {place}"));
    }
    if let Some(script) = INSTALLKERNEL.iter().find(|path| context.path(path).exists()) {
        let path = context.path(script);
        let target = link_target(&path)?;
        if target.is_some_and(|target| target.ends_with("kernel-install")) {
            return found(Mode::Systemd, &format!("{script} is kernel-install"));
        }
        // USE=systemd makes this the default in the script itself.
        let text = read_if_there(&path, MAX_SCRIPT)?.unwrap_or_default();
        let is_default = String::from_utf8_lossy(&text).contains(&format!("{CHOICE}:=1"));
        return if is_default && has_kernel_install {
            found(Mode::Systemd, &format!("{script} hands over to kernel-install"))
        } else {
            found(Mode::Traditional, &format!("{script} runs preinst.d and postinst.d"))
        };
    }
    if has_kernel_install {
        return found(Mode::Systemd, "kernel-install is there, and no installkernel");
    }
    let directories = [
        "/usr/lib/kernel/preinst.d",
        "/usr/lib/kernel/postinst.d",
        "/etc/kernel/preinst.d",
        "/etc/kernel/postinst.d",
    ];
    match directories.iter().find(|path| context.path(Path::new(path)).is_dir()) {
        Some(directory) => found(
            Mode::Traditional,
            &format!("{directory} is there, and no kernel-install"),
        ),
        None => Err(
            Error::could_not_run("neither installkernel nor kernel-install is on this machine")
                .hint("emerge sys-kernel/installkernel; or choose with --mode systemd or --mode traditional"),
        ),
    }
}
