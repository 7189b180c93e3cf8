//! Checks of GRUB's own files: their signatures, and the traps in its configurations.

use crate::finding::{Finding, Level};
use crate::grub::falls_back;
use crate::hook;
use crate::sign::grub::{NOT_JUDGED, verify};
use crate::system::config::Exclusions;
use crate::trust::grub;

use crate::audit::check::{Check, Group, Outcome};
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "grub.files",
        group: Group::Grub,
        title: "Signatures of the files that GRUB opens, and traps in its configurations",
        kind: grub::MISSING,
        proves: "Each file of GRUB's directory, and each that its configurations lead to, is signed by the key that GRUB \
                 embeds, with SHA-256 or better; no configuration switches checking off or reads variables from an \
                 unsigned file.",
        remedy: "bootseal sign grub DIRECTORY; a trap in a configuration is mended in the line that is named",
        run: files,
    },
    Check {
        id: "grub.kept_menu",
        group: Group::Grub,
        title: "Fallback of GRUB's image to the last signed menu",
        kind: hook::NO_KEPT_MENU,
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
        outcome.findings.push(hook::without_kept_menu(&path));
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
        if problem.kind == NOT_JUDGED {
            outcome.not_run.push(format!("{}: {}", problem.place(), problem.text));
        } else {
            outcome.findings.push(with_place(problem));
        }
    }
    for trap in &judged.traps {
        if trap.level == Level::Note {
            outcome.evidence.push(trap.describe());
        } else {
            outcome.findings.push(with_place(trap));
        }
    }
    outcome
}

/// A finding in a file, with the place as its subject: what a baseline accepts is one line.
fn with_place(found: &Finding) -> Finding {
    Finding::new(found.kind, found.place(), found.describe())
        .at(found.level)
        .remedies(&found.remedies)
}
