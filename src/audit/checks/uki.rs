//! Checks of command lines that kernels are started with: those in unified kernel images, and those of boot loaders.

use std::path::Path;

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::kernel::kernel_config::KernelConfig;
use crate::formats::kernel::running_kernel::CommandLine;
use crate::formats::text::{Shown, printable};
use crate::system::ConfigFile;
use crate::trust::command_line::dangers;

use crate::audit::check::{Check, Group};
use crate::audit::images::Place;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;
use crate::audit::unified::Unified;

/// The option with words that a kernel adds to its command line, or puts in its place.
const BUILT_IN: &str = "CMDLINE";

/// A parameter of a kernel leads around the chain.
pub(super) const DANGEROUS_PARAMETER: Kind = Kind::error("dangerous_parameter");
/// A unified image takes whatever command line it is given.
const NO_COMMAND_LINE: Kind = Kind::warning("no_command_line");

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "boot.uki",
        group: Group::Boot,
        title: "Command lines of unified kernel images",
        kind: DANGEROUS_PARAMETER,
        proves: "Each unified image, and each addon to one, on the EFI system partitions and in /boot has a command line of its \
                 own, and none holds a parameter that switches enforcement off or starts another program. The modules in their \
                 initramfs are judged by modules.initramfs.",
        remedy: "Take the parameter out of /etc/kernel/cmdline, build the image anew, and: bootseal sign efi IMAGE",
        run: unified,
    },
    Check {
        id: "boot.command_lines",
        group: Group::Boot,
        title: "Command lines that boot entries hand to kernels",
        kind: DANGEROUS_PARAMETER,
        proves: "The command lines in systemd-boot's entries, in GRUB's configuration, and in the configurations of installed \
                 kernels (CONFIG_CMDLINE) hold no parameter that switches enforcement off or starts another program.",
        remedy: "Take the parameter out of the entry or of /etc/default/grub, and sign: bootseal sign all",
        run: command_lines,
    },
];

/// Adds a finding for each dangerous parameter of a command line. True if there is none.
fn judge(outcome: &mut Outcome, source: &str, text: &str, remedy: impl Fn(&str) -> String) -> bool {
    let dangers = dangers(&CommandLine::parse(text));
    for danger in &dangers {
        let parameter = printable(&danger.parameter);
        outcome.findings.push(
            Finding::new(
                DANGEROUS_PARAMETER,
                format!("{source}: {parameter}"),
                format!("{}: {parameter}: {}", printable(source), danger.reason),
            )
            .remedy(remedy(&parameter)),
        );
    }
    dangers.is_empty()
}

fn unified(machine: &Machine<'_>) -> Outcome {
    let images = match machine.images(Place::Anywhere) {
        Ok(images) => images,
        Err(missing) => return Outcome::could_not_run(missing),
    };
    let mut outcome = Outcome {
        not_run: images.not_run,
        ..Outcome::default()
    };
    for found in images.found {
        // What has an initramfs alone is no more than that.
        let unified = found.unified.as_ref();
        if let Some(unified) = unified.filter(|unified| !unified.is_addon || !unified.lines.is_empty()) {
            look_at(&mut outcome, &found.path, unified);
        }
    }
    if outcome.evidence.is_empty() && outcome.not_run.is_empty() {
        return Outcome::not_applicable("there is no unified kernel image");
    }
    outcome
}

/// Judges a unified image, or an addon.
fn look_at(outcome: &mut Outcome, path: &Path, unified: &Unified) {
    let Unified { lines, is_addon, .. } = unified;
    let source = path.shown();
    let shown = printable(&source);
    let remedy = |parameter: &str| format!("build {shown} without {parameter}, and sign it anew");
    for line in lines {
        judge(outcome, &source, line, remedy);
    }
    if !is_addon && lines.is_empty() {
        let text = format!("{shown} has no command line of its own, and takes what the boot entry says");
        let remedy = "build it with a command line (/etc/kernel/cmdline), and sign it anew";
        outcome
            .findings
            .push(Finding::new(NO_COMMAND_LINE, &*source, text).remedy(remedy));
    }
    let system = unified.system.as_ref().map(|name| format!("{name}, "));
    let kernel = unified.kernel.as_ref().map(|version| format!("Linux {version}, "));
    let initramfs = unified.initramfs.unwrap_or(0);
    outcome.evidence.push(printable(&format!(
        "{source}: {}{}{}{}command line {}",
        if *is_addon { "addon, " } else { "" },
        system.unwrap_or_default(),
        kernel.unwrap_or_default(),
        if *is_addon {
            String::new()
        } else {
            format!("initramfs of {initramfs} bytes, ")
        },
        lines.join(" | ")
    )));
}

fn command_lines(machine: &Machine<'_>) -> Outcome {
    let installed = machine.installed();
    let mut outcome = Outcome {
        not_run: installed.unread.clone(),
        ..Outcome::default()
    };
    let mut right = 0_usize;
    let mut count = installed.lines.len();
    for line in &installed.lines {
        let remedy = |parameter: &str| match parameter {
            "single" | "rescue" | "emergency" => {
                "GRUB_DISABLE_RECOVERY=true in /etc/default/grub, grub-mkconfig, and: bootseal sign grub".to_owned()
            }
            _ => format!("take {parameter} out of the entry or of /etc/default/grub, and: bootseal sign all"),
        };
        right = right.saturating_add(usize::from(judge(&mut outcome, &line.source, &line.text, remedy)));
    }
    for path in &installed.kernel_configs {
        let config = ConfigFile::read(path)
            .map_err(|error| reason(&error))
            .and_then(|file| KernelConfig::parse(&file.bytes).map_err(|error| format!("{}: {error}", path.shown())));
        match config {
            Ok(config) if config.text(BUILT_IN).is_empty() => {}
            Ok(config) => {
                let source = format!("{} CONFIG_{BUILT_IN}", path.shown());
                let remedy =
                    |parameter: &str| format!("take {parameter} out of CONFIG_{BUILT_IN}, and build the kernel anew");
                let good = judge(&mut outcome, &source, config.text(BUILT_IN), remedy);
                right = right.saturating_add(usize::from(good));
                count = count.saturating_add(1);
            }
            Err(reason) => outcome.not_run.push(reason),
        }
    }
    if count == 0 && outcome.not_run.is_empty() {
        return Outcome::not_applicable("there is neither an entry of systemd-boot nor a configuration of GRUB");
    }
    outcome.evidence.push(format!("{right} of {count} command lines"));
    outcome
}
