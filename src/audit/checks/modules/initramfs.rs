//! The check of the modules in initramfs images. These are copies: a signature that was made later is not in them.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;

use crate::formats::firmware::authenticode::Image;
use crate::formats::text::{Shown, printable};
use crate::start::modules::{Contents, Expected, Kernels};
use crate::system;

use crate::audit::images::Place;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;
use crate::audit::unified::INITRAMFS;
use crate::finding::Outcome;

pub(super) fn run(machine: &Machine<'_>) -> Outcome {
    let anchors = match machine.anchors() {
        Ok(anchors) => anchors,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let unified = match machine.images(Place::Anywhere) {
        Ok(unified) => unified,
        Err(missing) => return Outcome::could_not_run(missing),
    };
    let installed = machine.installed();
    let with_initramfs = unified.found.iter().filter(|found| {
        let unified = found.unified.as_ref();
        unified.is_some_and(|unified| unified.initramfs.is_some())
    });
    let alone = installed.initramfs.iter().map(|path| (path.as_path(), false));
    let all: Vec<(&Path, bool)> = alone
        .chain(with_initramfs.map(|found| (found.path.as_path(), true)))
        .collect();
    let releases = unified.releases().into_iter().map(str::to_owned);
    let releases: BTreeSet<String> = releases.chain(machine.release()).collect();
    let (context, config) = (machine.context(), machine.config());
    let expect = |release: String| Expected::read(context, config, &release, None, &anchors.modules);
    let kernels = Kernels {
        known: releases.into_iter().map(expect).collect(),
        other: Expected::ours(config, &anchors.modules),
    };
    let observer = machine.observer();
    observer.begin("initramfs images", all.len(), 0);
    let looked: Vec<Outcome> = all
        .par_iter()
        .map(|(path, is_unified)| {
            let outcome = look_at(path, *is_unified, &kernels);
            observer.advance(0);
            outcome
        })
        .collect();
    observer.end();
    let mut outcome = Outcome::default();
    for one in looked {
        outcome.evidence.extend(one.evidence);
        outcome.findings.extend(one.findings);
        outcome.not_run.extend(one.not_run);
    }
    outcome.not_run.extend(unified.not_run);
    outcome.not_run.extend(installed.unread.iter().cloned());
    // Both have looked into the same directories.
    outcome.not_run.sort();
    outcome.not_run.dedup();
    if all.is_empty() && outcome.not_run.is_empty() {
        return Outcome::not_applicable(
            "there is no initramfs in the boot directories, boot entries or unified images",
        );
    }
    outcome
}

/// Judges the modules in one file: an initramfs, or a unified image that holds some.
fn look_at(path: &Path, is_unified: bool, kernels: &Kernels) -> Outcome {
    let mut outcome = Outcome::default();
    let bytes = match system::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    if !is_unified {
        judge_modules(&mut outcome, &path.shown(), &bytes, kernels);
        return outcome;
    }
    let image = match Image::parse(&bytes) {
        Ok(image) => image,
        // It was one when the images were found.
        Err(error) => return Outcome::could_not_run(printable(&format!("{}: {error}", path.shown()))),
    };
    for section in image.sections().iter().filter(|section| section.name == INITRAMFS) {
        let name = format!("{} {INITRAMFS}", path.shown());
        judge_modules(&mut outcome, &name, section.data(), kernels);
    }
    outcome
}

fn judge_modules(outcome: &mut Outcome, name: &str, image: &[u8], kernels: &Kernels) {
    let Contents {
        modules, right, error, ..
    } = Contents::read(name, image, kernels, outcome);
    let Some(error) = error else { return };
    let shown = printable(name);
    let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
    outcome.not_run.push(format!(
        "{shown}: {error}{cause}; of the {modules} modules before that {right} are right"
    ));
}
