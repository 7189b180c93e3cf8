//! Parameters on a kernel's command line that undo the chain, or lead around it.

mod rule;
mod rules;
mod rules_of_init;
mod when;

use crate::formats::kernel::running_kernel::{CommandLine, Parameter};

pub use rule::Reader;
use rules::OF_KERNEL;
use rules_of_init::{OF_INIT, of_init};

/// A parameter that works against the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Danger {
    /// The parameter, as it stands on the command line.
    pub parameter: String,
    /// The program that reads it.
    pub reader: Reader,
    /// The effect of the parameter.
    pub reason: &'static str,
}

impl Danger {
    fn new(parameter: &Parameter, (reader, reason): (Reader, &'static str)) -> Self {
        Self {
            parameter: parameter.to_string(),
            reader,
            reason,
        }
    }
}

/// The parameters that work against the chain, in the order of the command line.
#[must_use]
pub fn dangers(line: &CommandLine) -> Vec<Danger> {
    let by_rule = |parameter: &Parameter| {
        let rule = OF_KERNEL.iter().chain(OF_INIT).find(|rule| rule.applies(parameter))?;
        Some((rule.reader, rule.reason))
    };
    let told = |parameter, effect: Option<_>| effect.map(|effect| Danger::new(parameter, effect));
    let all = line.parameters.iter();
    all.filter_map(|parameter| told(parameter, by_rule(parameter).or_else(|| of_init(parameter))))
        .chain(
            line.for_init
                .iter()
                .filter_map(|parameter| told(parameter, of_init(parameter))),
        )
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
                    ima_appraise=enforce systemd.debug_shell=0 crashkernel=256M efi=disable_early_pci_dma \
                    softlevel=default rd.shell=0 systemd.wants=sshd.service module_blacklist=pcspkr,nouveau sysctl.vm.swappiness=1 \
                    systemd.setenv=FOO=bar rd.systemd.unit=initrd.target initcall_blacklist=algif_aead_init";
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
            "systemd.run=/bin/x",
            "systemd.wants=debug-shell.service",
            "rd.systemd.wants=debug-shell.service",
            "rd.systemd.debug_shell=tty9",
            "systemd.set_credential=passwd.hashed-password.root:x",
            "systemd.set_credential_binary=a:eA==",
            "systemd.mount-extra=/dev/sdb1:/etc:ext4:",
            "systemd.unit=kexec.target",
            "softlevel=single",
            "kgdboc=ttyS0",
            "kgdbwait",
            "real_init=/bin/sh",
            "bootconfig",
            "initrdmem=0x1000,4096",
            "module_blacklist=pcspkr,tpm_crb",
            "initcall_blacklist=load_uefi_certs",
            "sysctl.kernel/modprobe=/tmp/x",
            "sysctl.kernel.core_pattern=|/tmp/x",
            "LD_PRELOAD=/x.so",
            "rd.shell",
            "break=top",
            "efi=no_disable_early_pci_dma",
            "recovery",
            "single",
            "emergency",
        ] {
            assert_eq!(found(&format!("quiet \"{danger}\" ro")), [danger]);
        }
        assert_eq!(found("quiet -- single"), ["single"]);
        assert_eq!(found("quiet -- init=/bin/sh"), [""; 0], "only init reads it");
    }
}
