//! A run: a lock, a transaction over all kinds of files, and the manifests.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::Result;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::keys::Signer;
use crate::system::config::{Config, Entry, Exclusions, Expanded, GrubEnvironment};
use crate::system::{Context, FileState, Lock, Transaction, remove_leftover};

use super::discover::{Found, Interest, Search, Target, batches};
use super::manifest::{self, Manifest};
use super::observer::Observer;
use super::outcome::{Change, Done, Outcome};
use super::signature_file::signature_path;

/// The options of a run.
#[derive(Debug, Default)]
pub struct Options {
    /// Verify every file, also those that are signed by the manifest.
    pub recheck: bool,
    /// The files that are left alone.
    pub exclude: Exclusions,
    /// The treatment of GRUB's environment block, which GRUB may write to.
    pub grub_environment: GrubEnvironment,
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// The outcomes, one for each file or name that GRUB opens, in the order of kinds and paths.
    pub outcomes: Vec<Outcome>,
    /// Oddities that concern the run and no single file.
    pub warnings: Vec<String>,
}

impl Summary {
    /// Number of files that ended like this.
    #[must_use]
    pub fn count(&self, change: Change) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| matches!(outcome.result, Ok(own) if own == change))
            .count()
    }

    /// Number of files that could not be signed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.result.is_err()).count()
    }
}

/// A kind of files, and the key that it is signed with.
pub(super) struct Kind<'a> {
    /// The name of the kind, for people and in the manifest's file name.
    pub name: &'static str,
    /// The fingerprint of the key, hexadecimal.
    pub key: String,
    /// The key; none if no manifest is to be kept.
    pub signer: Option<&'a dyn Signer>,
    /// The hash that is signed.
    pub hash: HashAlgorithm,
    /// The path of the file that belongs to each, if there is one.
    pub companion: Option<fn(&Path) -> PathBuf>,
    /// True if every file is worked on, whatever the manifest says.
    pub recheck: bool,
}

impl Kind<'_> {
    /// The states of a file and of its companion; none if one of them does not exist.
    fn states(&self, target: &Target, own: FileState) -> Option<Vec<FileState>> {
        let mut states = vec![own];
        if let Some(companion) = self.companion {
            states.push(FileState::at(&companion(&target.path)).ok()?);
        }
        Some(states)
    }
}

/// A file that the manifest is to remember as signed once the run is committed.
struct Signed {
    target: Target,
    digest: Digest,
    change: Change,
    companion: Option<fn(&Path) -> PathBuf>,
    /// The states from before it was read.
    before: Option<Vec<FileState>>,
}

/// A run over any mix of files. Dropped without [`Run::finish`], it leaves the files unchanged.
pub struct Run<'a> {
    context: &'a Context,
    options: &'a Options,
    observer: &'a dyn Observer,
    transaction: Transaction<'a>,
    manifests: Vec<(Manifest, Vec<Signed>)>,
    summary: Summary,
    /// The second after which a file must not have been changed for its state to be sure, since 1970-01-01 UTC.
    last_sure_change: i64,
    _lock: Option<Lock>,
}

impl<'a> Run<'a> {
    /// Begins a run, after the end of another that is active.
    pub fn begin(context: &'a Context, options: &'a Options, observer: &'a dyn Observer) -> Result<Self> {
        Ok(Self {
            context,
            options,
            observer,
            _lock: Lock::take(context, || observer.waiting())?,
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

    pub(super) const fn options(&self) -> &'a Options {
        self.options
    }

    /// Adds a warning, once.
    pub(super) fn warn(&mut self, warning: String) {
        if !self.summary.warnings.contains(&warning) {
            self.summary.warnings.push(warning);
        }
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
        } = Config::expand(self.context, entries);
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
        let mut found = Search::new(self.context, &self.options.exclude, interest).below(paths);
        let own = self.transaction.temporaries()?;
        for leftover in std::mem::take(&mut found.leftovers).difference(&own).cloned() {
            if let Err(error) = remove_leftover(self.context, &leftover) {
                self.add_outcome(Outcome::failed(leftover, error));
            }
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
        kind: &Kind<'_>,
        found: Found,
        work: impl Fn(&[Target], &Transaction<'a>) -> Vec<Result<Done>> + Sync,
    ) -> Result<()> {
        let recheck = self.options.recheck || kind.recheck;
        let mut manifest = match kind.signer {
            Some(signer) => Manifest::open(self.context, kind.name, &kind.key, signer, recheck)?,
            None => None,
        };
        if let Some(warning) = manifest.as_mut().and_then(|manifest| manifest.warning.take()) {
            self.summary.warnings.push(warning);
        }
        let mut outcomes = Vec::new();
        let mut todo = Vec::new();
        for target in found.targets.into_values() {
            if self.is_known(manifest.as_ref(), kind, &target)? {
                outcomes.push(Outcome::done(target.path, Change::Unchanged));
            } else {
                todo.push(target);
            }
        }
        let bytes = todo.iter().map(|target| target.state.size).sum();
        self.observer.begin(kind.name, todo.len(), bytes);
        let (done, signed) = self.work(kind, todo, work);
        self.observer.end();
        self.context.check_interrupted()?;
        outcomes.extend(done);
        outcomes.sort_by(|one, other| one.path.cmp(&other.path));
        for outcome in &mut outcomes {
            outcome.kind = Some(kind.name);
        }
        self.summary.outcomes.extend(outcomes);
        self.manifests.extend(manifest.map(|manifest| (manifest, signed)));
        Ok(())
    }

    fn is_known(&self, manifest: Option<&Manifest>, kind: &Kind<'_>, target: &Target) -> Result<bool> {
        let Some(manifest) = manifest else { return Ok(false) };
        let states = kind.states(target, target.state);
        let vouched = states.is_some_and(|states| manifest.vouches_for(&target.path, kind.hash.name(), &states));
        // A file that this run is about to replace is another file.
        Ok(vouched && !self.transaction.changes(&target.path)?)
    }

    fn work(
        &self,
        kind: &Kind<'_>,
        todo: Vec<Target>,
        work: impl Fn(&[Target], &Transaction<'a>) -> Vec<Result<Done>> + Sync,
    ) -> (Vec<Outcome>, Vec<Signed>) {
        let work_on = |batch: Vec<Target>| {
            let before: Vec<_> = batch.iter().map(|target| kind.states(target, target.state)).collect();
            let done = match self.context.check_interrupted() {
                Ok(()) => work(&batch, &self.transaction),
                // The run ends with this error for all of them.
                Err(_) => Vec::new(),
            };
            let files = batch.into_iter().zip(before);
            done.into_iter().zip(files).map(|(done, (target, before))| {
                self.observer.advance(target.state.size);
                outcome_of(kind, done, target, before)
            })
        };
        let batches = batches(todo, |target| (target.state.size, &target.path));
        // A pool of threads for one batch, or on one core, would take longer to start than to use.
        let is_serial = batches.len() <= 1 || std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
        let results: Vec<(Outcome, Option<Signed>)> = if is_serial {
            batches.into_iter().flat_map(work_on).collect()
        } else {
            // A task for each batch: with several batches in a task, a core could be idle at the end.
            batches.into_par_iter().with_max_len(1).flat_map_iter(work_on).collect()
        };
        let (outcomes, signed): (Vec<_>, Vec<_>) = results.into_iter().unzip();
        (outcomes, signed.into_iter().flatten().collect())
    }

    /// Replaces the signed files and saves the manifests. The error of a file that could not be replaced becomes its outcome.
    pub fn finish(self) -> Result<Summary> {
        let mut summary = self.summary;
        for failed in self.transaction.commit()? {
            let is_of_file =
                |outcome: &&mut Outcome| outcome.path == failed.path || signature_path(&outcome.path) == failed.path;
            match summary.outcomes.iter_mut().find(is_of_file) {
                Some(outcome) => outcome.result = Err(failed.error),
                None => summary.outcomes.push(Outcome::failed(failed.path, failed.error)),
            }
        }
        let failed: Vec<PathBuf> = summary
            .outcomes
            .iter()
            .filter(|outcome| outcome.result.is_err())
            .map(|outcome| outcome.path.clone())
            .collect();
        for (mut manifest, signed) in self.manifests {
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
        Ok(summary)
    }
}

impl Signed {
    /// Enters the file into the manifest.
    fn enter(self, manifest: &mut Manifest, last_sure_change: i64) {
        let path = &self.target.path;
        if self.change == Change::Unchanged {
            if let Some(before) = self.before {
                manifest.remember(path, &self.digest, before, last_sure_change);
            }
            return;
        }
        let mut states = vec![FileState::at(&self.target.file)];
        states.extend(self.companion.map(|companion| FileState::at(&companion(path))));
        if let Ok(states) = states.into_iter().collect::<std::io::Result<Vec<_>>>() {
            manifest.remember(path, &self.digest, states, i64::MAX);
        }
    }
}

/// The outcome of a file, and its entry for the manifest.
fn outcome_of(
    kind: &Kind<'_>,
    done: Result<Done>,
    target: Target,
    before: Option<Vec<FileState>>,
) -> (Outcome, Option<Signed>) {
    match done {
        Ok(Done {
            change,
            digest,
            mut warnings,
        }) => {
            // With a signature beside it, the file itself stays the same one.
            if change == Change::Signed && target.links > 1 && kind.companion.is_none() {
                warnings.push(format!(
                    "it has {} names (hard links); the others keep the file of before",
                    target.links
                ));
            }
            let outcome = Outcome {
                path: target.path.clone(),
                result: Ok(change),
                kind: None,
                warnings,
            };
            let signed = digest.map(|digest| Signed {
                target,
                digest,
                change,
                companion: kind.companion,
                before,
            });
            (outcome, signed)
        }
        Err(error) => (Outcome::failed(target.path, error), None),
    }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}
