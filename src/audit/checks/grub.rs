//! GRUB's own files: whether the GRUB that enforces would open them, and what in them undoes that.

use crate::grub::{KEPT_MENU, falls_back};
use crate::sign::grub::verify;
use crate::system::config::Exclusions;
use crate::trust::grub_traps::Level as TrapLevel;

use super::super::check::{Check, Finding, Group, Level, Outcome, reason};
use super::super::machine::Machine;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "grub.files",
        group: Group::Grub,
        title: "Every file that GRUB opens has a signature that holds, and none undoes signatures",
        level: Level::Error,
        proves: "Each file of GRUB's directory, and each that its configurations lead to, is signed by the key that GRUB \
                 embeds, with SHA-256 or better; no configuration switches checking off or reads variables that nobody \
                 signed.",
        remedy: "bootseal sign grub DIRECTORY; what is found in configurations, in the line that is named",
        run: files,
    },
    Check {
        id: "grub.kept_menu",
        group: Group::Grub,
        title: "The image of GRUB falls back to the last signed menu",
        level: Level::Warning,
        proves: "The image that grub install has put in its place reads grub.cfg.signed, which the hooks keep, where \
                 grub.cfg has no signature that holds, as after a hook that was killed.",
        remedy: "bootseal grub install",
        run: kept_menu,
    },
];

fn kept_menu(machine: &Machine<'_>) -> Outcome {
    let images = match falls_back(machine.context(), &machine.config().grub) {
        Ok(images) if images.is_empty() => return Outcome::not_applicable("there is no image of grub install"),
        Ok(images) => images,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    let mut outcome = Outcome::default();
    for (path, falls_back) in images {
        if falls_back {
            outcome.evidence.push(format!("{} does", path.display()));
            continue;
        }
        let text = format!("{} does not know of {KEPT_MENU}", path.display());
        let finding = Finding::new(path.to_string_lossy(), text, "bootseal grub install");
        outcome.findings.push(finding);
    }
    outcome
}

fn files(machine: &Machine<'_>) -> Outcome {
    let config = machine.config();
    let directory = machine.context().path(&config.grub.directory);
    if !directory.is_dir() {
        return Outcome::not_applicable(format!("there is no {}", directory.display()));
    }
    let anchors = match machine.anchors() {
        Ok(anchors) => anchors,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let judged = Exclusions::new(&config.sign.exclude).and_then(|exclude| {
        verify(
            machine.context(),
            &exclude,
            config.sign.grubenv,
            &directory,
            &anchors.grub,
        )
    });
    let judged = match judged {
        Ok(judged) => judged,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    let mut outcome = Outcome::pass(format!("{}: {} files judged", directory.display(), judged.judged));
    for problem in &judged.problems {
        let place = problem.place();
        if problem.name == "not_judged" {
            outcome.not_run.push(format!("{place}: {}", problem.reason));
            continue;
        }
        let text = format!("{place} ({}): {}", problem.name, problem.reason);
        outcome.findings.push(Finding::new(place, text, problem.remedy.clone()));
    }
    for (path, trap) in &judged.traps {
        let place = format!("{}:{}", path.display(), trap.line);
        let text = format!("{place}: {} ({}): {}", trap.text, trap.name, trap.reason);
        if trap.level == TrapLevel::Finding {
            outcome.findings.push(Finding::new(place, text, trap.remedy));
        } else {
            outcome.evidence.push(text);
        }
    }
    outcome
}
