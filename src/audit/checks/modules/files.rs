//! The files of the running kernel.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::formats::certificate::{Certificate, printable};
use crate::formats::module_info::ModuleInfo;
use crate::sign::{Observer, batches};
use crate::system;

use super::{Answer, Machine, Outcome, Unpacked, judge_each, note, of_running_kernel, unpack};
use crate::audit::check::reason;

/// How many times smaller xz makes modules: those of Debian's 6.12 nearly six times.
const PACKING: u64 = 6;

pub(super) fn run(machine: &Machine<'_>) -> Outcome {
    let (release, directory, paths) = match of_running_kernel(machine) {
        Ok(found) => found,
        Err(outcome) => return outcome,
    };
    let anchors = match machine.anchors() {
        Ok(anchors) => anchors,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let judged = judge_all(paths, &anchors.modules, machine.observer());
    let mut outcome = Outcome::default();
    let (mut right, mut foreign, count) = (0_usize, Vec::new(), judged.len());
    let remedy = format!("bootseal sign modules {}", crate::error::quoted(&directory));
    for Judged { path, answer, in_tree } in judged {
        right = right.saturating_add(usize::from(note(
            &mut outcome,
            &path.to_string_lossy(),
            answer,
            &remedy,
        )));
        if !in_tree {
            foreign.push(printable(&path.file_name().unwrap_or_default().to_string_lossy()));
        }
    }
    outcome
        .evidence
        .push(format!("{right} of {count} modules of {release}"));
    if !foreign.is_empty() {
        outcome
            .evidence
            .push(format!("built out of the kernel's tree: {}", foreign.join(", ")));
    }
    outcome
}

/// About how many bytes a file unpacks to: a batch is in memory as a whole.
fn unpacked(size: u64, path: &Path) -> u64 {
    let is_packed = path.extension().is_some_and(|ending| ending != "ko");
    if is_packed { size.saturating_mul(PACKING) } else { size }
}

/// A file, and what came of it.
struct Judged {
    path: PathBuf,
    answer: Answer,
    /// Whether it was built with the kernel; what cannot be read counts as such.
    in_tree: bool,
}

/// Judges all on all cores, in the order of their paths.
fn judge_all(paths: Vec<PathBuf>, trusted: &[Certificate], observer: &dyn Observer) -> Vec<Judged> {
    let sized = |path: PathBuf| (fs::metadata(&path).map_or(0, |metadata| metadata.len()), path);
    let files: Vec<(u64, PathBuf)> = paths.into_iter().map(sized).collect();
    observer.begin("modules", files.len(), files.iter().map(|(size, _)| size).sum());
    let batches = batches(files, |(size, path)| (unpacked(*size, path), path));
    let one = |batch: Vec<(u64, PathBuf)>| {
        let load = |path: &PathBuf| {
            let file = system::read(path).map_err(|error| Answer::Unread(reason(&error)))?;
            unpack(file)
        };
        let loaded: Vec<_> = batch.iter().map(|(_, path)| load(path)).collect();
        let is_in_tree = |loaded: &Result<Unpacked, Answer>| {
            let module = loaded.as_ref().ok().map(|loaded| ModuleInfo::parse(&loaded.module));
            module.is_none_or(|info| info.is_ok_and(|info| info.is_in_tree()))
        };
        let in_tree: Vec<bool> = loaded.iter().map(is_in_tree).collect();
        let judged = judge_each(loaded, trusted).into_iter().zip(in_tree);
        batch.into_iter().zip(judged).map(|((size, path), (answer, in_tree))| {
            observer.advance(size);
            Judged { path, answer, in_tree }
        })
    };
    // A task each: many in one leave a core with nothing to do in the end.
    let mut judged: Vec<Judged> = batches.into_par_iter().with_max_len(1).flat_map_iter(one).collect();
    observer.end();
    judged.sort_by(|one, other| one.path.cmp(&other.path));
    judged
}
