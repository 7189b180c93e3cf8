//! The check of the kernel that runs: it has to be one of those that are signed.

use crate::error::quoted;
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::text::{Shown, printable};
use crate::trust::loader::Loader;

use super::measured::{UNKNOWN_IMAGE, missing_partition, started};
use crate::audit::check::{Check, Group};
use crate::audit::images::Found;
use crate::audit::machine::Machine;

/// db does not let in the kernel that runs.
const RUNNING_KERNEL_REFUSED: Kind = Kind::error("running_kernel_refused");
/// Another kernel runs than the firmware started.
const OTHER_KERNEL_RUNS: Kind = Kind::error("other_kernel_runs");

pub(super) const CHECKS: &[Check] = &[Check {
    id: "kernel.image",
    group: Group::Kernel,
    title: "Signature of the running kernel",
    kind: RUNNING_KERNEL_REFUSED,
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
        if let Some(missing) = started
            .iter()
            .rev()
            .find_map(|started| missing_partition(machine, started))
        {
            outcome
                .not_run
                .push(format!("the kernel that runs may be a file on {missing}"));
        } else if let Some(unknown) = started.iter().rev().find(|started| started.is_unknown()) {
            let text = format!(
                "no kernel that was started lies on the disk as it was then; the last unknown image that was started has \
                 the Authenticode hash {}",
                unknown.digest.to_hex()
            );
            let finding = Finding::new(UNKNOWN_IMAGE, "running kernel", text);
            let remedy = "if it was updated since, restart; else find out which kernel runs";
            outcome.findings.push(finding.remedy(remedy));
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
        Some(Err(refusal)) => outcome.findings.push(
            Finding::new(
                RUNNING_KERNEL_REFUSED,
                kernel.path.shown(),
                format!(
                    "{shown} runs, and would not start again: {}",
                    printable(&refusal.to_string())
                ),
            )
            .remedy(format!("bootseal sign efi {} && reboot", quoted(&kernel.path))),
        ),
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
            outcome.findings.push(
                Finding::new(OTHER_KERNEL_RUNS, "running kernel", text)
                    .remedy("restart, and keep kexec off: lockdown does"),
            );
        }
        (None, _) => outcome.evidence.push(format!("{shown} does not tell its version")),
        (_, Err(missing)) => outcome.not_run.push(missing),
    }
    outcome
}

fn is_kernel(file: &Found) -> bool {
    matches!(file.loader, Loader::Kernel | Loader::UnifiedKernel)
}
