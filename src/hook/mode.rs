//! The modes of a machine: by which of Gentoo's two ways, or by both, kernels come onto it.

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
    /// Both of them.
    pub(super) const ALL: [Self; 2] = [Self::Systemd, Self::Traditional];

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
        Self::ALL.into_iter().find(|mode| mode.name() == name)
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
/// The directories of installkernel's hooks.
const DIRECTORIES: [&str; 4] = [
    "/usr/lib/kernel/preinst.d",
    "/usr/lib/kernel/postinst.d",
    "/etc/kernel/preinst.d",
    "/etc/kernel/postinst.d",
];
/// The paths of installkernel.
const INSTALLKERNEL: [&str; 4] = [
    "/sbin/installkernel",
    "/usr/sbin/installkernel",
    "/usr/bin/installkernel",
    "/bin/installkernel",
];

/// The ways of this machine, the usual one first: those that a person names, or else those for which the hooks were installed by
/// name (`remembered`), or else all that a kernel can come by. An error if there is none.
pub fn detect(context: &Context, settings: &Settings, named: &[Mode], remembered: &[Mode]) -> Result<Vec<Detected>> {
    let chosen = |modes: &[Mode], evidence: &dyn Fn(Mode) -> String| {
        let detected = modes.iter().map(|mode| Detected {
            mode: *mode,
            evidence: evidence(*mode),
        });
        Ok(detected.collect())
    };
    if !named.is_empty() {
        return chosen(named, &|_| "--mode".to_owned());
    }
    if !remembered.is_empty() {
        return chosen(remembered, &|mode| format!("installed with --mode {}", mode.name()));
    }
    let found = ways(context, settings)?;
    if found.is_empty() {
        return Err(
            Error::could_not_run("neither installkernel nor kernel-install is on this machine")
                .hint("emerge sys-kernel/installkernel; or choose with --mode systemd or --mode traditional"),
        );
    }
    Ok(found)
}

/// All ways that a kernel can come by on this machine, the usual one first.
pub(super) fn ways(context: &Context, settings: &Settings) -> Result<Vec<Detected>> {
    let found = |mode, evidence: String| Detected { mode, evidence };
    let has_kernel_install = is_program(context, "kernel-install");
    let script = INSTALLKERNEL.iter().find(|path| context.path(path).exists());
    // USE=systemd makes this the default in the script itself.
    let (is_link, is_default) = match script {
        Some(script) => looks(&context.path(script))?,
        None => (false, false),
    };
    let mut ways = Vec::new();
    if has_kernel_install {
        let evidence = match script {
            Some(script) if is_link => format!("{script} is kernel-install"),
            Some(script) if is_default => format!("{script} hands over to kernel-install"),
            Some(_) => "kernel-install is there".to_owned(),
            None => "kernel-install is there, and no installkernel".to_owned(),
        };
        ways.push(found(Mode::Systemd, evidence));
    }
    match script {
        Some(_) if is_link && has_kernel_install => {}
        Some(script) if is_default && has_kernel_install => {
            ways.push(found(
                Mode::Traditional,
                format!("{script} --no-systemd runs preinst.d and postinst.d"),
            ));
        }
        Some(script) => ways.insert(
            0,
            found(Mode::Traditional, format!("{script} runs preinst.d and postinst.d")),
        ),
        None if !has_kernel_install => {
            let directory = DIRECTORIES.iter().find(|path| context.path(path).is_dir());
            ways.extend(directory.map(|directory| {
                let evidence = format!("{directory} is there, and no kernel-install");
                found(Mode::Traditional, evidence)
            }));
        }
        None => {}
    }
    if let Some((value, place)) = settings.get(CHOICE).filter(|_| script.is_some() && !is_link) {
        let usual = if value == "1" { Mode::Systemd } else { Mode::Traditional };
        ways.sort_by_key(|way| way.mode != usual);
        if let Some(first) = ways.first_mut().filter(|way| way.mode == usual) {
            first.evidence = format!("{CHOICE}={value} in {place}");
        }
    }
    Ok(ways)
}

/// True if an installkernel is kernel-install by another name, and true if it hands over to it where nothing says otherwise.
fn looks(installkernel: &Path) -> Result<(bool, bool)> {
    if link_target(installkernel)?.is_some_and(|target| target.ends_with("kernel-install")) {
        return Ok((true, false));
    }
    let text = read_if_there(installkernel, MAX_SCRIPT)?.unwrap_or_default();
    let is_default = String::from_utf8_lossy(&text).contains(&format!("{CHOICE}:=1"));
    Ok((false, is_default))
}
