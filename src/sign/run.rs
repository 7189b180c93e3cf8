//! One run: a lock, a transaction over all kinds of files, and the manifests.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::Result;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::keys::Signer;
use crate::system::config::{Config, Entry, Exclusions, Expanded, GrubEnvironment};
use crate::system::{Context, FileState, Lock, Transaction, remove_leftover};

use super::discover::{Found, Interest, Search, Target, batches};
use super::manifest::{self, Manifest};
use super::{Change, Done, Observer, Outcome, grub};

/// How to go about it.
#[derive(Debug, Default)]
pub struct Options {
    /// Verify every file, also those that the manifest knows to be signed.
    pub recheck: bool,
    /// What is left alone.
    pub exclude: Exclusions,
    /// Whether GRUB's block of variables is signed with its tree.
    pub grub_environment: GrubEnvironment,
}

/// What became of the files of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Each file, or name that GRUB opens, in the order of kinds and paths.
    pub outcomes: Vec<Outcome>,
    /// What is odd about the run as a whole.
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

/// The key that a kind of files is signed with, as far as the manifest needs it.
pub(super) struct Kind<'a> {
    /// What the files are: the manifest's name, and for people.
    pub name: &'static str,
    /// What tells this key from others, hexadecimal.
    pub key: String,
    /// The key, unless nothing is to be remembered.
    pub signer: Option<&'a dyn Signer>,
    /// The hash that is signed.
    pub hash: HashAlgorithm,
    /// The file beside each that belongs to it, if any.
    pub companion: Option<fn(&Path) -> PathBuf>,
    /// Whether every file is worked on, whatever the manifest says.
    pub recheck: bool,
}

impl Kind<'_> {
    /// What tells whether a file, and what belongs to it, is as it was; none if something is missing.
    fn states(&self, target: &Target, own: FileState) -> Option<Vec<FileState>> {
        let mut states = vec![own];
        if let Some(companion) = self.companion {
            states.push(FileState::at(&companion(&target.path)).ok()?);
        }
        Some(states)
    }
}

/// A file that is to be remembered as signed once the run is committed.
struct Signed {
    target: Target,
    digest: Digest,
    change: Change,
    companion: Option<fn(&Path) -> PathBuf>,
    /// States from before it was read.
    before: Option<Vec<FileState>>,
}

/// Everything that one call of bootseal signs. Dropped without [`Run::finish`], it leaves the files as they were.
pub struct Run<'a> {
    context: &'a Context,
    options: &'a Options,
    observer: &'a dyn Observer,
    transaction: Transaction<'a>,
    manifests: Vec<(Manifest, Vec<Signed>)>,
    summary: Summary,
    /// When the run began, in seconds since 1970-01-01 UTC.
    began: u64,
    _lock: Option<Lock>,
}

impl<'a> Run<'a> {
    /// Begins a run, after the end of one that is at work.
    pub fn begin(context: &'a Context, options: &'a Options, observer: &'a dyn Observer) -> Result<Self> {
        Ok(Self {
            context,
            options,
            observer,
            _lock: Lock::take(context, || observer.waiting())?,
            transaction: Transaction::new(context),
            manifests: Vec::new(),
            summary: Summary::default(),
            began: context.now()?,
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

    /// Tells of something odd, once.
    pub(super) fn warn(&mut self, warning: String) {
        if !self.summary.warnings.contains(&warning) {
            self.summary.warnings.push(warning);
        }
    }

    pub(super) fn add(&mut self, outcome: Outcome) {
        self.summary.outcomes.push(outcome);
    }

    /// The files that a list of the configuration leads to, and the signatures for GRUB that match, but sign nothing.
    /// What is not there becomes an outcome.
    pub fn expand(&mut self, entries: &[Entry]) -> (Vec<PathBuf>, Vec<PathBuf>) {
        let Expanded {
            paths,
            orphans,
            absent,
            missing,
        } = Config::expand(self.context, entries);
        for path in absent {
            self.add(Outcome::done(path, Change::Absent));
        }
        for (path, error) in missing {
            self.add(Outcome::failed(path, error));
        }
        (paths, orphans)
    }

    /// Looks for files, and removes what killed runs left there.
    pub(super) fn discover(&mut self, paths: &[PathBuf], interest: fn(&Path) -> Interest) -> Result<Found> {
        let mut found = Search::new(self.context, &self.options.exclude, interest).below(paths);
        let own = self.transaction.temporaries()?;
        for leftover in std::mem::take(&mut found.leftovers).difference(&own).cloned() {
            if let Err(error) = remove_leftover(self.context, &leftover) {
                self.add(Outcome::failed(leftover, error));
            }
        }
        for unusable in found.unusable.drain(..) {
            self.summary
                .outcomes
                .push(Outcome::failed(unusable.path, unusable.error));
        }
        Ok(found)
    }

    /// Works on every file with all cores. `work` answers for each file of a batch, in order. A file that fails is left
    /// as it was and keeps no other from being signed.
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
        // What this run is about to replace is another file.
        Ok(vouched && !self.transaction.changes(&target.path)?)
    }

    fn work(
        &self,
        kind: &Kind<'_>,
        todo: Vec<Target>,
        work: impl Fn(&[Target], &Transaction<'a>) -> Vec<Result<Done>> + Sync,
    ) -> (Vec<Outcome>, Vec<Signed>) {
        let one = |batch: Vec<Target>| {
            let before: Vec<_> = batch.iter().map(|target| kind.states(target, target.state)).collect();
            let done = match self.context.check_interrupted() {
                Ok(()) => work(&batch, &self.transaction),
                // The run ends with this error for all of them.
                Err(_) => Vec::new(),
            };
            let files = batch.into_iter().zip(before);
            done.into_iter().zip(files).map(|(done, (target, before))| {
                self.observer.advance(target.state.size);
                settle(kind, done, target, before)
            })
        };
        let batches = batches(todo, |target| (target.state.size, &target.path));
        // A pool of threads for one batch, or on one core, would take longer to start than to use.
        let is_serial = batches.len() <= 1 || std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
        let settled: Vec<(Outcome, Option<Signed>)> = if is_serial {
            batches.into_iter().flat_map(one).collect()
        } else {
            // A task each: many in one leave a core with nothing to do in the end.
            batches.into_par_iter().with_max_len(1).flat_map_iter(one).collect()
        };
        let (outcomes, signed): (Vec<_>, Vec<_>) = settled.into_iter().unzip();
        (outcomes, signed.into_iter().flatten().collect())
    }

    /// Replaces all that was signed, and remembers it. What could not be replaced becomes the outcome of its file.
    pub fn finish(self) -> Result<Summary> {
        let mut summary = self.summary;
        for failed in self.transaction.commit()? {
            let is_its = |outcome: &&mut Outcome| {
                outcome.path == failed.path || grub::signature_path(&outcome.path) == failed.path
            };
            match summary.outcomes.iter_mut().find(is_its) {
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
                signed.enter(&mut manifest, self.began);
            }
            // It only saves time, so the run has not failed without it.
            if let Err(error) = manifest.save(self.context) {
                summary.warnings.push(error.to_string());
            }
        }
        Ok(summary)
    }
}

impl Signed {
    fn enter(self, manifest: &mut Manifest, began: u64) {
        let path = &self.target.path;
        if self.change == Change::Unchanged {
            if let Some(before) = self.before {
                manifest.remember(path, &self.digest, before, manifest::settled(began));
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

fn settle(
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
