//! The next start, walked to its end.

use crate::audit::machine::Machine;
use crate::audit::reason::reason;
use crate::enroll::next_boot_files;
use crate::finding::Outcome;
use crate::hook;
use crate::start::{Scene, add_after_trial, behind_loader};

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    let anchors = match machine.anchors() {
        Ok(anchors) => anchors,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let files = match machine.store() {
        Ok(store) => next_boot_files(machine.context(), store).map_err(|error| reason(&error)),
        Err(missing) => Err(missing.clone()),
    };
    let (files, missing) = match files {
        Ok(files) => (files, None),
        Err(missing) => (Vec::new(), Some(missing)),
    };
    let loader = files.iter().find(|file| file.is_next);
    let scene = Scene {
        context: machine.context(),
        config: machine.config(),
        anchors,
    };
    let mut outcome = behind_loader(scene, loader);
    outcome.not_run.extend(missing);
    if let Ok(store) = machine.store()
        && let Err(error) = add_after_trial(scene, store, &mut outcome)
    {
        outcome.not_run.push(reason(&error));
    }
    match hook::former_menus(machine.context()) {
        Ok(former) => outcome.findings.extend(former),
        Err(error) => outcome.not_run.push(reason(&error)),
    }
    if outcome == Outcome::default() {
        return Outcome::could_not_run("no file was found that the firmware could start");
    }
    outcome
}
