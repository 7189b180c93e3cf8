//! The modules in initramfs images, which are copies: what was signed afterwards is not in them.

use std::path::Path;

use rayon::prelude::*;

use crate::formats::authenticode::Image;
use crate::formats::certificate::{Certificate, printable};
use crate::formats::initramfs;
use crate::system;

use super::{Machine, Outcome, judge, note, stem, unpack};
use crate::audit::check::reason;
use crate::audit::installed::Installed;

/// The sections of a unified image that become the initramfs.
const SECTION: &str = ".initrd";

pub(super) fn run(machine: &Machine<'_>) -> Outcome {
    let anchors = match machine.anchors() {
        Ok(anchors) => anchors,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let Installed { initramfs, images, .. } = machine.installed();
    let all: Vec<(&Path, bool)> = initramfs
        .iter()
        .map(|path| (path.as_path(), false))
        .chain(images.iter().map(|path| (path.as_path(), true)))
        .collect();
    let observer = machine.observer();
    observer.begin("initramfs images", all.len(), 0);
    let looked: Vec<Option<Outcome>> = all
        .par_iter()
        .map(|(path, is_unified)| {
            let outcome = look_at(path, *is_unified, &anchors.modules);
            observer.advance(0);
            outcome
        })
        .collect();
    observer.end();
    let mut outcome = Outcome::default();
    let mut images = 0_usize;
    for one in looked.into_iter().flatten() {
        images = images.saturating_add(1);
        outcome.evidence.extend(one.evidence);
        outcome.findings.extend(one.findings);
        outcome.not_run.extend(one.not_run);
    }
    outcome.not_run.extend(machine.installed().unread.iter().cloned());
    if images == 0 && outcome.not_run.is_empty() {
        return Outcome::not_applicable(
            "there is no initramfs in the boot directories, boot entries or unified images",
        );
    }
    outcome
}

/// What is in one file; none if it holds no initramfs.
fn look_at(path: &Path, is_unified: bool, trusted: &[Certificate]) -> Option<Outcome> {
    let mut outcome = Outcome::default();
    let bytes = match system::read(path) {
        Ok(bytes) => bytes,
        Err(error) => return Some(Outcome::could_not_run(reason(&error))),
    };
    if !is_unified {
        judge_modules(&mut outcome, &path.to_string_lossy(), &bytes, trusted);
        return Some(outcome);
    }
    // What is no image is told by the check of images.
    let image = Image::parse(&bytes).ok()?;
    let sections: Vec<_> = image
        .sections()
        .iter()
        .filter(|section| section.name == SECTION)
        .collect();
    for section in &sections {
        let name = format!("{} {SECTION}", path.to_string_lossy());
        judge_modules(&mut outcome, &name, section.data(), trusted);
    }
    (!sections.is_empty()).then_some(outcome)
}

fn judge_modules(outcome: &mut Outcome, name: &str, image: &[u8], trusted: &[Certificate]) {
    let is_module = |path: &[u8]| stem(&String::from_utf8_lossy(path)).is_some();
    let remedy =
        "bootseal sign modules, build this initramfs anew (dracut --force, mkinitramfs), and: bootseal sign all";
    let (mut right, mut all) = (0_usize, 0_usize);
    let read = initramfs::files(image, is_module, |entry| {
        all = all.saturating_add(1);
        let answer = match unpack(entry.content) {
            Ok(module) => judge(&module, trusted, None),
            Err(answer) => answer,
        };
        let subject = format!("{name}: {}", String::from_utf8_lossy(&entry.path));
        right = right.saturating_add(usize::from(note(outcome, &subject, answer, remedy)));
    });
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
