//! The kernel that runs: is it one of those that are signed?

use crate::error::quoted;
use crate::formats::text::printable;
use crate::trust::loader::Loader;

use super::super::check::{Check, Finding, Group, Level, Outcome};
use super::super::images::Found;
use super::super::machine::Machine;
use super::measured::started;

pub(super) const CHECKS: &[Check] = &[Check {
    id: "kernel.image",
    group: Group::Kernel,
    title: "The running kernel is one that db lets in",
    level: Level::Error,
    proves: "The last kernel, or unified image of one, that the firmware measured into PCR 4 is a file on the disk that db lets \
             in, and holds the version that is running.",
    remedy: "bootseal sign efi FILE, and restart",
    run: image,
}];

fn image(machine: &Machine<'_>) -> Outcome {
    let log = match machine.event_log() {
        Ok(log) => log,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let mut outcome = Outcome::default();
    let started = started(machine, log, &mut outcome);
    let kernel = started.iter().rev().find_map(|started| {
        let file = started.files.iter().find(|file| is_kernel(file))?;
        Some((started, *file))
    });
    let Some((started, kernel)) = kernel else {
        if let Some(unknown) = started.iter().rev().find(|started| started.is_unknown()) {
            outcome.findings.push(Finding::new(
                "running kernel",
                format!(
                    "no kernel that was started lies on the disk as it was then; what was started last and is unknown has the \
                     Authenticode SHA-256 {}",
                    unknown.digest.to_hex()
                ),
                "if it was updated since, restart; else find out what runs",
            ));
        } else {
            let text = "none of the images that were measured into PCR 4 is a kernel: GRUB before 2.12 starts kernels without \
                        the firmware";
            outcome.not_run.push(text.to_owned());
        }
        return outcome;
    };
    let shown = &kernel.shown;
    let digest = started.digest.to_hex();
    match &kernel.judged {
        Some(Ok(let_in)) => {
            let because = printable(&let_in.to_string());
            outcome
                .evidence
                .push(format!("{shown} was started (SHA-256 {digest}): {because}"));
        }
        Some(Err(refusal)) => outcome.findings.push(Finding::new(
            kernel.path.to_string_lossy(),
            format!(
                "{shown} runs, and would not start again: {}",
                printable(&refusal.to_string())
            ),
            format!("bootseal sign efi {}, and restart", quoted(&kernel.path)),
        )),
        None => outcome.not_run.push("db cannot be read".to_owned()),
    }
    match (&kernel.release, machine.release()) {
        (Some(measured), Ok(running)) if *measured == running => {
            outcome.evidence.push(format!("it is {running}, which runs"));
        }
        (Some(measured), Ok(running)) => {
            let text = format!(
                "{shown} is {}, and {} runs: another kernel was started since, by kexec",
                printable(measured),
                printable(&running)
            );
            outcome.findings.push(Finding::new(
                "running kernel",
                text,
                "restart, and keep kexec off: lockdown does",
            ));
        }
        (None, _) => outcome.evidence.push(format!("{shown} does not tell its version")),
        (_, Err(missing)) => outcome.not_run.push(missing),
    }
    outcome
}

fn is_kernel(file: &Found) -> bool {
    matches!(file.loader, Loader::Kernel | Loader::UnifiedKernel)
}
