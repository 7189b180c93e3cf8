//! Checks of GRUB's own files: their signatures, and the traps in its configurations.

mod place;
mod unmounted;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{BootTree, distinct};
use crate::error::{Explain, Result};
use crate::finding::{Level, Outcome};
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::text::Shown;
use crate::grub::falls_back;
use crate::hook;
use crate::sign::grub::{NOT_JUDGED, existing_signature, verify};
use crate::system::config::Exclusions;
use crate::system::{read, resolve};
use crate::trust::grub;

use crate::audit::check::{Check, Group};
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

use place::with_place;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "grub.files",
        group: Group::Grub,
        title: "Signatures of the files that GRUB opens, and traps in its configurations",
        kind: grub::MISSING,
        proves: "Each file of GRUB's directories, and each that their configurations lead to, is signed by the key that GRUB \
                 embeds, with SHA-256 or better; no configuration switches checking off or reads variables from an \
                 unsigned file. Of EFI system partitions that are not mounted, the configurations that this key has signed are \
                 judged alike.",
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
            outcome.evidence.push(format!("{} does", path.shown()));
            continue;
        }
        outcome.findings.push(hook::without_kept_menu(&path));
    }
    outcome
}

/// The directories that are judged: the configured one, and each that the hooks would sign.
fn directories(machine: &Machine<'_>, tree: &BootTree) -> Vec<PathBuf> {
    let configured = machine.context().path(&machine.config().grub.directory);
    let others = tree.grub_directories().map(Path::to_path_buf);
    distinct(machine.context(), std::iter::once(configured).chain(others))
}

fn files(machine: &Machine<'_>) -> Outcome {
    let tree = match machine.boot_tree() {
        Ok(tree) => tree,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let missing = match machine.not_mounted() {
        Ok(missing) => missing,
        Err(missing) => return Outcome::could_not_run(missing),
    };
    let mut directories = directories(machine, tree);
    directories.retain(|directory| !missing.iter().any(|missing| directory.starts_with(missing)));
    let is_elsewhere = !machine.unmounted_esps().is_ok_and(Vec::is_empty);
    if directories.is_empty() && tree.unread.is_empty() && !is_elsewhere {
        let configured = machine.context().path(&machine.config().grub.directory);
        return Outcome::not_applicable(format!("there is no {}", configured.shown()));
    }
    let anchors = match machine.anchors() {
        Ok(anchors) => anchors,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let mut outcome = Outcome {
        not_run: tree.unread.clone(),
        ..Outcome::default()
    };
    let mut judged = BTreeSet::new();
    for directory in &directories {
        match files_of(machine, directory, &anchors.grub, &mut outcome) {
            Ok(files) => judged.extend(files),
            Err(error) => outcome.not_run.push(reason(&error)),
        }
    }
    unnamed(machine, tree, &judged, &anchors.grub, &mut outcome);
    unmounted::judge(machine.unmounted_esps(), &anchors.grub, &mut outcome);
    outcome
}

/// Judges a directory of GRUB with all that its configurations lead to; returns the files.
fn files_of(
    machine: &Machine<'_>,
    directory: &Path,
    keys: &[GrubKey],
    outcome: &mut Outcome,
) -> Result<Vec<Arc<Path>>> {
    let config = machine.config();
    let exclude = Exclusions::new(&config.sign.exclude)?;
    let judged = verify(machine.context(), &exclude, config.sign.grubenv, directory, keys)?;
    outcome
        .evidence
        .push(format!("{}: {} files judged", directory.shown(), judged.judged));
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
    Ok(judged.files)
}

/// Tells of the boot files that the hooks would sign and that no configuration names: GRUB opens none of them as it is.
fn unnamed(
    machine: &Machine<'_>,
    tree: &BootTree,
    judged: &BTreeSet<Arc<Path>>,
    keys: &[GrubKey],
    outcome: &mut Outcome,
) {
    let root = machine.context().root();
    // As the names in configurations are followed: directories without symbolic links, and the name as it is.
    let named = |path: &Path| {
        let directory = path.parent().and_then(|parent| resolve(root, parent).ok());
        directory.and_then(|directory| Some(directory.join(path.file_name()?)))
    };
    let unnamed = tree.grub_files().map(|file| file.path.as_path());
    let unnamed = unnamed
        .filter(|path| !judged.contains(*path) && named(path).is_none_or(|path| !judged.contains(path.as_path())));
    for path in unnamed {
        let shown = path.shown();
        let answer = resolve(root, path)
            .or_could_not_run(|| format!("cannot read {}", path.shown()))
            .and_then(|file| Ok((read(&file)?, existing_signature(path)?)))
            .map(|(data, signature)| grub::judge(&data, signature.as_deref(), keys));
        match answer {
            Ok(Ok(_)) => outcome.evidence.push(format!("{shown}: signed")),
            Ok(Err(refusal)) => outcome.evidence.push(format!(
                "{shown}: GRUB would not open it ({refusal}), and no configuration names it"
            )),
            Err(error) => outcome.not_run.push(reason(&error)),
        }
    }
}
