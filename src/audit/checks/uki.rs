//! What kernels are started with: the contents of unified kernel images, and the command lines of boot loaders.

use std::path::Path;

use crate::formats::authenticode::Image;
use crate::formats::certificate::printable;
use crate::formats::kernel_config::KernelConfig;
use crate::formats::running_kernel::CommandLine;
use crate::system::{self, ConfigFile};
use crate::trust::command_line::dangers;

use super::super::check::{Check, Finding, Group, Level, Outcome, reason};
use super::super::machine::Machine;

/// The option with words that a kernel adds to its command line, or puts in its place.
const BUILT_IN: &str = "CMDLINE";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "boot.uki",
        group: Group::Boot,
        title: "Unified kernel images start their kernel with a command line that keeps the chain",
        level: Level::Error,
        proves: "Each unified image, and each addon to one, on the EFI system partitions and in /boot has a command line of its \
                 own, and none holds a parameter that switches enforcement off or starts another program. The modules in their \
                 initramfs are judged by modules.initramfs.",
        remedy: "Take the parameter out of /etc/kernel/cmdline, build the image anew, and: bootseal sign efi IMAGE",
        run: unified,
    },
    Check {
        id: "boot.command_lines",
        group: Group::Boot,
        title: "No boot entry hands a kernel parameters that lead around the chain",
        level: Level::Error,
        proves: "The command lines in systemd-boot's entries, in GRUB's configuration, and in the configurations of installed \
                 kernels (CONFIG_CMDLINE) hold no parameter that switches enforcement off or starts another program.",
        remedy: "Take the parameter out of the entry or of /etc/default/grub, and sign: bootseal sign all",
        run: command_lines,
    },
];

/// Notes what is dangerous in a command line; whether nothing is.
fn judge(outcome: &mut Outcome, source: &str, text: &str, remedy: impl Fn(&str) -> String) -> bool {
    let dangers = dangers(&CommandLine::parse(text));
    for danger in &dangers {
        let parameter = printable(&danger.parameter);
        outcome.findings.push(Finding::new(
            format!("{source}: {parameter}"),
            format!("{}: {parameter}: {}", printable(source), danger.reason),
            remedy(&parameter),
        ));
    }
    dangers.is_empty()
}

fn unified(machine: &Machine<'_>) -> Outcome {
    let installed = machine.installed();
    let mut outcome = Outcome {
        not_run: installed.unread.clone(),
        ..Outcome::default()
    };
    let mut is_any = false;
    for path in &installed.images {
        match system::read(path) {
            // What is no image is told by boot.images.
            Ok(bytes) => is_any |= Image::parse(&bytes).is_ok_and(|image| look_at(&mut outcome, path, &image)),
            Err(error) => outcome.not_run.push(reason(&error)),
        }
    }
    if !is_any && outcome.not_run.is_empty() {
        return Outcome::not_applicable("there is no unified kernel image");
    }
    outcome
}

/// Looks into an image; whether it is a unified one, or an addon.
fn look_at(outcome: &mut Outcome, path: &Path, image: &Image<'_>) -> bool {
    let all = |name: &'static str| {
        let sections = image.sections().iter().filter(move |section| section.name == name);
        sections.map(|section| text(section.data()))
    };
    let is_unified = image.section(".linux").is_some();
    let lines: Vec<String> = all(".cmdline").collect();
    if !is_unified && lines.is_empty() {
        return false;
    }
    let source = path.to_string_lossy();
    let shown = printable(&source);
    let remedy = |parameter: &str| format!("build {shown} without {parameter}, and sign it anew");
    // One that has several profiles has a command line for each.
    for line in &lines {
        judge(outcome, &source, line, remedy);
    }
    if is_unified && lines.is_empty() {
        let text = format!("{shown} has no command line of its own, and takes what the boot entry says");
        let remedy = "build it with a command line (/etc/kernel/cmdline), and sign it anew";
        outcome
            .findings
            .push(Finding::new(&*source, text, remedy).at(Level::Warning));
    }
    let release = all(".osrel").find_map(|text| {
        let mut lines = text.lines().map(str::to_owned).collect::<Vec<_>>().into_iter();
        let name = lines.find_map(|line| {
            line.strip_prefix("PRETTY_NAME=")
                .map(|name| name.trim_matches('"').to_owned())
        })?;
        Some(format!("{name}, "))
    });
    let kernel = all(".uname").next().map(|version| format!("Linux {version}, "));
    let initramfs = image.section(".initrd").map_or(0, <[u8]>::len);
    outcome.evidence.push(printable(&format!(
        "{source}: {}{}{}{}",
        if is_unified { "" } else { "addon, " },
        release.unwrap_or_default(),
        kernel.unwrap_or_default(),
        if is_unified {
            format!("initramfs of {initramfs} bytes, command line {}", lines.join(" | "))
        } else {
            format!("command line {}", lines.join(" | "))
        }
    )));
    true
}

/// A section's text; padding and the zero at its end belong to no command line.
fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).trim_matches(['\0', '\n', ' ']).to_owned()
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
            .and_then(|file| KernelConfig::parse(&file.bytes).map_err(|error| format!("{}: {error}", path.display())));
        match config {
            Ok(config) if config.text(BUILT_IN).is_empty() => {}
            Ok(config) => {
                let source = format!("{} CONFIG_{BUILT_IN}", path.display());
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
