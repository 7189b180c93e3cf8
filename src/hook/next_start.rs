//! The next start, asked for before the first slot signs and after the last one has.

use crate::error::{Error, Result};
use crate::keys::KeyDirectory;
use crate::sign::acceptance::unvouched;
use crate::start::{self, Scene};
use crate::trust::Anchors;

use super::done::Done;
use super::former_menu;
use super::put_back;
use super::request::{Request, Slot};
use super::run::Hook;
use super::stock::Stock;

impl Hook<'_> {
    /// Checks that the GRUB which starts next knows the key that files are signed with.
    pub(super) fn check_grub_key(&self, keys: &KeyDirectory) -> Result<()> {
        let anchors = self.anchors(keys)?;
        start::check_grub_key(self.scene(&anchors))
    }

    /// Walks the next start after the last slot, in which all files of an installation have come out. What others put in
    /// disorder later, `status` tells of.
    pub(super) fn to_the_end(&self, request: &Request, keys: &KeyDirectory, mut done: Done) -> Result<Done> {
        let is_alone = request.slot == Slot::Initramfs && Stock::load(self.context, &request.subject)?.is_none();
        let is_last = is_alone || [Slot::Grub, Slot::Portage, Slot::All].contains(&request.slot);
        let is_done = done.summary.outcomes.iter().all(|outcome| outcome.result.is_ok());
        // By hand, a person is asked to accept these first.
        let is_open = request.slot == Slot::All && unvouched(&done.summary.outcomes).next().is_some();
        if !is_last || !is_done || is_open || self.context.dry_run() {
            return Ok(done);
        }
        let anchors = self.anchors(keys)?;
        let walked = start::next_start(self.scene(&anchors))?;
        if let Some(failure) = start::failure(&walked) {
            let put_back = former_menu::dead_end(self.scene(&anchors), keys, &walked);
            let notes = done.notes.into_iter().chain(put_back);
            return Err(notes.fold(failure, Error::hint));
        }
        let forgotten = put_back::forget(self.context);
        done.notes.extend(forgotten.err().map(|error| error.in_one_line()));
        done.notes
            .extend(walked.findings.into_iter().map(|finding| finding.text));
        let unknown = |reason: String| format!("the next start could not be looked at to its end: {reason}");
        done.notes.extend(walked.not_run.into_iter().map(unknown));
        Ok(done)
    }

    fn anchors(&self, keys: &KeyDirectory) -> Result<Anchors> {
        let mut anchors = Anchors::from_directory(keys)?;
        anchors.with_shim = self.config.grub.shim;
        Ok(anchors)
    }

    fn scene<'s>(&'s self, anchors: &'s Anchors) -> Scene<'s> {
        Scene {
            context: self.context,
            config: self.config,
            anchors,
        }
    }
}
