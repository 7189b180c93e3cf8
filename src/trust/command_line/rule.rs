//! A parameter that works against the chain, and the programs that read the command line.

use crate::formats::kernel::running_kernel::Parameter;

use super::when::When;

/// Parts of the kernel by which it holds keys, measures and judges, by a part of their names.
pub(super) const WATCHERS: &[&str] = &[
    "tpm",
    "efivar",
    "verity",
    "integrity",
    "ima",
    "evm",
    "lockdown",
    "keyring",
    "uefi_certs",
    "blacklist_init",
    "mok",
    "x509",
    "pkcs7",
    "asymmetric",
    "system_trusted",
    "securityfs",
];

/// A program that reads the command line, with the place where its parameters are documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// The kernel: its Documentation/admin-guide/kernel-parameters.txt.
    Linux,
    /// The kernel's EFI stub: Documentation/admin-guide/efi-stub.rst.
    EfiStub,
    /// Whatever is init: init(8), systemd(1) and openrc-init(8) read the same words.
    Init,
    /// systemd in the initramfs and on the root file system: kernel-command-line(7) and the pages that it names.
    Systemd,
    /// `OpenRC`: openrc(8).
    OpenRc,
    /// dracut: dracut.cmdline(7).
    Dracut,
    /// Debian's initramfs-tools(7), and mkinitcpio(8), which has the same parameter.
    InitramfsTools,
    /// genkernel(8).
    Genkernel,
}

/// A parameter that should not be there.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) when: When,
    pub(super) reader: Reader,
    pub(super) reason: &'static str,
}

/// A rule of a table.
pub(super) const fn rule(name: &'static str, when: When, reader: Reader, reason: &'static str) -> Rule {
    Rule {
        name,
        when,
        reader,
        reason,
    }
}

impl Rule {
    /// True if the parameter is this one, with a value that makes it dangerous.
    pub(super) fn applies(&self, parameter: &Parameter) -> bool {
        // A name of sysctl(8) may have slashes for its dots.
        let has_name = parameter.has_name(self.name)
            || (self.name.starts_with("sysctl.") && parameter.name.replace('/', ".") == self.name);
        has_name && self.when.applies(parameter.value.as_deref())
    }
}

impl Reader {
    /// The name for a person.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Linux => "Linux",
            Self::EfiStub => "the EFI stub",
            Self::Init => "init",
            Self::Systemd => "systemd",
            Self::OpenRc => "OpenRC",
            Self::Dracut => "dracut",
            Self::InitramfsTools => "initramfs-tools",
            Self::Genkernel => "genkernel",
        }
    }
}
