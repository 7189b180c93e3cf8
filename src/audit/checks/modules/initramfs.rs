//! The check of the modules in initramfs images. These are copies: a signature that was made later is not in them.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;

use crate::disk::UnmountedFile;
use crate::formats::firmware::authenticode::Image;
use crate::formats::text::{Shown, printable};
use crate::start::modules::{Contents, Expected, Kernels};
use crate::system;

use crate::audit::images::{Found, MAX_IMAGE, Place};
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
    let alone = installed.initramfs.iter().map(|path| Source::File(path));
    let unmounted = installed.unmounted_initramfs.iter().map(Source::Unmounted);
    let all: Vec<Source<'_>> = alone
        .chain(unmounted)
        .chain(with_initramfs.map(|found| Source::Unified(found)))
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
        .map(|source| {
            let outcome = look_at(*source, &kernels);
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

/// A place of modules.
#[derive(Debug, Clone, Copy)]
enum Source<'a> {
    /// An initramfs.
    File(&'a Path),
    /// An initramfs on a partition that is not mounted.
    Unmounted(&'a UnmountedFile),
    /// A unified image that holds one.
    Unified(&'a Found),
}

/// Judges the modules in one of them.
fn look_at(source: Source<'_>, kernels: &Kernels) -> Outcome {
    let mut outcome = Outcome::default();
    let (shown, bytes) = match source {
        Source::File(path) => (path.shown(), system::read(path)),
        Source::Unmounted(file) => (file.shown(), file.read(MAX_IMAGE)),
        Source::Unified(found) => (found.shown.clone(), found.read()),
    };
    let bytes = match bytes {
        Ok(bytes) => bytes,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    if !matches!(source, Source::Unified(_)) {
        judge_modules(&mut outcome, &shown, &bytes, kernels);
        return outcome;
    }
    let image = match Image::parse(&bytes) {
        Ok(image) => image,
        // It was one when the images were found.
        Err(error) => return Outcome::could_not_run(printable(&format!("{shown}: {error}"))),
    };
    for section in image.sections().iter().filter(|section| section.name == INITRAMFS) {
        let name = format!("{shown} {INITRAMFS}");
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
