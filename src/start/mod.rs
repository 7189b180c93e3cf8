//! Layer 3: the next start of this machine, walked to its end: the loader, its configuration and the entry that starts by
//! itself, kernel, initramfs, and the modules in it, each judged as its own reader does.
//!
//! Hooks end with it, and so do commands that change what starts; `status` and the audit ask it again, since others change
//! the same files.

mod grub;
mod kernel;
pub mod modules;
mod path;
mod remedy;
mod scene;
mod systemd_boot;

use crate::enroll::{BootFile, Store, StoreChoice, Verdict, boot_file_after_trial, next_boot_files};
use crate::error::{Error, Result};
use crate::finding::{Finding, Level, Outcome};
use crate::system::Context;
use crate::trust::firmware;

use path::Path as Way;

pub use path::FormerMenu;
use scene::AFTER_TRIAL_FAILS;
pub use scene::{NEXT_START_FAILS, NEXT_START_FALLS_BACK, Scene};

/// Walks the next start from the loader on. `loader` is the file that the firmware starts next; without one, as where the
/// firmware's variables cannot be read, the configurations that are there are walked.
#[must_use]
pub fn behind_loader(scene: Scene<'_>, loader: Option<&BootFile>) -> Outcome {
    let mut way = Way::new(scene);
    way.walk(loader);
    way.outcome
}

/// Walks the whole next start, for a command that has changed it. The firmware's verdicts count where it enforces Secure
/// Boot; what cannot be looked at here is left to the audit.
pub fn next_start(scene: Scene<'_>) -> Result<Outcome> {
    let Ok(store) = Store::open(scene.context, &StoreChoice::Live) else {
        return Ok(behind_loader(scene, None));
    };
    let files = next_boot_files(scene.context, &store)?;
    let next = files.iter().find(|file| file.is_next);
    let mut outcome = behind_loader(scene, next);
    if firmware::enforces(scene.context) {
        let mut refused = refused(scene.context, &files);
        if next.is_some_and(|next| next.file().is_none()) {
            // The loader comes after the first kernel on a machine that is being installed.
            refused = refused.into_iter().map(|finding| finding.at(Level::Warning)).collect();
        }
        outcome.findings.splice(0..0, refused);
    }
    add_after_trial(scene, &store, &mut outcome)?;
    Ok(outcome)
}

/// Walks the start after the next one too, where the next is a trial by `BootNext`, and adds as warnings what only that one meets.
pub fn add_after_trial(scene: Scene<'_>, store: &Store, outcome: &mut Outcome) -> Result<()> {
    let Some(loader) = boot_file_after_trial(scene.context, store)? else {
        return Ok(());
    };
    let mut after = behind_loader(scene, Some(&loader));
    if firmware::enforces(scene.context) {
        after.findings.splice(0..0, refused(scene.context, [&loader]));
    }
    after.findings.retain(|finding| !outcome.findings.contains(finding));
    after.not_run.retain(|reason| !outcome.not_run.contains(reason));
    let told = |text: &str| format!("once the trial is over, {} starts: {text}", loader.source);
    for finding in after.findings {
        let level = finding.level.min(Level::Warning);
        let after = Finding::new(AFTER_TRIAL_FAILS, finding.subject, told(&finding.text)).at(level);
        outcome.findings.push(after.remedies(finding.remedies));
    }
    outcome.not_run.extend(after.not_run.iter().map(|reason| told(reason)));
    Ok(())
}

/// The menu of GRUB behind which the next start failed, if its kept copy leads at least as far: nothing fails by it but what
/// failed in `walked`. The signature of the copy is for the caller to judge, by the keys of that GRUB.
pub fn former_menu(scene: Scene<'_>, walked: &Outcome) -> Result<Option<FormerMenu>> {
    let mut way = Way::by_kept_menu(scene);
    match Store::open(scene.context, &StoreChoice::Live) {
        Ok(store) => {
            let files = next_boot_files(scene.context, &store)?;
            way.walk(files.iter().find(|file| file.is_next));
        }
        Err(_) => way.walk(None),
    }
    let is_known = |fault: &Finding| {
        let is_it = |known: &Finding| (known.kind, &known.subject) == (fault.kind, &fault.subject);
        walked.findings.iter().any(is_it)
    };
    let mut faults = way
        .outcome
        .findings
        .iter()
        .filter(|fault| fault.kind == NEXT_START_FAILS);
    Ok(way.former.filter(|_| faults.all(is_known)))
}

/// Checks that the GRUB which starts next, if it asks for signatures, knows one of our keys, before files are signed for it. An
/// error says which keys it knows; a loader that cannot be read here is left to the audit.
pub fn check_grub_key(scene: Scene<'_>) -> Result<()> {
    let Ok(store) = Store::open(scene.context, &StoreChoice::Live) else {
        return Ok(());
    };
    let files = next_boot_files(scene.context, &store)?;
    let mut way = Way::new(scene);
    if let Some(next) = files.iter().find(|file| file.is_next).and_then(BootFile::file) {
        way.check_keys(next)?;
    }
    failure(&way.outcome).map_or(Ok(()), Err)
}

/// The error of a run after which the next start would not reach its end, with what mends it; none if it would.
#[must_use]
pub fn failure(walked: &Outcome) -> Option<Error> {
    let mut fatal = walked.findings.iter().filter(|finding| finding.level == Level::Error);
    let first = fatal.next()?;
    let others: Vec<&Finding> = fatal.collect();
    let texts = others.iter().map(|finding| format!("; {}", finding.text));
    let text = format!("the next start would fail: {}{}", first.text, texts.collect::<String>());
    let remedies = std::iter::once(first)
        .chain(others)
        .flat_map(|finding| &finding.remedies);
    let mut told: Vec<&String> = Vec::new();
    let mut error = Error::refused(text);
    for remedy in remedies {
        if !told.contains(&remedy) {
            error = error.hint(remedy);
            told.push(remedy);
        }
    }
    Some(error)
}

/// The findings of files that the firmware is asked to start next and refuses.
#[must_use]
pub fn refused<'f>(context: &Context, files: impl IntoIterator<Item = &'f BootFile>) -> Vec<Finding> {
    let finding = |file: &BootFile| {
        let Verdict::Refused(reason) = &file.verdict else {
            return None;
        };
        let text = format!("{} ({}): the firmware refuses it: {reason}", file.path, file.source);
        let finding = Finding::new(NEXT_START_FAILS, &file.path, text);
        Some(finding.remedies(remedy::have_accepted(context, file)))
    };
    files.into_iter().filter_map(finding).collect()
}
