//! Ways around a kernel that has started: another kernel by kexec, its memory by a device, an image of it from swap.

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::kernel::kernel_config::KernelConfig;
use crate::formats::kernel::running_kernel::{CommandLine, Lockdown};
use crate::formats::text::{Shown, printable};
use crate::system::ConfigFile;

use crate::audit::machine::Machine;
use crate::audit::reason::reason;

use super::text::{LOCKDOWN, text};

const KEXEC_DISABLED: &str = "/proc/sys/kernel/kexec_load_disabled";
const HIBERNATION: &str = "/sys/power/disk";
/// Where the kernel's memory would be.
const MEMORY: &str = "/dev/mem";

/// kexec starts unsigned kernels.
pub(super) const UNSIGNED_KEXEC: Kind = Kind::error("unsigned_kexec");
/// A program reaches the kernel's memory.
pub(super) const MEMORY_OPEN: Kind = Kind::error("memory_open");
/// The kernel goes on with an unsigned image from swap.
pub(super) const RESUMES_FROM_SWAP: Kind = Kind::warning("resumes_from_swap");
/// The kernel hibernates in spite of lockdown.
pub(super) const HIBERNATES: Kind = Kind::error("hibernates");

/// True if the kernel is locked down; an outcome in place of it where that cannot be seen.
fn is_locked(machine: &Machine<'_>) -> Result<bool, Outcome> {
    let said = text(
        machine,
        LOCKDOWN,
        "securityfs is not mounted, or the kernel has no lockdown",
    )?;
    let state = said.parse::<Lockdown>();
    let state = state.map_err(|error| Outcome::could_not_run(format!("{LOCKDOWN}: {error}")))?;
    Ok(state != Lockdown::None)
}

/// The outcome where only lockdown would help: one cause is one finding, and the check of lockdown has it.
fn not_locked() -> Outcome {
    Outcome::not_applicable("only lockdown would close this, and kernel.lockdown tells that there is none")
}

fn config(machine: &Machine<'_>) -> Result<KernelConfig, Outcome> {
    let file = ConfigFile::running(machine.context()).map_err(|error| Outcome::could_not_run(reason(&error)))?;
    let parsed = KernelConfig::parse(&file.bytes);
    parsed.map_err(|error| Outcome::could_not_run(format!("{}: {error}", file.path.shown())))
}

/// The outcome, also where the look at the kernel ended early with one.
fn either(looked: Result<Outcome, Outcome>) -> Outcome {
    looked.unwrap_or_else(|outcome| outcome)
}

pub(super) fn kexec(machine: &Machine<'_>) -> Outcome {
    either(look_at_kexec(machine))
}

fn look_at_kexec(machine: &Machine<'_>) -> Result<Outcome, Outcome> {
    machine.release().map_err(Outcome::could_not_run)?;
    match machine.text(KEXEC_DISABLED).map_err(Outcome::could_not_run)? {
        None => return Ok(Outcome::pass("the kernel has no kexec")),
        Some(value) if value == "1" => return Ok(Outcome::pass("kexec_load_disabled is 1")),
        Some(_) => {}
    }
    if !is_locked(machine)? {
        return Ok(not_locked());
    }
    let config = config(machine)?;
    // Lockdown refuses kexec_load; kexec_file_load looks at signatures only if it is built to.
    if config.is_on("KEXEC_FILE") && !config.is_on("KEXEC_SIG") {
        return Ok(Outcome::found(
            Finding::new(
                UNSIGNED_KEXEC,
                "kexec",
                "kexec_file_load starts unsigned kernels, locked down or not: CONFIG_KEXEC_SIG is not set",
            )
            .remedy("sysctl kernel.kexec_load_disabled=1, and build the kernel with CONFIG_KEXEC_SIG=y"),
        ));
    }
    Ok(Outcome::pass("lockdown refuses kernels that are not signed"))
}

pub(super) fn memory(machine: &Machine<'_>) -> Outcome {
    either(look_at_memory(machine))
}

fn look_at_memory(machine: &Machine<'_>) -> Result<Outcome, Outcome> {
    machine.release().map_err(Outcome::could_not_run)?;
    if !machine.context().path(MEMORY).exists() {
        return Ok(Outcome::pass(format!("there is no {MEMORY}")));
    }
    if is_locked(machine)? {
        return Ok(Outcome::pass(format!("lockdown refuses {MEMORY}")));
    }
    let config = config(machine)?;
    if config.is_on("STRICT_DEVMEM") {
        let strict = if config.is_on("IO_STRICT_DEVMEM") {
            "neither memory nor devices in use"
        } else {
            "no memory, but devices in use (CONFIG_IO_STRICT_DEVMEM is not set)"
        };
        return Ok(Outcome::pass(format!("{MEMORY} reaches {strict}")));
    }
    Ok(Outcome::found(
        Finding::new(
            MEMORY_OPEN,
            MEMORY,
            format!("{MEMORY} reaches the kernel's memory: neither lockdown nor CONFIG_STRICT_DEVMEM forbids it"),
        )
        .remedy("start with lockdown=integrity, and build the kernel with CONFIG_STRICT_DEVMEM=y"),
    ))
}

pub(super) fn hibernation(machine: &Machine<'_>) -> Outcome {
    either(look_at_hibernation(machine))
}

fn look_at_hibernation(machine: &Machine<'_>) -> Result<Outcome, Outcome> {
    machine.release().map_err(Outcome::could_not_run)?;
    // Lockdown, `nohibernate` and a missing driver are all the same here.
    match machine.text(HIBERNATION).map_err(Outcome::could_not_run)? {
        None => return Ok(Outcome::pass("the kernel has no hibernation")),
        Some(modes) if modes.contains("[disabled]") => return Ok(Outcome::pass("hibernation is disabled")),
        Some(_) => {}
    }
    let line = text(machine, "/proc/cmdline", "/proc is not mounted")?;
    let line = CommandLine::parse(&line);
    let remedy = "nohibernate on the command line, or lockdown=integrity; take resume= out, sign, and restart";
    if let Some(resume) = line.named("resume").last() {
        let said = format!("{resume}: the kernel goes on with an image from there, which carries no signature");
        return Ok(Outcome::found(
            Finding::new(RESUMES_FROM_SWAP, "resume", printable(&said)).remedy(remedy),
        ));
    }
    if !is_locked(machine)? {
        return Ok(not_locked());
    }
    let text = "the kernel can hibernate though it is locked down: an image from swap takes its place unverified";
    Ok(Outcome::found(
        Finding::new(HIBERNATES, "hibernation", text).remedy(remedy),
    ))
}
