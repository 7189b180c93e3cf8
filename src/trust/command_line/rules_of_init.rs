//! The parameters of init and of the programs in initramfs images that work against the chain.

use crate::formats::kernel::running_kernel::Parameter;

use super::rule::{Reader, Rule, WATCHERS, rule};
use super::when::When;

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
const SHELL: &str = "the initramfs gives a shell before the root file system is in use";
const ANOTHER_UNIT: &str = "another unit takes the place of the default target";
const RUNS: &str = "systemd runs this as root";
const CREDENTIAL: &str = "a credential sets passwords, units and files of root";
const MOUNTS: &str = "a file system of the command line's choice is mounted over any directory";
const LIBRARIES: &str =
    "what the kernel does not know becomes init's environment, which names programs and libraries to load";
const STOPS: &str = "the machine stops at a shell";

use Reader::{Dracut, Init, InitramfsTools, OpenRc, Systemd};
use When::{Always, Contains, Is, IsNo, IsNot, IsNotNo, StartsWith};

/// The parameters of init, systemd, `OpenRC` and the programs of initramfs images.
pub(super) const OF_INIT: &[Rule] = &[
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

/// The effect of a word that is for init, and the program that reads it.
pub(super) fn of_init(parameter: &Parameter) -> Option<(Reader, &'static str)> {
    let is_shell = parameter.value.is_none() && WORDS.contains(&&*parameter.name);
    is_shell.then_some((Reader::Init, STOPS))
}
