//! Parameters on a kernel's command line that undo the chain, or lead around it.

use crate::formats::kernel::running_kernel::{CommandLine, Parameter};

/// Programs that are an init when the kernel starts them.
const INITS: [&str; 6] = [
    "/init",
    "/sbin/init",
    "/usr/sbin/init",
    "/lib/systemd/systemd",
    "/usr/lib/systemd/systemd",
    "/sbin/openrc-init",
];
/// Targets of systemd that give a shell to whoever sits there.
const SHELL_TARGETS: [&str; 4] = ["rescue", "rescue.target", "emergency", "emergency.target"];

/// The values with which a parameter is dangerous.
enum When {
    /// Whatever its value.
    Always,
    /// If it has one of these values.
    Is(&'static [&'static str]),
    /// If its value is none of these; without a value too.
    IsNot(&'static [&'static str]),
    /// If none of the words of its value, which commas part, is this.
    Lacks(&'static str),
}

/// A parameter that should not be there.
struct Rule {
    name: &'static str,
    when: When,
    reason: &'static str,
}

/// The words that the kernel takes for "no" (`kstrtobool`), by their beginning.
const NO: &[&str] = &["0", "n", "N", "off", "Off", "OFF", "no", "No", "NO"];

const RULES: &[Rule] = &[
    rule(
        "module.sig_enforce",
        When::Is(NO),
        "unsigned modules are let in, unless CONFIG_MODULE_SIG_FORCE is set",
    ),
    rule(
        "lockdown",
        When::IsNot(&["integrity", "confidentiality"]),
        "no lockdown is asked for, which leaves the one that the kernel is built with",
    ),
    rule(
        "lsm",
        When::Lacks("lockdown"),
        "lockdown is left out, unless CONFIG_SECURITY_LOCKDOWN_LSM_EARLY is set",
    ),
    rule("init", When::IsNot(&INITS), "another program takes the place of init"),
    rule(
        "rdinit",
        When::IsNot(&INITS),
        "another program takes the place of the initramfs's init",
    ),
    rule(
        "rd.break",
        When::Always,
        "the initramfs gives a shell before the root file system is in use",
    ),
    rule(
        "break",
        When::Always,
        "the initramfs gives a shell before the root file system is in use",
    ),
    rule(
        "systemd.debug_shell",
        When::IsNot(NO),
        "there is a root shell on a virtual console",
    ),
    rule(
        "systemd.debug-shell",
        When::IsNot(NO),
        "there is a root shell on a virtual console",
    ),
    rule("systemd.unit", When::Is(&SHELL_TARGETS), "the machine stops at a shell"),
    rule(
        "rd.systemd.unit",
        When::Is(&SHELL_TARGETS),
        "the initramfs stops at a shell",
    ),
    rule(
        "systemd.setenv",
        When::Is(&["SYSTEMD_SULOGIN_FORCE=1"]),
        "rescue and emergency shells ask for no password",
    ),
    rule(
        "ima_appraise",
        When::Is(&["off", "log", "fix"]),
        "IMA does not refuse what is not signed",
    ),
    rule("evm", When::Is(&["fix"]), "EVM signs what it finds, whoever changed it"),
    rule(
        "efi",
        When::Is(&["noruntime"]),
        "the firmware's variables, and so its keys, cannot be read",
    ),
    rule(
        "noefi",
        When::Always,
        "the firmware's variables, and so its keys, cannot be read",
    ),
    rule(
        "iomem",
        When::Is(&["relaxed"]),
        "/dev/mem reaches devices in use where lockdown does not forbid it",
    ),
    rule("iommu", When::Is(&["off"]), "devices reach all memory"),
    rule("intel_iommu", When::Is(&["off"]), "devices reach all memory"),
    rule("amd_iommu", When::Is(&["off"]), "devices reach all memory"),
    rule(
        "initrd",
        When::Always,
        "the EFI stub loads this file without looking at any signature",
    ),
    rule(
        "acpi_rsdp",
        When::Always,
        "ACPI tables, which are code, come from where the command line says",
    ),
];

const fn rule(name: &'static str, when: When, reason: &'static str) -> Rule {
    Rule { name, when, reason }
}

impl Rule {
    fn applies(&self, parameter: &Parameter) -> bool {
        if !parameter.has_name(self.name) {
            return false;
        }
        let value = parameter.value.as_deref();
        match self.when {
            When::Always => true,
            When::Is(values) => value.is_some_and(|value| value.split(',').any(|part| values.contains(&part))),
            When::IsNot(values) => value.is_none_or(|value| !values.contains(&value)),
            When::Lacks(word) => value.is_none_or(|value| !value.split(',').any(|part| part == word)),
        }
    }
}

/// A parameter that works against the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Danger {
    /// The parameter, as it stands on the command line.
    pub parameter: String,
    /// The effect of the parameter.
    pub reason: &'static str,
}

/// The parameters that work against the chain, in the order of the command line.
#[must_use]
pub fn dangers(line: &CommandLine) -> Vec<Danger> {
    let of = |parameter: &Parameter| {
        let rule = RULES.iter().find(|rule| rule.applies(parameter))?;
        Some(Danger {
            parameter: parameter.to_string(),
            reason: rule.reason,
        })
    };
    let shells = ["single", "s", "S", "1", "emergency", "rescue", "-b", "-s"];
    let for_init = |parameter: &Parameter| {
        let is_shell = parameter.value.is_none() && shells.contains(&&*parameter.name);
        is_shell.then(|| Danger {
            parameter: parameter.to_string(),
            reason: "the machine stops at a shell",
        })
    };
    let all = line.parameters.iter();
    all.filter_map(|parameter| of(parameter).or_else(|| for_init(parameter)))
        .chain(line.for_init.iter().filter_map(for_init))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<String> {
        let dangers = dangers(&CommandLine::parse(line));
        dangers.into_iter().map(|danger| danger.parameter).collect()
    }

    #[test]
    fn an_ordinary_command_line_is_fine() {
        let line = "BOOT_IMAGE=/vmlinuz root=/dev/mapper/root ro quiet init=/usr/lib/systemd/systemd lockdown=integrity \
                    lsm=lockdown,yama module.sig_enforce=1 efi=debug iommu=pt systemd.unit=graphical.target single=x \
                    ima_appraise=enforce systemd.debug_shell=0 crashkernel=256M";
        assert_eq!(found(line), [""; 0]);
    }

    #[test]
    fn each_danger_is_named() {
        for danger in [
            "module.sig_enforce=0",
            "module.sig-enforce=off",
            "lockdown=none",
            "lockdown",
            "lsm=yama,apparmor",
            "init=/bin/sh",
            "init=/bin/bash -c x",
            "rdinit=/bin/sh",
            "rd.break=pre-mount",
            "systemd.debug-shell",
            "systemd.unit=emergency.target",
            "systemd.setenv=SYSTEMD_SULOGIN_FORCE=1",
            "ima_appraise=off",
            "efi=debug,noruntime",
            "intel_iommu=on,off",
            "initrd=\\EFI\\initrd.img",
            "single",
            "emergency",
        ] {
            assert_eq!(found(&format!("quiet \"{danger}\" ro")), [danger]);
        }
        assert_eq!(found("quiet -- single"), ["single"]);
        assert_eq!(found("quiet -- init=/bin/sh"), [""; 0], "only init reads it");
    }
}
