//! The places of the keys, before anything is made: offline keys that end up on the disk of the system protect from nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, quoted};
use crate::formats::text::Shown;
use crate::system::{Context, Home, NewDirectory, NewFile, Space, home, nearest_directory, not_mounted};

use super::spec::Spec;
use super::spec::absolute;

/// The directories of the system that programs keep their passing files in.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];
/// The room that the files of a ceremony take at most, in bytes: some sixty of them, in the largest blocks of FAT.
const ROOM: u64 = 4 << 20;
/// The option that takes a place as it is.
const OVERRIDE: &str = "if it is meant so, give --same-disk";

/// A place that a directory should not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slip {
    /// The reason, for people.
    pub reason: String,
    /// The remedy, for people.
    pub remedy: String,
}

/// Refuses a ceremony whose offline keys or backup would lie on the disk of the system, in memory, or beneath a mount point
/// that nothing is mounted on, unless the specification says that this is meant.
pub fn check_places(context: &Context, spec: &Spec) -> Result<()> {
    match slip(context, spec)? {
        Some(slip) if !spec.same_disk => Err(Error::refused(slip.reason).hint(slip.remedy).hint(OVERRIDE)),
        _ => Ok(()),
    }
}

/// True if all that is made lies among passing files: nobody keeps such keys, so that there is nothing to protect.
pub(super) fn is_trial(spec: &Spec) -> bool {
    let set = std::env::temp_dir();
    let temporary: BTreeSet<PathBuf> = TEMPORARY
        .iter()
        .map(Path::new)
        .chain([set.as_path()])
        .map(nearest_directory)
        .collect();
    let is_passing = |path: &Path| {
        let path = nearest_directory(path);
        temporary.iter().any(|directory| path.starts_with(directory))
    };
    spec.directories().iter().all(|(_, path)| is_passing(path))
}

/// The first directory whose place is a slip.
pub(super) fn slip(context: &Context, spec: &Spec) -> Result<Option<Slip>> {
    if spec.is_part || is_trial(spec) {
        return Ok(None);
    }
    for (place, path) in spec.directories() {
        if let Some(mount) = unmounted(context, &path)? {
            return Ok(Some(Slip {
                reason: format!(
                    "nothing is mounted on {mount}, which /etc/fstab names: {} would lie on the disk beneath it",
                    path.shown()
                ),
                remedy: format!("mount {}", quoted(Path::new(&mount))),
            }));
        }
        let what = match place {
            "offline" => "the offline keys",
            "backup" => "the backup",
            _ => continue,
        };
        if let Some(slip) = misplaced(context, spec, what, &path)? {
            return Ok(Some(slip));
        }
    }
    Ok(None)
}

/// The mount point of fstab above a path, if nothing is mounted there.
fn unmounted(context: &Context, path: &Path) -> Result<Option<String>> {
    let path = absolute(path)?;
    // As the system below the context's root names them.
    let below = path.strip_prefix(context.root()).unwrap_or(&path);
    let below = Path::new("/").join(below);
    let above: Vec<&str> = below.ancestors().filter_map(Path::to_str).collect();
    Ok(not_mounted(context, &above)?.first().map(|mount| (*mount).to_owned()))
}

/// The reason for which a directory is no place for what is kept apart.
fn misplaced(context: &Context, spec: &Spec, what: &str, path: &Path) -> Result<Option<Slip>> {
    let own = home(context, path)?;
    let remedy = format!("mount a stick, and name a directory on it for {what}");
    if own.is_in_memory {
        return Ok(Some(Slip {
            reason: format!(
                "{} is in memory: {what} would be gone when this machine stops",
                path.shown()
            ),
            remedy,
        }));
    }
    let mut others = vec![
        (context.path("/"), "the disk of this system"),
        (context.path("/home"), "the disk of /home"),
    ];
    // The bundles of a fleet are encrypted, and on their way.
    if spec.fleet.is_none() {
        others.push((spec.out.clone(), "the disk of the node's keys"));
    }
    for (other, which) in others {
        let Home { disks, .. } = home(context, &other)?;
        let shared: Vec<&str> = own.disks.intersection(&disks).map(String::as_str).collect();
        if !shared.is_empty() {
            return Ok(Some(Slip {
                reason: format!(
                    "{} lies on {which} ({}): {what} would be taken with it, and lost with it",
                    path.shown(),
                    shared.join(", ")
                ),
                remedy,
            }));
        }
    }
    Ok(None)
}

/// Tries the places that a ceremony will write in: free, with room, and writable. Nothing stays there.
pub(super) fn touch(context: &Context, spec: &Spec) -> Result<()> {
    spec.check_targets()?;
    let targets = spec.directories().into_iter().map(|(_, path)| path);
    for target in targets.chain([spec.work_directory()?]) {
        let directory = nearest_directory(&target);
        let space = Space::at(&directory)?;
        if space.read_only {
            return Err(Error::refused(format!(
                "{} would lie on what is mounted for reading only",
                target.shown()
            ))
            .hint(format!("mount -o remount,rw {}", quoted(&directory))));
        }
        if space.available < ROOM {
            return Err(Error::refused(format!(
                "{} has {} KiB left, and {} need up to {} KiB",
                directory.shown(),
                space.available >> 10,
                target.shown(),
                ROOM >> 10
            ))
            .hint("make room there, or name another directory"));
        }
        if !context.dry_run() {
            let trial = NewDirectory::stage(context, &directory.join("bootseal-rehearsal"))?;
            NewFile {
                path: &trial.path().join("try"),
                bytes: b"written by a rehearsal\n",
                mode: 0o400,
            }
            .create(context)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
