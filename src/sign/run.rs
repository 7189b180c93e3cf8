//! A run: a lock, a transaction over all kinds of files, and the manifests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::error::Result;
use crate::ledger::{Intent, Kind, Ledger, Origin};
use crate::system::config::{Entry, Exclusions, Expanded, GrubEnvironment, expand};
use crate::system::{self, Context, Lock, Transaction, give_memory_back, remove_leftover, wiping_stack};

use super::discover::{Found, Interest, Search, Target, batches};
use super::manifest::{self, Manifest};
use super::observer::Observer;
use super::outcome::{Change, Done, Outcome};
use super::records::{Record, batches_of, taken};
use super::signed::{Signed, outcome_of};
use super::signing::Signing;
use super::summary::Summary;
use super::takeover::Adopted;
use super::unvouched;
use super::vouching::{Notary, Vouchers, path_on_machine};

/// The options of a run.
#[derive(Debug, Clone, Default)]
pub struct Options<'a> {
    /// Verify every file, also those that are signed by the manifest.
    pub recheck: bool,
    /// The files that are left alone.
    pub exclude: Exclusions,
    /// The treatment of GRUB's environment block, which GRUB may write to.
    pub grub_environment: GrubEnvironment,
    /// Files and directories on the machine's root file system whose content is vouched for: `[sign] sources`.
    pub sources: Vec<PathBuf>,
    /// The command, as the ledger has it.
    pub command: String,
    /// Those who vouch for files on the media that others can write to.
    pub vouchers: Vouchers<'a>,
}

/// A run over any mix of files. Dropped without [`Run::finish`], it leaves the files unchanged.
pub struct Run<'a> {
    context: &'a Context,
    options: &'a Options<'a>,
    observer: &'a dyn Observer,
    notary: Arc<Notary<'a>>,
    records: Vec<Record>,
    /// True if every file is verified, since no ledger has them yet.
    has_no_ledger: bool,
    transaction: Transaction<'a>,
    manifests: Vec<(Manifest, Vec<Signed>)>,
    summary: Summary,
    /// The second after which a file must not have been changed for its state to be sure, since 1970-01-01 UTC.
    last_sure_change: i64,
    _lock: Option<Lock>,
}

impl<'a> Run<'a> {
    /// Waits for the end of another run that is active.
    pub fn wait(context: &Context, observer: &dyn Observer) -> Result<()> {
        let mut heeded = Ok(());
        let lock = Lock::take(context, || {
            heeded = context.heed_signals();
            observer.waiting();
        });
        heeded.and(lock.map(drop))
    }

    /// Begins a run, after the end of another that is active.
    pub fn begin(context: &'a Context, options: &'a Options<'a>, observer: &'a dyn Observer) -> Result<Self> {
        let lock = Lock::take(context, || observer.waiting())?;
        Ok(Self {
            context,
            options,
            observer,
            notary: Arc::new(Notary::new(context, options.vouchers, &options.sources)),
            records: Vec::new(),
            has_no_ledger: !system::is_there(&Ledger::path_of(context)?)?,
            _lock: lock,
            transaction: Transaction::new(context),
            manifests: Vec::new(),
            summary: Summary::default(),
            last_sure_change: manifest::last_sure_change(context.now()?)?,
        })
    }

    pub(super) const fn context(&self) -> &'a Context {
        self.context
    }

    pub(super) const fn transaction(&self) -> &Transaction<'a> {
        &self.transaction
    }

    pub(super) const fn options(&self) -> &'a Options<'a> {
        self.options
    }

    pub(super) fn notary(&self) -> Arc<Notary<'a>> {
        Arc::clone(&self.notary)
    }

    /// Adds a warning, once.
    pub(super) fn warn(&mut self, warning: String) {
        if !self.summary.warnings.contains(&warning) {
            self.summary.warnings.push(warning);
        }
    }

    /// Has the ledger enter files that bore our signature before it began.
    pub(super) fn adopt(&mut self, signing: &Signing<'_>, adopted: Vec<Adopted>) {
        self.records.extend(adopted.into_iter().map(|file| Record {
            kind: signing.kind,
            key: Arc::clone(&signing.key),
            hash: signing.hash,
            origin: Origin::Adopted,
            path: file.path.into(),
            sha256: file.sha256,
            signed: file.signed,
        }));
    }

    /// Adds an outcome.
    pub(super) fn add_outcome(&mut self, outcome: Outcome) {
        self.summary.outcomes.push(outcome);
    }

    /// The files that a list of the configuration leads to, and the matching signatures for GRUB whose file is gone.
    /// An entry that leads to no file becomes an outcome.
    pub fn expand(&mut self, entries: &[Entry]) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let Expanded {
            paths,
            orphans,
            absent,
            missing,
        } = expand(self.context, entries);
        for path in absent {
            self.add_outcome(Outcome::done(path, Change::Absent));
        }
        for (path, error) in missing {
            self.add_outcome(Outcome::failed(path, error));
        }
        (paths, orphans)
    }

    /// Looks for files, and removes the staged files of runs that were killed.
    pub(super) fn discover(&mut self, paths: &[PathBuf], interest: fn(&Path) -> Interest) -> Result<Found> {
        let search = || Search::new(self.context, &self.options.exclude, interest).below(paths);
        let mut found = search();
        let own = self.transaction.temporaries()?;
        let mut has_settled = false;
        for leftover in std::mem::take(&mut found.leftovers).difference(&own).cloned() {
            has_settled |= leftover.is_dir();
            if let Err(error) = remove_leftover(self.context, &leftover) {
                self.add_outcome(Outcome::failed(leftover, error));
            }
        }
        if has_settled && !self.context.dry_run() {
            // Files that led through it are where they belong now.
            found = search();
        }
        for unusable in found.unusable.drain(..) {
            self.summary
                .outcomes
                .push(Outcome::failed(unusable.path, unusable.error));
        }
        Ok(found)
    }

    /// Works on every file with all cores. `work` returns a result for each file of a batch, in order. A file that fails
    /// stays unchanged and prevents no other from being signed.
    pub(super) fn process(
        &mut self,
        signing: &Signing<'_>,
        found: Found,
        work: impl Fn(&[Target], &Transaction<'a>) -> Vec<Result<Done>> + Sync,
    ) -> Result<()> {
        let recheck = self.options.recheck || signing.recheck || self.has_no_ledger;
        let kind = signing.kind.name();
        // Modules of another hash may have it open already: two of them would write over each other.
        let is_open = |(manifest, _): &(Manifest, _)| manifest.is_of(kind, &signing.key);
        let open = self.manifests.iter().position(is_open);
        let (mut manifest, mut remembered) = match (open, signing.signer) {
            (Some(open), _) => {
                let (manifest, remembered) = self.manifests.swap_remove(open);
                (Some(manifest), remembered)
            }
            (None, Some(signer)) => {
                let manifest = Manifest::open(self.context, kind, &signing.key, signer, recheck)?;
                (manifest, Vec::new())
            }
            (None, None) => (None, Vec::new()),
        };
        if let Some(warning) = manifest.as_mut().and_then(|manifest| manifest.warning.take()) {
            self.summary.warnings.push(warning);
        }
        let mut outcomes = Vec::new();
        let mut todo = Vec::new();
        for target in found.targets.into_values() {
            if self.is_known(manifest.as_ref(), signing, &target)? {
                outcomes.push(Outcome::done(target.path, Change::Unchanged));
            } else {
                todo.push(target);
            }
        }
        let bytes = todo.iter().map(|target| target.state.size).sum();
        self.observer.begin(signing.kind.name(), todo.len(), bytes);
        let (done, signed, mut records) = self.work(signing, todo, work);
        self.observer.end();
        self.context.check_interrupted()?;
        records.sort_by(|one, other| one.path.cmp(&other.path));
        add(&mut self.records, records);
        add(&mut outcomes, done);
        outcomes.sort_by(|one, other| one.path.cmp(&other.path));
        for outcome in &mut outcomes {
            outcome.kind = Some(signing.kind.name());
        }
        add(&mut self.summary.outcomes, outcomes);
        add(&mut remembered, signed);
        self.manifests.extend(manifest.map(|manifest| (manifest, remembered)));
        Ok(())
    }

    fn is_known(&self, manifest: Option<&Manifest>, signing: &Signing<'_>, target: &Target) -> Result<bool> {
        let Some(manifest) = manifest else { return Ok(false) };
        let states = signing.states(target, target.state);
        let vouched = states.is_some_and(|states| manifest.vouches_for(&target.path, signing.hash.name(), &states));
        // The manifest knows nothing of the ledger, which is to enter the files that a person names.
        let is_asked_for = signing.kind != Kind::Modules && !self.options.vouchers.accepted.is_empty();
        // A file that this run is about to replace is another file.
        Ok(vouched && !is_asked_for && !self.transaction.changes(&target.path)?)
    }

    fn work(
        &self,
        signing: &Signing<'_>,
        todo: Vec<Target>,
        work: impl Fn(&[Target], &Transaction<'a>) -> Vec<Result<Done>> + Sync,
    ) -> (Vec<Outcome>, Vec<Signed>, Vec<Record>) {
        let count = todo.len();
        let results = Mutex::new((
            Vec::with_capacity(count),
            Vec::with_capacity(count),
            Vec::with_capacity(count),
        ));
        let work_on = |batch: Vec<Target>| {
            let before: Vec<_> = batch
                .iter()
                .map(|target| signing.states(target, target.state))
                .collect();
            let done = match self.context.check_interrupted() {
                Ok(()) => wiping_stack(|| work(&batch, &self.transaction)),
                // The run ends with this error for all of them.
                Err(_) => Vec::new(),
            };
            let files = batch.into_iter().zip(before);
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            for (done, (target, before)) in done.into_iter().zip(files) {
                self.observer.advance(target.state.size);
                let (outcome, signed, record) = outcome_of(signing, done, target, before);
                results.0.push(outcome);
                results.1.extend(signed);
                results.2.extend(record);
            }
        };
        let batches = batches(todo, |target| (target.state.size, &target.path));
        // A pool of threads for one batch, or on one core, would take longer to start than to use.
        let is_serial = batches.len() <= 1 || std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
        if is_serial {
            batches.into_iter().for_each(work_on);
        } else {
            // A task for each batch: with several batches in a task, a core could be idle at the end.
            batches.into_par_iter().with_max_len(1).for_each(work_on);
        }
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the signed files, records them in the ledger, and saves the manifests. The error of a file that could not be
    /// replaced becomes its outcome.
    pub fn finish(mut self) -> Result<Summary> {
        let records = std::mem::take(&mut self.records);
        give_memory_back();
        let mut pen = self.pen(records)?;
        let mut summary = self.summary;
        summary.note_failures(self.transaction.commit()?);
        let failed = summary.outcomes.iter().filter(|outcome| outcome.result.is_err());
        let failed: BTreeSet<Arc<Path>> = failed.map(|outcome| Arc::clone(&outcome.path)).collect();
        if let Some((ledger, intent)) = &mut pen {
            if self.has_no_ledger {
                // What they say is older than the ledger.
                manifest::forget(self.context)?;
            }
            let failed = failed.iter().map(|path| path_on_machine(self.context, path)).collect();
            // The files are in their places: the next run completes the ledger.
            if let Some(intent) = intent.take()
                && let Err(error) = ledger.complete(self.context, intent, &failed)
            {
                summary.warnings.push(error.to_string());
            }
        }
        drop(pen);
        for (mut manifest, signed) in self.manifests {
            if !signed.is_empty() {
                // Before others are entered, which are there.
                manifest.forget_the_gone();
            }
            for signed in signed
                .into_iter()
                .filter(|signed| !failed.contains(&signed.target.path))
            {
                signed.enter(&mut manifest, self.last_sure_change);
            }
            // A manifest only saves time: without it the run has not failed.
            if let Err(error) = manifest.save(self.context) {
                summary.warnings.push(error.to_string());
            }
        }
        if let Err(error) = unvouched::record(self.context, &summary.outcomes) {
            summary.warnings.push(error.to_string());
        }
        Ok(summary)
    }

    /// The ledger with the line that says what is about to be signed; none if there is nothing to record.
    fn pen(&mut self, records: Vec<Record>) -> Result<Option<(Ledger, Option<Intent>)>> {
        if records.is_empty() || self.context.dry_run() {
            return Ok(None);
        }
        let memory = self.notary.memory()?;
        self.summary.warnings.extend(memory.warning.clone());
        let was_taken_over = memory.taken_over;
        // One ledger is held at a time.
        drop(memory);
        self.notary.forget();
        let mut ledger = Ledger::read(self.context)?;
        let (adopted, signed): (Vec<Record>, Vec<Record>) =
            records.into_iter().partition(|record| record.origin == Origin::Adopted);
        self.summary.warnings.extend(taken(
            adopted.len(),
            "bears our signature and is entered into the ledger as adopted",
            "bear our signature and are entered into the ledger as adopted",
        ));
        let found = signed.iter().filter(|record| record.origin == Origin::Found).count();
        self.summary.warnings.extend(taken(
            found,
            "is taken as it is found, since the ledger has none of its kind yet",
            "are taken as they are found, since the ledger has none of their kind yet",
        ));
        // Files of other kinds, in the next slots, are not the first ones either.
        let taken_over = was_taken_over || !adopted.is_empty();
        let (adopted, signed) = (batches_of(self.context, adopted), batches_of(self.context, signed));
        let intent = ledger.intend(self.context, &self.options.command, adopted, signed, taken_over)?;
        Ok(Some((ledger, intent)))
    }
}

/// Adds values to others. Where there are none yet, nothing is copied: a run may have 100,000 files.
fn add<T>(all: &mut Vec<T>, more: Vec<T>) {
    if all.is_empty() {
        *all = more;
    } else {
        all.extend(more);
    }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}
