//! The scripts that are installed: a few lines each, embedded in the program.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::system::Context;

use super::mode::Mode;
use super::phase::Phase;
use super::request::Slot;

/// The directories that the scripts add to those that their callers look into for programs.
const SEARCHED: &str = "/usr/local/sbin:/usr/local/bin";
/// The directories that all files of the hooks are below.
pub const TREES: [&str; 2] = ["/etc", "/usr"];

/// A script and its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The phase of a kernel's installation that runs it; none for a file that Portage, systemd, cron or a shell reads.
    pub phase: Option<Phase>,
    /// The directory without which nobody reads the file, so that it is not installed.
    pub reader: Option<&'static str>,
    /// Its directory.
    pub directory: &'static str,
    /// Its name there.
    pub name: &'static str,
    /// The slot that it calls; none for an audit and for completions.
    pub slot: Option<Slot>,
    /// True if it is a program, false if it is a file that a program reads.
    pub is_program: bool,
    /// Its content.
    pub text: &'static str,
}

impl Entry {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new(self.directory).join(self.name)
    }

    /// Its content. `program` is the directory of bootseal, if hooks do not look there for programs.
    #[must_use]
    pub fn content(&self, program: Option<&str>) -> Cow<'static, str> {
        match program {
            None => Cow::Borrowed(self.text),
            Some(directory) => {
                let text = self.text.replace(SEARCHED, &format!("{SEARCHED}:{directory}"));
                Cow::Owned(text.replace("ExecStart=", &format!("ExecStart={directory}/")))
            }
        }
    }

    /// True if there is somebody on this machine who reads it.
    #[must_use]
    pub fn has_reader(&self, context: &Context) -> bool {
        self.reader.is_none_or(|directory| context.path(directory).is_dir())
    }

    /// Permission bits.
    #[must_use]
    pub const fn mode(&self) -> u32 {
        if self.is_program { 0o755 } else { 0o644 }
    }
}

macro_rules! script {
    ($phase:expr, $directory:literal, $folder:literal, $name:literal, $slot:expr) => {
        Entry {
            phase: Some($phase),
            reader: None,
            directory: $directory,
            name: $name,
            slot: Some($slot),
            is_program: true,
            text: include_str!(concat!("../../hooks/", $folder, "/", $name)),
        }
    };
}

const SYSTEMD: [Entry; 4] = [
    script!(
        Phase::Plugins,
        "/etc/kernel/install.d",
        "kernel-install",
        "45-bootseal-modules.install",
        Slot::Modules
    ),
    script!(
        Phase::Plugins,
        "/etc/kernel/install.d",
        "kernel-install",
        "65-bootseal-uki.install",
        Slot::Uki
    ),
    script!(
        Phase::Plugins,
        "/etc/kernel/install.d",
        "kernel-install",
        "90-yy-bootseal-image.install",
        Slot::Image
    ),
    script!(
        Phase::Plugins,
        "/etc/kernel/install.d",
        "kernel-install",
        "96-bootseal-grub.install",
        Slot::Grub
    ),
];

const TRADITIONAL: [Entry; 8] = [
    script!(
        Phase::Preinst,
        "/etc/kernel/preinst.d",
        "preinst.d",
        "45-bootseal-modules",
        Slot::Modules
    ),
    script!(
        Phase::Preinst,
        "/etc/kernel/preinst.d",
        "preinst.d",
        "65-bootseal-uki",
        Slot::Uki
    ),
    script!(
        Phase::Postinst,
        "/etc/kernel/postinst.d",
        "postinst.d",
        "45-bootseal-modules",
        Slot::Modules
    ),
    script!(
        Phase::Postinst,
        "/etc/kernel/postinst.d",
        "postinst.d",
        "50-bootseal-image",
        Slot::Image
    ),
    script!(
        Phase::Postinst,
        "/etc/kernel/postinst.d",
        "postinst.d",
        "zz_bootseal-grub",
        Slot::Grub
    ),
    read_in(
        "/etc/kernel/postrm.d",
        script!(
            Phase::Postrm,
            "/etc/kernel/postrm.d",
            "postrm.d",
            "45-bootseal-modules",
            Slot::Modules
        ),
    ),
    read_in(
        "/etc/kernel/postrm.d",
        script!(
            Phase::Postrm,
            "/etc/kernel/postrm.d",
            "postrm.d",
            "zz_bootseal-grub",
            Slot::Grub
        ),
    ),
    read_in(
        "/etc/initramfs-tools",
        script!(
            Phase::PostUpdate,
            "/etc/initramfs/post-update.d",
            "post-update.d",
            "zz_bootseal-initramfs",
            Slot::Initramfs
        ),
    ),
];

/// The entry, for machines alone that have this directory.
const fn read_in(directory: &'static str, entry: Entry) -> Entry {
    Entry {
        reader: Some(directory),
        ..entry
    }
}

/// The check that Portage makes after each package, outside of what the package or the user can define.
pub const PORTAGE: Entry = Entry {
    phase: None,
    reader: Some("/etc/portage"),
    directory: "/usr/local/lib/postinst-qa-check.d",
    name: "60-bootseal",
    slot: Some(Slot::Portage),
    is_program: false,
    text: include_str!("../../hooks/portage/60-bootseal"),
};

macro_rules! service {
    ($folder:literal, $directory:literal, $name:literal, $reader:expr, $is_program:literal) => {
        Entry {
            phase: None,
            reader: $reader,
            directory: $directory,
            name: $name,
            slot: None,
            is_program: $is_program,
            text: include_str!(concat!("../../hooks/", $folder, "/", $name)),
        }
    };
}

const SYSTEMD_AUDIT: [Entry; 2] = [
    service!("audit", "/etc/systemd/system", "bootseal-audit.service", None, false),
    service!("audit", "/etc/systemd/system", "bootseal-audit.timer", None, false),
];

const CRON_AUDIT: [Entry; 1] = [service!("audit", "/etc/cron.daily", "bootseal-audit", None, true)];

/// The entries of a mode that audit the machine every day.
#[must_use]
pub const fn audits(mode: Mode) -> &'static [Entry] {
    match mode {
        Mode::Systemd => &SYSTEMD_AUDIT,
        Mode::Traditional => &CRON_AUDIT,
    }
}

/// The entries that look at the next start at each start of the machine, for the manager of services that is there.
pub const BOOT_CHECKS: [Entry; 2] = [
    service!(
        "boot",
        "/etc/systemd/system",
        "bootseal-status.service",
        Some("/usr/lib/systemd/system"),
        false
    ),
    service!("boot", "/etc/init.d", "bootseal-status", Some("/etc/init.d"), true),
];

macro_rules! completions {
    ($directory:literal, $name:literal) => {
        Entry {
            phase: None,
            reader: Some($directory),
            directory: $directory,
            name: $name,
            slot: None,
            is_program: false,
            text: include_str!(concat!("../../hooks/completions/", $name)),
        }
    };
}

/// The output of `bootseal completions SHELL`, each in the directory where that shell looks for it.
const COMPLETIONS: [Entry; 3] = [
    completions!("/usr/share/bash-completion/completions", "bootseal"),
    completions!("/usr/share/zsh/site-functions", "_bootseal"),
    completions!("/usr/share/fish/vendor_completions.d", "bootseal.fish"),
];

/// The scripts of a mode in the order in which they run.
#[must_use]
pub const fn scripts(mode: Mode) -> &'static [Entry] {
    match mode {
        Mode::Systemd => &SYSTEMD,
        Mode::Traditional => &TRADITIONAL,
    }
}

/// The entries of some modes: their scripts in the order in which they run, and after them the files that Portage and shells
/// read.
#[must_use]
pub fn entries(modes: &[Mode]) -> Vec<Entry> {
    let scripts = modes.iter().flat_map(|mode| scripts(*mode));
    scripts.chain(&[PORTAGE]).chain(&COMPLETIONS).copied().collect()
}
