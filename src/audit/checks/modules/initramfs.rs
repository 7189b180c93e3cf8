//! The check of the modules in initramfs images. These are copies: a signature that was made later is not in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;

use crate::formats::firmware::authenticode::Image;
use crate::formats::kernel::initramfs;
use crate::formats::text::{Shown, printable};
use crate::system;

use super::kernel::{Expected, Together};
use super::signature::{note, unpack};
use super::tree::stem;
use crate::audit::check::Outcome;
use crate::audit::images::Place;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;
use crate::audit::unified::INITRAMFS;

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
    let releases = unified.found.iter().filter_map(|image| image.release.clone());
    let releases: BTreeSet<String> = releases.chain(machine.release()).collect();
    let expect = |release: String| Expected::read(machine, &release, &anchors.modules);
    let kernels = Kernels {
        known: releases.into_iter().map(expect).collect(),
        other: Expected::ours(machine, &anchors.modules),
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

/// The kernels whose modules may be in an initramfs.
struct Kernels {
    known: Vec<Expected>,
    /// For modules that are of none of them.
    other: Expected,
}

impl Kernels {
    /// The kernel of a module in an initramfs, by the directory that it lies in.
    fn of_path(&self, path: &str) -> &Expected {
        let mut below = path.split('/').skip_while(|part| *part != "modules").skip(1);
        let release = below.next();
        let kernel = self
            .known
            .iter()
            .find(|kernel| Some(kernel.release.as_str()) == release);
        kernel.unwrap_or(&self.other)
    }
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
    let is_module = |path: &[u8]| stem(&String::from_utf8_lossy(path)).is_some();
    let remedy =
        "bootseal sign modules, build this initramfs anew (dracut --force, mkinitramfs), and: bootseal sign all";
    let (mut right, mut all) = (0_usize, 0_usize);
    let mut together: BTreeMap<&str, (&Expected, Together)> = BTreeMap::new();
    let read = initramfs::files(image, is_module, |entry| {
        all = all.saturating_add(1);
        let path = String::from_utf8_lossy(&entry.path);
        let kernel = kernels.of_path(&path);
        let answer = match unpack(entry.content) {
            Ok(module) => kernel.judge(&module, None),
            Err(answer) => answer,
        };
        let told = together
            .entry(&kernel.release)
            .or_insert_with(|| (kernel, Together::default()));
        if let Some(answer) = told.1.take(answer) {
            let subject = format!("{name}: {path}");
            right = right.saturating_add(usize::from(note(outcome, &subject, answer, remedy)));
        }
    });
    for (kernel, together) in together.into_values() {
        right = right.saturating_add(together.tell(kernel, name, outcome));
    }
    let shown = printable(name);
    match read {
        Ok(entries) => outcome
            .evidence
            .push(format!("{shown}: {right} of {all} modules, in {entries} entries")),
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            outcome.not_run.push(format!(
                "{shown}: {error}{cause}; of the {all} modules before that {right} are right"
            ));
        }
    }
}
