//! The changes that are staged, and how they take place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::error::{Error, Explain};
use crate::formats::text::Shown;
use crate::system::beneath::{Directory, Pair, Place, Temporary};

/// A change that could not be made.
#[derive(Debug)]
pub struct NotReplaced {
    /// The file, as it was named when it was staged.
    pub path: PathBuf,
    /// The reason for which it is still the old file.
    pub error: Error,
}

/// The change that is planned for a file.
#[derive(Debug)]
pub(super) struct Staged {
    /// The file, as it was named; the same text as the place's wherever it can be.
    pub path: Arc<Path>,
    pub place: Place,
    pub change: Change,
    /// The staged file that must have been replaced before, if any.
    pub requires: Option<Arc<Path>>,
}

#[derive(Debug)]
pub(super) enum Change {
    Replace(Temporary),
    Remove,
    /// A change that a dry run only announces.
    DryRun,
}

/// Files that one thread puts in place, if not all.
const ROW: usize = 64;

/// Renames and removes; a file that requires another comes right after that one. Those that require none are put in place
/// by several threads where they are many: what is freed by a rename takes longer than the rename.
pub(super) fn put_in_place(staged: BTreeMap<Arc<Path>, Staged>) -> Vec<NotReplaced> {
    let mut followers: BTreeMap<Arc<Path>, Vec<Staged>> = BTreeMap::new();
    let mut leaders = Vec::with_capacity(staged.len());
    for (target, staged) in staged {
        match staged.requires.clone() {
            Some(required) => followers.entry(required).or_default().push(staged),
            None => leaders.push((target, staged)),
        }
    }
    let rows: Vec<_> = leaders
        .into_iter()
        .map(|(target, leader)| (leader, followers.remove(&target).unwrap_or_default()))
        .collect();
    let is_alone = std::thread::available_parallelism().is_ok_and(|cores| cores.get() == 1);
    if rows.len() <= ROW || is_alone {
        let mut directory = Directory::default();
        let put = |row| put_together(&mut directory, row);
        return rows.into_iter().flat_map(put).collect();
    }
    let rows = rows.into_par_iter().with_min_len(ROW);
    rows.map_init(Directory::default, put_together).flatten_iter().collect()
}

/// Puts a file in place, and then those that require it.
fn put_together(directory: &mut Directory, (leader, followers): (Staged, Vec<Staged>)) -> Vec<NotReplaced> {
    let Staged {
        path, place, change, ..
    } = leader;
    let (led, done) = match lead(&place, &change, &followers) {
        Ok(led) => (led, put(&place, change, directory)),
        Err(error) => (None, Err(error)),
    };
    let mut failed = Vec::new();
    for follower in followers {
        let after = match &done {
            Ok(()) => put(&follower.place, follower.change, directory),
            Err(_) => Err(std::io::Error::other(format!("it belongs to {}", path.shown()))),
        };
        failed.extend(not_replaced(&follower.path, after));
    }
    let settled = led.map_or(Ok(()), |led| led.finish());
    failed.extend(not_replaced(&path, done.and(settled)));
    failed
}

/// Has a file and the one that requires it lead to their replacements at one moment, where that can be: GRUB refuses a kernel beside the
/// signature of another one.
fn lead(place: &Place, change: &Change, followers: &[Staged]) -> std::io::Result<Option<Pair>> {
    match (change, followers) {
        (
            Change::Replace(leader),
            [
                Staged {
                    place: beside,
                    change: Change::Replace(follower),
                    ..
                },
            ],
        ) => Pair::lead([(leader, place), (follower, beside)]),
        _ => Ok(None),
    }
}

fn put(target: &Place, change: Change, directory: &mut Directory) -> std::io::Result<()> {
    match change {
        Change::Replace(temporary) => temporary.persist(target, directory),
        Change::Remove => target.remove(),
        Change::DryRun => Ok(()),
    }
}

fn not_replaced(path: &Path, done: std::io::Result<()>) -> Option<NotReplaced> {
    let error = done
        .or_could_not_run(|| format!("cannot replace {}", path.shown()))
        .err()?;
    let path = path.to_path_buf();
    Some(NotReplaced { path, error })
}
