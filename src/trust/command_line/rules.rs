//! The parameters that work against the chain: each with the program that reads it, and its effect.

use crate::formats::kernel::running_kernel::Parameter;

use super::when::When;

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
    /// OpenRC: openrc(8).
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
    name: &'static str,
    when: When,
    pub(super) reader: Reader,
    pub(super) reason: &'static str,
}

/// Programs that are an init when the kernel starts them.
const INITS: &[&str] = &[
    "/init",
    "/linuxrc",
    "/sbin/init",
    "/usr/sbin/init",
    "/bin/systemd",
    "/usr/bin/systemd",
    "/bin/init",
    "/usr/bin/init",
    "/lib/systemd/systemd",
    "/usr/lib/systemd/systemd",
    "/sbin/openrc-init",
    "/usr/sbin/openrc-init",
    "/usr/bin/openrc-init",
    "/sbin/runit-init",
    "/usr/bin/runit-init",
    "/sbin/dinit",
    "/usr/bin/dinit",
];
/// Targets of systemd that bring a machine up as it is meant to be, or down.
const TARGETS: &[&str] = &[
    "default.target",
    "multi-user.target",
    "multi-user",
    "graphical.target",
    "graphical",
    "system-update.target",
    "initrd.target",
    "runlevel2.target",
    "runlevel3.target",
    "runlevel4.target",
    "runlevel5.target",
    "poweroff.target",
    "reboot.target",
    "halt.target",
];
/// Units of systemd that give a shell, or start another kernel, by a part of their names.
const SHELLS: &[&str] = &["shell", "rescue", "emergency", "sulogin", "kexec"];
/// Parts of the kernel by which it holds keys, measures and judges, by a part of their names.
const WATCHERS: &[&str] = &[
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
/// Modules without which nobody sees what the chain's evidence is.
const EVIDENCE: &[&str] = &[
    "efivarfs",
    "tpm",
    "tpm_tis",
    "tpm_tis_core",
    "tpm_crb",
    "tpm_vtpm_proxy",
    "dm_verity",
    "dm-verity",
    "dm_integrity",
    "dm-integrity",
];

const SHELL: &str = "the initramfs gives a shell before the root file system is in use";
const STOPS: &str = "the machine stops at a shell";
const OTHER_INIT: &str = "another program takes the place of init";
const ANOTHER_UNIT: &str = "another unit takes the place of the default target";
const RUNS: &str = "systemd runs this as root";
const CREDENTIAL: &str = "a credential sets passwords, units and files of root";
const DEBUGGER: &str = "a debugger at that line changes the running kernel, unless lockdown forbids it";
const DMA: &str = "devices reach all memory";
const ACPI: &str = "ACPI tables, which are code, come from where the command line says";
const NO_VARIABLES: &str = "the firmware's variables, and so its keys, cannot be read";
const MOUNTS: &str = "a file system of the command line's choice is mounted over any directory";
const LIBRARIES: &str =
    "what the kernel does not know becomes init's environment, which names programs and libraries to load";
const NOT_LOADED: &str = "a module without which the evidence of the chain is not seen is not loaded";

use Reader::{Dracut, EfiStub, Genkernel, Init, InitramfsTools, Linux, OpenRc, Systemd};
use When::{Always, Contains, Is, IsNo, IsNot, IsNotNo, Lacks, StartsWith};

/// The table.
pub(super) const RULES: &[Rule] = &[
    rule(
        "module.sig_enforce",
        IsNo,
        Linux,
        "unsigned modules are let in, unless CONFIG_MODULE_SIG_FORCE is set",
    ),
    rule(
        "lockdown",
        IsNot(&["integrity", "confidentiality"]),
        Linux,
        "no lockdown is asked for, which leaves the one that the kernel is built with",
    ),
    rule(
        "lsm",
        Lacks("lockdown"),
        Linux,
        "lockdown is left out, unless CONFIG_SECURITY_LOCKDOWN_LSM_EARLY is set",
    ),
    rule("init", IsNot(INITS), Linux, OTHER_INIT),
    rule(
        "rdinit",
        IsNot(INITS),
        Linux,
        "another program takes the place of the initramfs's init",
    ),
    rule("real_init", IsNot(INITS), Genkernel, OTHER_INIT),
    rule("kgdboc", Always, Linux, DEBUGGER),
    rule("kgdboc_earlycon", Always, Linux, DEBUGGER),
    rule("kgdboe", Always, Linux, DEBUGGER),
    rule("kgdbwait", Always, Linux, DEBUGGER),
    rule("kgdbdbgp", Always, Linux, DEBUGGER),
    rule("ekgdboc", Always, Linux, DEBUGGER),
    rule("kgdbts", Always, Linux, DEBUGGER),
    rule(
        "ima_appraise",
        Is(&["off", "log", "fix"]),
        Linux,
        "IMA does not refuse what is not signed",
    ),
    rule("ima", Is(&["off"]), Linux, "IMA neither measures nor refuses anything"),
    rule(
        "evm",
        Is(&["fix"]),
        Linux,
        "EVM signs what it finds, whoever changed it",
    ),
    rule("ipe.enforce", IsNo, Linux, "IPE only writes down what it would refuse"),
    rule(
        "loadpin.enforce",
        IsNo,
        Linux,
        "kernel files may come from any file system",
    ),
    rule(
        "dm_verity.require_signatures",
        IsNo,
        Linux,
        "a file system needs no signature for its root hash",
    ),
    rule("efi", Is(&["noruntime"]), Linux, NO_VARIABLES),
    rule(
        "efi",
        Is(&["no_disable_early_pci_dma"]),
        EfiStub,
        "devices reach memory until Linux sets up the IOMMU",
    ),
    rule("noefi", Always, Linux, NO_VARIABLES),
    rule(
        "iomem",
        Is(&["relaxed"]),
        Linux,
        "/dev/mem reaches devices in use where lockdown does not forbid it",
    ),
    rule("iommu", Is(&["off"]), Linux, DMA),
    rule("intel_iommu", Is(&["off"]), Linux, DMA),
    rule("amd_iommu", Is(&["off"]), Linux, DMA),
    rule(
        "initrd",
        Always,
        EfiStub,
        "the EFI stub loads this file without looking at any signature",
    ),
    rule(
        "initrdmem",
        Always,
        Linux,
        "the initramfs comes from memory that nobody verified",
    ),
    rule("acpi_rsdp", Always, Linux, ACPI),
    rule("efivar_ssdt", Always, Linux, ACPI),
    rule(
        "bootconfig",
        Always,
        Linux,
        "further parameters come from the end of the initramfs, where nobody looks at them",
    ),
    rule(
        "initcall_blacklist",
        Contains(WATCHERS),
        Linux,
        "a part of the kernel that holds keys, measures or judges is left out",
    ),
    rule("module_blacklist", Is(EVIDENCE), Linux, NOT_LOADED),
    rule("modprobe.blacklist", Is(EVIDENCE), Systemd, NOT_LOADED),
    rule("rd.driver.blacklist", Is(EVIDENCE), Dracut, NOT_LOADED),
    rule(
        "sysctl.kernel.modprobe",
        IsNot(&["/sbin/modprobe", "/usr/sbin/modprobe", "/usr/bin/modprobe"]),
        Linux,
        "the kernel runs this program as root",
    ),
    rule(
        "sysctl.kernel.core_pattern",
        StartsWith(&["|"]),
        Linux,
        "the kernel runs this program as root",
    ),
    rule("sysctl.kernel.kexec_load_disabled", IsNo, Linux, "kexec stays open"),
    rule("LD_PRELOAD", Always, Init, LIBRARIES),
    rule("LD_AUDIT", Always, Init, LIBRARIES),
    rule("LD_LIBRARY_PATH", Always, Init, LIBRARIES),
    rule(
        "SYSTEMD_SULOGIN_FORCE",
        IsNotNo,
        Init,
        "rescue and emergency shells ask for no password",
    ),
    rule("SYSTEMD_UNIT_PATH", Always, Init, LIBRARIES),
    rule("SYSTEMD_GENERATOR_PATH", Always, Init, LIBRARIES),
    rule("systemd.run", Always, Systemd, RUNS),
    rule("rd.systemd.run", Always, Systemd, RUNS),
    rule("systemd.unit", IsNot(TARGETS), Systemd, ANOTHER_UNIT),
    rule("rd.systemd.unit", IsNot(TARGETS), Systemd, ANOTHER_UNIT),
    rule(
        "systemd.wants",
        Contains(SHELLS),
        Systemd,
        "systemd starts a unit that gives a shell",
    ),
    rule(
        "rd.systemd.wants",
        Contains(SHELLS),
        Systemd,
        "systemd in the initramfs starts a unit that gives a shell",
    ),
    rule(
        "systemd.debug_shell",
        IsNotNo,
        Systemd,
        "there is a root shell on a virtual console",
    ),
    rule(
        "rd.systemd.debug_shell",
        IsNotNo,
        Systemd,
        "there is a root shell on a virtual console",
    ),
    rule(
        "systemd.crash_shell",
        IsNotNo,
        Systemd,
        "there is a root shell once systemd has crashed",
    ),
    rule(
        "systemd.confirm_spawn",
        IsNotNo,
        Systemd,
        "whoever sits there chooses which services start",
    ),
    rule("systemd.set_credential", Always, Systemd, CREDENTIAL),
    rule("systemd.set_credential_binary", Always, Systemd, CREDENTIAL),
    rule("rd.systemd.set_credential", Always, Systemd, CREDENTIAL),
    rule(
        "systemd.setenv",
        StartsWith(&[
            "SYSTEMD_SULOGIN_FORCE",
            "LD_",
            "SYSTEMD_UNIT_PATH",
            "SYSTEMD_GENERATOR_PATH",
            "PATH=",
        ]),
        Systemd,
        "the environment has rescue shells ask for no password, or names programs and libraries to load",
    ),
    rule(
        "systemd.condition_first_boot",
        IsNotNo,
        Systemd,
        "systemd asks whoever sits there for root's new password",
    ),
    rule("systemd.mount_extra", Always, Systemd, MOUNTS),
    rule("rd.systemd.mount_extra", Always, Systemd, MOUNTS),
    rule(
        "systemd.pull",
        Always,
        Systemd,
        "a disk image is loaded from the network",
    ),
    rule(
        "rd.systemd.pull",
        Always,
        Systemd,
        "a disk image is loaded from the network",
    ),
    rule("systemd.verity", IsNo, Systemd, "the root file system is not verified"),
    rule(
        "rd.systemd.verity",
        IsNo,
        Systemd,
        "the root file system is not verified",
    ),
    rule(
        "systemd.image_policy",
        Is(&["*", "allow"]),
        Systemd,
        "partitions need no protection",
    ),
    rule(
        "systemd.mask",
        Contains(WATCHERS),
        Systemd,
        "a unit that verifies or measures does not start",
    ),
    rule(
        "rd.systemd.mask",
        Contains(WATCHERS),
        Systemd,
        "a unit that verifies or measures does not start",
    ),
    rule(
        "systemd.tpm2_software_fallback",
        IsNotNo,
        Systemd,
        "a TPM in software takes the place of the real one",
    ),
    rule(
        "softlevel",
        IsNot(&["default", "nonetwork"]),
        OpenRc,
        "OpenRC stops at another runlevel, which may be a shell",
    ),
    rule("rd.break", Always, Dracut, SHELL),
    rule("rdbreak", Always, Dracut, SHELL),
    rule(
        "rd.shell",
        IsNotNo,
        Dracut,
        "the initramfs gives a shell when something fails",
    ),
    rule(
        "rdshell",
        IsNotNo,
        Dracut,
        "the initramfs gives a shell when something fails",
    ),
    rule(
        "rd.cmdline",
        Is(&["ask"]),
        Dracut,
        "whoever sits there types further parameters",
    ),
    rule("break", Always, InitramfsTools, SHELL),
];

/// Words without a value that have init stop at a shell.
const WORDS: &[&str] = &[
    "single",
    "s",
    "S",
    "1",
    "emergency",
    "rescue",
    "recovery",
    "rd.emergency",
    "rd.rescue",
    "-b",
    "-s",
];

const fn rule(name: &'static str, when: When, reader: Reader, reason: &'static str) -> Rule {
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

/// The effect of a word that is for init, and the program that reads it.
pub(super) fn of_init(parameter: &Parameter) -> Option<(Reader, &'static str)> {
    let is_shell = parameter.value.is_none() && WORDS.contains(&&*parameter.name);
    is_shell.then_some((Reader::Init, STOPS))
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
