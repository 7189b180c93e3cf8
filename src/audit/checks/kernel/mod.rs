//! Checks of the running kernel: its enforcement, its command line and its configuration.

mod doors;
mod module_trust;
mod text;

use crate::finding::{Finding, Kind, Outcome, Status};
use crate::formats::kernel::running_kernel::{CommandLine, Lockdown, Taint};
use crate::formats::text::{Shown, printable};
use crate::kernel_config;
use crate::trust::command_line::dangers;

use crate::audit::check::{Check, Group};
use crate::audit::checks::uki::DANGEROUS_PARAMETER;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

use text::{LOCKDOWN, text};

/// The kernel is not locked down.
const NOT_LOCKED_DOWN: Kind = Kind::error("not_locked_down");
/// The kernel takes unsigned modules.
const MODULES_NOT_ENFORCED: Kind = Kind::error("modules_not_enforced");
/// A taint flag that concerns the chain is set.
const TAINTED: Kind = Kind::error("tainted");
/// An option of the kernel is not as the chain needs it.
const OPTION_UNMET: Kind = Kind::error("option_unmet");

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "kernel.lockdown",
        group: Group::Kernel,
        title: "Lockdown of the kernel",
        kind: NOT_LOCKED_DOWN,
        proves: "Root cannot change the running kernel: /sys/kernel/security/lockdown says integrity or confidentiality.",
        remedy: "Build it in (bootseal kernel-config), or start with lockdown=integrity, and restart",
        run: lockdown,
    },
    Check {
        id: "kernel.modules_enforced",
        group: Group::Kernel,
        title: "Enforcement of module signatures by the kernel",
        kind: MODULES_NOT_ENFORCED,
        proves: "sig_enforce is Y: a module with no signature, or by an unknown key, is refused and not only noted.",
        remedy: "CONFIG_MODULE_SIG_FORCE=y, or start with module.sig_enforce=1",
        run: modules_enforced,
    },
    Check {
        id: "kernel.command_line",
        group: Group::Kernel,
        title: "Command line of the running kernel",
        kind: DANGEROUS_PARAMETER,
        proves: "/proc/cmdline holds none of the parameters that switch enforcement off or start another program.",
        remedy: "Take the parameter out of /etc/default/grub or the unified image's command line, sign, and restart",
        run: command_line,
    },
    Check {
        id: "kernel.module_key",
        group: Group::Kernel,
        title: "Module key among the keys of the kernel",
        kind: module_trust::MODULE_KEY_UNKNOWN,
        proves: "A key with the identifier of the module certificate is listed in /proc/keys, with the permissions of one that the \
                 kernel loaded itself, and that no program added; or the kernel's modules are by \
                 its maker's key, which its image holds.",
        remedy: "Build the certificate in: CONFIG_SYSTEM_TRUSTED_KEYS (bootseal kernel-config)",
        run: module_trust::module_key,
    },
    Check {
        id: "kernel.module_hash",
        group: Group::Kernel,
        title: "Hash of the modules' signatures in the kernel",
        kind: module_trust::MODULE_HASH_UNKNOWN,
        proves: "The hash that the modules of the running kernel are signed over is built into it, and not a module itself, \
                 which the kernel would have to verify first; or the modules are by its maker's key.",
        remedy: "CONFIG_CRYPTO_SHA3=y (bootseal kernel-config), or sign over SHA-512: bootseal hook status says how",
        run: module_trust::module_hash,
    },
    Check {
        id: "kernel.taint",
        group: Group::Kernel,
        title: "Taint flags of the kernel",
        kind: TAINTED,
        proves: "No taint flag is set that tells of forced, unsigned or out-of-tree modules, live patches, or changed firmware tables.",
        remedy: "dmesg names the cause: remove it, and restart",
        run: taint,
    },
    Check {
        id: "kernel.kexec",
        group: Group::Kernel,
        title: "Signatures of the kernels that kexec starts",
        kind: doors::UNSIGNED_KEXEC,
        proves: "The kernel has no kexec, or it is switched off (kexec_load_disabled), or lockdown refuses kernels without a \
                 signature and the kernel is built to look at signatures (CONFIG_KEXEC_SIG).",
        remedy: "sysctl kernel.kexec_load_disabled=1, or CONFIG_KEXEC_SIG=y (bootseal kernel-config)",
        run: doors::kexec,
    },
    Check {
        id: "kernel.memory",
        group: Group::Kernel,
        title: "Protection of the kernel's memory from /dev/mem",
        kind: doors::MEMORY_OPEN,
        proves: "There is no /dev/mem, or lockdown or CONFIG_STRICT_DEVMEM keeps it from the kernel's memory.",
        remedy: "Build lockdown in (bootseal kernel-config), or CONFIG_STRICT_DEVMEM=y",
        run: doors::memory,
    },
    Check {
        id: "kernel.hibernation",
        group: Group::Kernel,
        title: "Hibernation, whose image in swap carries no signature",
        kind: doors::RESUMES_FROM_SWAP,
        proves: "Hibernation is not built in, or disabled, as by lockdown; an image in swap carries no signature.",
        remedy: "lockdown=integrity, or nohibernate, on the command line",
        run: doors::hibernation,
    },
    Check {
        id: "kernel.configuration",
        group: Group::Kernel,
        title: "Configuration of the running kernel",
        kind: OPTION_UNMET,
        proves: "Every option that the chain needs is set in the configuration of the running kernel.",
        remedy: "bootseal kernel-config prints them, each with its reason",
        run: configuration,
    },
];

fn lockdown(machine: &Machine<'_>) -> Outcome {
    let missing = "securityfs is not mounted, or the kernel has no lockdown";
    let text = match text(machine, LOCKDOWN, missing) {
        Ok(text) => text,
        Err(outcome) => return outcome,
    };
    match text.parse::<Lockdown>() {
        Ok(Lockdown::None) => {
            let remedy = "start with lockdown=integrity, or build it in: bootseal kernel-config";
            Outcome::found(Finding::new(NOT_LOCKED_DOWN, "lockdown", "the kernel is not locked down").remedy(remedy))
        }
        Ok(state) => Outcome::pass(state.name()),
        Err(error) => Outcome::could_not_run(format!("{LOCKDOWN}: {error}")),
    }
}

fn modules_enforced(machine: &Machine<'_>) -> Outcome {
    const FILE: &str = "/sys/module/module/parameters/sig_enforce";
    match text(
        machine,
        FILE,
        "the kernel is built without CONFIG_MODULE_SIG, or without modules",
    ) {
        Ok(text) if text == "Y" => Outcome::pass("sig_enforce is Y"),
        Ok(text) => Outcome::found(
            Finding::new(
                MODULES_NOT_ENFORCED,
                "sig_enforce",
                format!(
                    "sig_enforce is {}: a module without a signature is only noted, unless lockdown refuses it",
                    printable(&text)
                ),
            )
            .remedy("CONFIG_MODULE_SIG_FORCE=y, or module.sig_enforce=1 on the command line"),
        ),
        Err(outcome) => outcome,
    }
}

fn command_line(machine: &Machine<'_>) -> Outcome {
    let text = match text(machine, "/proc/cmdline", "/proc is not mounted") {
        Ok(text) => text,
        Err(outcome) => return outcome,
    };
    let mut outcome = Outcome::pass(printable(&text));
    for danger in dangers(&CommandLine::parse(&text)) {
        let said = printable(&danger.parameter);
        let text = format!("{said}: {} ({} reads it)", danger.reason, danger.reader.name());
        let remedy = "take it out of the boot entry that boot.command_lines or boot.uki names, sign, and restart; where neither \
                      names it, somebody typed it at the boot menu";
        outcome
            .findings
            .push(Finding::new(DANGEROUS_PARAMETER, &said, text).remedy(remedy));
    }
    outcome
}

fn taint(machine: &Machine<'_>) -> Outcome {
    const FILE: &str = "/proc/sys/kernel/tainted";
    let text = match text(machine, FILE, "/proc is not mounted") {
        Ok(text) => text,
        Err(outcome) => return outcome,
    };
    let taint = match text.parse::<Taint>() {
        Ok(taint) => taint,
        Err(error) => return Outcome::could_not_run(format!("{FILE}: {error}")),
    };
    let mut outcome = Outcome::default();
    for flag in taint.flags() {
        let said = format!("{}: {}", flag.letter, flag.meaning);
        if flag.concerns_the_chain {
            outcome.findings.push(
                Finding::new(TAINTED, flag.letter.to_string(), said)
                    .remedy("dmesg names the cause: remove it, and restart"),
            );
        } else {
            outcome.evidence.push(said);
        }
    }
    if taint.flags().next().is_none() {
        outcome.evidence.push("not tainted".to_owned());
    }
    outcome
}

fn configuration(machine: &Machine<'_>) -> Outcome {
    let checked = match kernel_config::check(machine.context(), None, None, machine.keys_path()) {
        Ok(checked) => checked,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    let mut outcome = Outcome::pass(format!("{} for {}", checked.config.shown(), checked.kernel));
    for judged in checked.judgements {
        let remedy = judged
            .remedy
            .unwrap_or_else(|| "bootseal kernel-config --check".to_owned());
        let text = format!(
            "{}: {}, not {}: {}",
            judged.subject, judged.found, judged.wanted, judged.reason
        );
        match judged.status {
            Status::Pass | Status::NotApplicable => {}
            Status::CouldNotRun => outcome.not_run.push(text),
            Status::Warn | Status::Fail => {
                let finding = Finding::new(OPTION_UNMET, judged.subject, text).remedy(remedy);
                outcome.findings.push(finding.at(judged.level));
            }
        }
    }
    outcome
}
