//! The check of the module files of the running kernel, and of the kernels that can be started.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::error::{Error, Explain};
use crate::formats::crypto::hash::Digest;
use crate::formats::crypto::sha3_lanes::Source;
use crate::formats::text::{Shown, printable};
use crate::sign::Observer;
use crate::start::modules::{
    Answer, Expected, HASH, Together, Unpacked, note, read_through, too_large_packed, unpack_at_most,
};
use crate::system::{self, Passes};

use super::tree::{Tree, of_running_kernel};
use crate::audit::images::Place;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;
use crate::finding::Outcome;

/// How many times smaller xz makes modules: those of Debian's 6.12 nearly six times.
const PACKING: u64 = 6;
/// The memory of a core for other lanes than the first, in bytes.
const BESIDE: u64 = 8 << 20;
/// The largest module that is in memory beside those of other cores, unpacked, in bytes. Larger ones are judged at the end, one
/// after the other.
const LARGE: u64 = 32 << 20;

pub(super) fn run(machine: &Machine<'_>) -> Outcome {
    let anchors = match machine.anchors() {
        Ok(anchors) => anchors,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let mut outcome = Outcome::default();
    let trees = match trees(machine, &mut outcome.not_run) {
        Ok(trees) => trees,
        Err(none) => return none,
    };
    let expect = |tree: Tree| {
        let expected = Expected::read(
            machine.context(),
            machine.config(),
            &tree.release,
            None,
            &anchors.modules,
        );
        Kernel { tree, expected }
    };
    let kernels: Vec<Kernel> = trees.into_iter().map(expect).collect();
    let mut judged = judge_all(&kernels, machine.observer());
    for kernel in &kernels {
        let (own, others) = judged.into_iter().partition(|file| kernel.tree.has(&file.path));
        tell(kernel, own, &mut outcome);
        judged = others;
    }
    outcome
}

/// The modules of a kernel, and what they are judged by.
struct Kernel {
    tree: Tree,
    expected: Expected,
}

/// The modules of the running kernel, and of all that can be started.
fn trees(machine: &Machine<'_>, not_run: &mut Vec<String>) -> Result<Vec<Tree>, Outcome> {
    let running = of_running_kernel(machine);
    let mut releases: BTreeSet<String> = BTreeSet::new();
    match machine.images(Place::Anywhere) {
        Ok(images) => {
            releases.extend(images.releases().into_iter().map(str::to_owned));
            not_run.extend(images.without_release());
            not_run.extend(images.not_run);
        }
        Err(missing) => not_run.push(missing),
    }
    if let Ok(running) = &running {
        releases.remove(&running.release);
    }
    let others = releases.iter().filter(|release| is_name(release));
    let others = others.map(|release| Tree::read(machine, release, not_run));
    let mut others: Vec<Tree> = others.filter(|tree| !tree.paths.is_empty()).collect();
    match running {
        Err(mut none) if others.is_empty() => {
            none.not_run.append(not_run);
            return Err(none);
        }
        Err(none) => not_run.extend(none.not_run),
        Ok(running) => others.insert(0, running),
    }
    // Both have looked into the same directories.
    not_run.sort();
    not_run.dedup();
    Ok(others)
}

/// True if the version that an image states is the name of a directory and leads nowhere else.
fn is_name(release: &str) -> bool {
    let mut components = Path::new(release).components();
    matches!(
        (components.next(), components.next()),
        (Some(Component::Normal(_)), None)
    )
}

/// Adds the answers for the modules of one kernel to the outcome.
fn tell(Kernel { tree, expected }: &Kernel, judged: Vec<Judged>, outcome: &mut Outcome) {
    let mut together = Together::default();
    let (mut right, mut foreign, count) = (0_usize, Vec::new(), judged.len());
    let remedy = format!("bootseal sign modules {}", crate::error::quoted(&tree.directory));
    for Judged { path, answer, in_tree } in judged {
        if let Some(answer) = together.take(answer) {
            right = right.saturating_add(usize::from(note(outcome, &path.shown(), answer, &remedy)));
        }
        if !in_tree {
            foreign.push(path.file_name().unwrap_or_default().shown());
        }
    }
    let release = printable(&tree.release);
    right = right.saturating_add(together.tell(expected, &tree.directory.shown(), outcome));
    outcome
        .evidence
        .push(format!("{right} of {count} modules of {release}"));
    if !foreign.is_empty() {
        outcome
            .evidence
            .push(format!("built out of the tree of {release}: {}", foreign.join(", ")));
    }
}

/// A file with its answer.
struct Judged {
    path: PathBuf,
    answer: Answer,
    /// True if it was built with the kernel, or cannot be read.
    in_tree: bool,
}

/// The estimated size of a file when it is unpacked, in bytes.
fn unpacked(size: u64, path: &Path) -> u64 {
    let is_packed = path.extension().is_some_and(|ending| ending != "ko");
    if is_packed { size.saturating_mul(PACKING) } else { size }
}

/// Judges all files on all cores; the answers are in the order of the paths.
fn judge_all(kernels: &[Kernel], observer: &dyn Observer) -> Vec<Judged> {
    let file = |path: &PathBuf| {
        let size = system::info(path).map_or(0, |info| info.size());
        ((unpacked(size, path), path.clone()), size)
    };
    let files: Queue = kernels.iter().flat_map(|kernel| &kernel.tree.paths).map(file).collect();
    observer.begin("modules", files.len(), files.values().sum());
    let queue = Mutex::new(files);
    let large = Mutex::new(Vec::new());
    let work = |_| {
        let mut worker = Worker {
            queue: &queue,
            large: &large,
            kernels,
            observer,
            beside: 0,
            judged: Vec::new(),
        };
        HASH.digest_from(&mut worker);
        worker.judged
    };
    // A task each: many in one leave a core with nothing to do.
    let workers = (0..rayon::current_num_threads()).into_par_iter().with_max_len(1);
    let mut judged: Vec<Judged> = workers.flat_map_iter(work).collect();
    for (path, size) in large.into_inner().unwrap_or_else(PoisonError::into_inner) {
        observer.advance(size);
        judged.push(judge_alone(kernels, path));
    }
    observer.end();
    judged.sort_by(|one, other| one.path.cmp(&other.path));
    judged
}

/// Judges a module that is too large to be held beside others: it is read through.
fn judge_alone(kernels: &[Kernel], path: PathBuf) -> Judged {
    let unread = |error: Error| Answer::Unread(reason(&error));
    let opened = system::open(&path).and_then(|file| Passes::new(file).or_could_not_run(|| cannot_read(&path)));
    let opened = opened.map_err(unread);
    let file = opened.and_then(|file| file.ok_or_else(|| too_large_packed(&path.shown())));
    match file.and_then(|file| read_through(&file)) {
        Ok(unpacked) => judge(kernels, path, &unpacked, None),
        Err(answer) => Judged {
            path,
            answer,
            in_tree: true,
        },
    }
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read {}", path.shown())
}

/// The answer to a module by the kernel whose directory it is in. `digest` is that of its content, if it is known.
fn judge(kernels: &[Kernel], path: PathBuf, unpacked: &Unpacked, digest: Option<&Digest>) -> Judged {
    let kernel = kernels.iter().find(|kernel| kernel.tree.has(&path));
    let unread = || Answer::Unread(format!("{}: it is no kernel's", path.shown()));
    let answer = kernel.map_or_else(unread, |kernel| kernel.expected.judge(unpacked, digest));
    let in_tree = unpacked.is_in_tree();
    Judged { path, answer, in_tree }
}

/// Files by about how many bytes they unpack to, with their sizes on disk.
type Queue = BTreeMap<(u64, PathBuf), u64>;

/// Unpacks modules when there is a lane to hash them in, and judges them when they are hashed.
struct Worker<'a> {
    queue: &'a Mutex<Queue>,
    large: &'a Mutex<Vec<(PathBuf, u64)>>,
    kernels: &'a [Kernel],
    observer: &'a dyn Observer,
    /// Bytes of modules that are in memory for other lanes than the first.
    beside: u64,
    judged: Vec<Judged>,
}

impl Worker<'_> {
    /// The first lane has the largest modules, one after the other; the others have the largest for which they have
    /// memory, or else the smallest. So every lane is in use, all end together, and the largest modules, a hundred times
    /// as large as most, are not in memory side by side.
    fn take(&self, lane: usize) -> Option<(PathBuf, u64)> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let room = BESIDE.saturating_sub(self.beside);
        let fitting = queue.range(..(room, PathBuf::new())).next_back();
        let ((_, path), size) = match fitting.map(|(file, _)| file.clone()) {
            Some(file) if lane != 0 => queue.remove_entry(&file),
            None if lane != 0 => queue.pop_first(),
            _ => queue.pop_last(),
        }?;
        Some((path, size))
    }

    /// The bytes that the next module of a lane may have, unpacked. What a packed file has is only estimated.
    fn most(&self, lane: usize) -> u64 {
        if lane == 0 {
            LARGE
        } else {
            BESIDE.saturating_sub(self.beside).max(BESIDE / 8)
        }
    }
}

impl Source for Worker<'_> {
    type Message = Loaded;

    fn next(&mut self, lane: usize) -> Option<Loaded> {
        loop {
            let file = self.take(lane)?;
            // A larger file is not even read.
            let read = if file.1 > LARGE {
                Ok(None)
            } else {
                system::read(&file.0).map(Some)
            };
            let read = read.map_err(|error| Answer::Unread(reason(&error)));
            let unpacked =
                read.and_then(|bytes| bytes.map_or(Ok(None), |bytes| unpack_at_most(bytes, self.most(lane))));
            match unpacked {
                Ok(None) => {
                    let mut large = self.large.lock().unwrap_or_else(PoisonError::into_inner);
                    large.push(file);
                }
                Ok(Some(unpacked)) => {
                    let beside = if lane == 0 { 0 } else { unpacked.size() };
                    self.beside = self.beside.saturating_add(beside);
                    return Some(Loaded { file, unpacked, beside });
                }
                Err(answer) => {
                    self.observer.advance(file.1);
                    self.judged.push(Judged {
                        path: file.0,
                        answer,
                        in_tree: true,
                    });
                }
            }
        }
    }

    fn digested(&mut self, loaded: Loaded, digest: Digest) {
        self.beside = self.beside.saturating_sub(loaded.beside);
        self.observer.advance(loaded.file.1);
        let judged = judge(self.kernels, loaded.file.0, &loaded.unpacked, Some(&digest));
        self.judged.push(judged);
    }
}

/// A file with its size on disk, and the module in it.
struct Loaded {
    file: (PathBuf, u64),
    unpacked: Unpacked,
    /// Bytes that count as beside the first lane.
    beside: u64,
}

impl AsRef<[u8]> for Loaded {
    fn as_ref(&self) -> &[u8] {
        self.unpacked.as_ref()
    }
}
