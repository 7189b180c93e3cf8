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
use crate::audit::installed::{Line, Origin};
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
        proves: "The command lines in systemd-boot's entries, in GRUB's configurations and all that these lead to, in boot options \
                 of the firmware, in /etc/kernel/cmdline, and in the configurations of installed kernels (CONFIG_CMDLINE) hold no parameter that switches enforcement off or starts another program.",
        remedy: "Take the parameter out of the entry or of /etc/default/grub, and sign: bootseal sign all",
        run: command_lines,
    },
];

/// Adds a finding for each dangerous parameter of a command line. True if there is none.
fn judge(outcome: &mut Outcome, source: &str, text: &str, remedy: &str) -> bool {
    let dangers = dangers(&CommandLine::parse(text));
    for danger in &dangers {
        let parameter = printable(&danger.parameter);
        outcome.findings.push(
            Finding::new(
                DANGEROUS_PARAMETER,
                format!("{source}: {parameter}"),
                format!(
                    "{}: {parameter}: {} ({} reads it)",
                    printable(source),
                    danger.reason,
                    danger.reader.name()
                ),
            )
            .remedy(remedy),
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
    for line in lines {
        match &line.profile {
            None => {
                let remedy = "take it out of /etc/kernel/cmdline, build the image anew, and sign it";
                judge(outcome, &source, &line.text, remedy);
            }
            // No file changes what a distribution has built into a profile.
            Some(profile) => {
                let of = format!("{source}, profile {profile}");
                let remedy = "a profile cannot be taken out of an image: use one that is built without it (on Gentoo without \
                              USE=generic-uki), or accept this in the baseline if the boot menu asks for a password";
                judge(outcome, &of, &line.text, remedy);
            }
        }
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
        lines
            .iter()
            .map(|line| line.text.as_str())
            .collect::<Vec<_>>()
            .join(" | ")
    )));
}

/// The way in which a command line of this origin is changed.
const fn remedy(origin: Origin) -> &'static str {
    match origin {
        Origin::Grub => {
            "take it out of the entry, or of /etc/default/grub (GRUB_DISABLE_RECOVERY=true leaves recovery entries out) and let \
             grub-mkconfig run; then: bootseal sign all"
        }
        Origin::GrubEnvironment => "take it out by grub-editenv (on Fedora by grubby), and: bootseal sign all",
        Origin::Entry => "take it out of the entry and of /etc/kernel/cmdline, and: bootseal sign all",
        Origin::NextKernels => "take it out of this file before the next kernel is installed",
        Origin::BootOption => "make the boot option anew without it, by efibootmgr or in the firmware's setup",
    }
}

/// The command lines that boot options of the firmware hand to kernels and unified images, whatever their order.
fn boot_option_lines(machine: &Machine<'_>) -> (Vec<Line>, Option<String>) {
    let options = match machine.load_options() {
        Ok(options) => options,
        Err(missing) => return (Vec::new(), Some(missing.clone())),
    };
    let mut lines = Vec::new();
    for option in options {
        let Some(loaded) = &option.option else { continue };
        let text = loaded.command_line();
        // Windows and firmware have data of their own there; words are ASCII.
        let is_words = !text.trim().is_empty()
            && text
                .chars()
                .all(|character| !character.is_control() && character.is_ascii());
        if is_words {
            lines.push(Line {
                source: format!("{} \"{}\"", option.name, printable(&loaded.description)),
                origin: Origin::BootOption,
                text,
            });
        }
    }
    (lines, None)
}

fn command_lines(machine: &Machine<'_>) -> Outcome {
    let installed = machine.installed();
    let mut outcome = Outcome {
        not_run: installed.unread.clone(),
        ..Outcome::default()
    };
    let mut right = 0_usize;
    let mut count = installed.lines.len();
    let (options, missing) = boot_option_lines(machine);
    outcome.not_run.extend(missing);
    count = count.saturating_add(options.len());
    for line in installed.lines.iter().chain(&options) {
        right = right.saturating_add(usize::from(judge(
            &mut outcome,
            &line.source,
            &line.text,
            remedy(line.origin),
        )));
    }
    for path in &installed.kernel_configs {
        let config = ConfigFile::read(path)
            .map_err(|error| reason(&error))
            .and_then(|file| KernelConfig::parse(&file.bytes).map_err(|error| format!("{}: {error}", path.shown())));
        match config {
            Ok(config) if config.text(BUILT_IN).is_empty() => {}
            Ok(config) => {
                let source = format!("{} CONFIG_{BUILT_IN}", path.shown());
                let remedy = "take it out of CONFIG_CMDLINE, and build the kernel anew";
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
