//! The parameters of the kernel that work against the chain.

use super::rule::{Reader, Rule, WATCHERS, rule};
use super::when::When;

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
const OTHER_INIT: &str = "another program takes the place of init";
const DEBUGGER: &str = "a debugger at that line changes the running kernel, unless lockdown forbids it";
const DMA: &str = "devices reach all memory";
const ACPI: &str = "ACPI tables, which are code, come from where the command line says";
const NO_VARIABLES: &str = "the firmware's variables, and so its keys, cannot be read";
const NOT_LOADED: &str = "a module without which the evidence of the chain is not seen is not loaded";

use Reader::{Dracut, EfiStub, Genkernel, Linux, Systemd};
use When::{Always, Contains, Is, IsNo, IsNot, Lacks, StartsWith};

/// The parameters of the kernel, its EFI stub, and what hands words on to init.
pub(super) const OF_KERNEL: &[Rule] = &[
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
];
