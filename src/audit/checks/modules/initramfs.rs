//! The check of the modules in initramfs images. These are copies: a signature that was made later is not in them.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::Path;

use rayon::prelude::*;

use crate::disk::UnmountedFile;
use crate::error::{Explain, Result};
use crate::formats::text::{Shown, printable};
use crate::start::modules::{Contents, Expected, Kernels};
use crate::trust::{INITRAMFS, OpenedImage};

use crate::audit::images::{Found, Place};
use crate::audit::machine::Machine;
use crate::audit::reason::reason;
use crate::audit::unmounted::image;
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
    looked(source, kernels).unwrap_or_else(|error| Outcome::could_not_run(reason(&error)))
}

fn looked(source: Source<'_>, kernels: &Kernels) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let (shown, file) = match source {
        Source::File(path) => (path.shown(), OpenedImage::open(path)?),
        Source::Unmounted(file) => (file.shown(), image(file.open(), &file.shown())?),
        Source::Unified(found) => (found.shown.clone(), found.open()?),
    };
    if !matches!(source, Source::Unified(_)) {
        judge_modules(&mut outcome, &shown, file.read(), kernels);
        return Ok(outcome);
    }
    let cannot = || printable(&format!("cannot read {shown}"));
    // It was one when the images were found.
    let sections = file.sections().or_could_not_run(cannot)?;
    for section in sections.iter().filter(|section| section.name == INITRAMFS) {
        let name = format!("{shown} {INITRAMFS}");
        let data = file.section(section).or_could_not_run(cannot)?;
        judge_modules(&mut outcome, &name, data, kernels);
    }
    Ok(outcome)
}

fn judge_modules(outcome: &mut Outcome, name: &str, image: impl BufRead, kernels: &Kernels) {
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
