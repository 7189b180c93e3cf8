//! The search for files, from the paths that were named to the files to work on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::Tree;
use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::system::config::Exclusions;
use crate::system::{
    self, Context, Entry, FileInfo, FileKind, FileState, NoPlace, is_directory_on_fat, is_staged, list_directory,
};

/// A file to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its path, as it was named or found.
    pub path: Arc<Path>,
    /// The file that the path leads to, without symbolic links; the same text as the path wherever it can be.
    pub file: Arc<Path>,
    /// Its state before it was read.
    pub state: FileState,
    /// Number of hard links to the file.
    pub links: u64,
}

/// A path that cannot be worked on, with the error.
#[derive(Debug)]
pub(super) struct Unusable {
    pub path: PathBuf,
    pub error: Error,
}

/// The interest in a file, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// The file is worked on.
    Take,
    /// The file is only noted.
    Note,
    /// The file is ignored.
    Pass,
}

/// The files at and below some paths.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The files to work on, each path once.
    pub targets: BTreeMap<Arc<Path>, Target>,
    /// The paths that could not be read.
    pub unusable: Vec<Unusable>,
    /// The files that are only noted.
    pub noted: Vec<PathBuf>,
    /// The staged files of runs that were killed.
    pub leftovers: BTreeSet<PathBuf>,
}

/// A search for files.
pub(super) struct Search<'a> {
    context: &'a Context,
    exclude: &'a Exclusions,
    interest: fn(&Path) -> Interest,
    found: Found,
}

impl<'a> Search<'a> {
    pub(super) fn new(context: &'a Context, exclude: &'a Exclusions, interest: fn(&Path) -> Interest) -> Self {
        Self {
            context,
            exclude,
            interest,
            found: Found::default(),
        }
    }

    /// The files at and below `paths` that are of interest and not excluded. A file that is named itself is always worked
    /// on, unless it is only noted. Symbolic links to directories are not followed.
    pub(super) fn below(mut self, paths: &[PathBuf]) -> Found {
        let mut parents = BTreeSet::new();
        for path in paths {
            if self.exclude.excludes(self.context, path) {
                continue;
            }
            match self.take_named(path) {
                Ok(parent) => parents.extend(parent),
                Err(error) => self.add_unusable(path, error),
            }
        }
        for parent in parents {
            // No file could be removed from a directory that cannot be listed.
            let entries = list_directory(&parent).into_iter().flatten();
            let removable = |entry: &Entry| is_staged(&entry.path);
            self.found
                .leftovers
                .extend(entries.filter(removable).map(|entry| entry.path));
        }
        self.found
    }

    /// Takes a path that was named; returns it if it is a directory, or that of a file.
    fn take_named(&mut self, path: &Path) -> Result<Option<PathBuf>> {
        if (self.interest)(path) == Interest::Note {
            self.found.noted.push(path.to_path_buf());
            return Ok(None);
        }
        let file = self.follow(path)?;
        let info = system::info(&file)?;
        if info.is_directory() {
            // A directory in it may be exchanged for a link while we work.
            self.context.guard(&file);
            self.take_tree(path, &file);
            return Ok(Some(file));
        }
        if !info.is_file() {
            return Err(Error::could_not_run(format!("{} is not a regular file", path.shown())));
        }
        let left = left_by(&file).map(Path::to_path_buf);
        let parent = left.as_deref().unwrap_or(&file).parent().map(Path::to_path_buf);
        self.found.leftovers.extend(left);
        self.add_target(path, file, &info);
        Ok(parent)
    }

    /// Takes the files below the directory `real`, which was named as `named`.
    fn take_tree(&mut self, named: &Path, real: &Path) {
        let shown = |path: &Path| -> PathBuf {
            match path.strip_prefix(real) {
                Ok(below) if below != Path::new("") => named.join(below),
                _ => named.to_path_buf(),
            }
        };
        let tree = Tree::below(real, &|path| self.exclude.excludes(self.context, &shown(path)));
        let mut unusable: Vec<Unusable> = Vec::new();
        unusable.extend(tree.unread.into_iter().map(|(directory, error)| Unusable {
            path: shown(&directory),
            error,
        }));
        for entry in tree.files {
            let path = shown(&entry.path);
            if let Err(error) = self.take_entry(&path, entry, real) {
                unusable.push(Unusable { path, error });
            }
        }
        unusable.sort_by(|one, other| one.path.cmp(&other.path));
        self.found.unusable.append(&mut unusable);
    }

    /// Takes an entry of a directory that is no directory itself.
    fn take_entry(&mut self, shown: &Path, entry: Entry, tree: &Path) -> Result<()> {
        if let Some(left) = entry.path.strip_prefix(tree).ok().and_then(left_by) {
            self.found.leftovers.insert(tree.join(left));
            return Ok(());
        }
        if is_staged(&entry.path) {
            if [FileKind::File, FileKind::Link].contains(&entry.kind) {
                self.found.leftovers.insert(entry.path);
            }
            return Ok(());
        }
        match (self.interest)(shown) {
            Interest::Pass => return Ok(()),
            Interest::Note => {
                self.found.noted.push(shown.to_path_buf());
                return Ok(());
            }
            Interest::Take => {}
        }
        // A link counts as the file that it leads to; one that leads nowhere is an error.
        let is_link = entry.kind == FileKind::Link;
        let file = if is_link {
            match system::follow(self.context, &entry.path) {
                Ok(file) => file,
                Err(NoPlace::LeadsOut { target, .. }) if system::info(&target)?.is_file() => {
                    return Err(outside(shown, &target));
                }
                Err(NoPlace::LeadsOut { .. }) => return Ok(()),
                Err(error) => return Err(error.explain(format!("cannot read {}", shown.shown()))),
            }
        } else {
            entry.path
        };
        let info = system::info(&file)?;
        if !info.is_file() {
            return Ok(());
        }
        if is_link && !file.starts_with(tree) {
            return Err(outside(shown, &file));
        }
        self.add_target(shown, file, &info);
        Ok(())
    }

    /// The file that a path leads to, without symbolic links.
    fn follow(&self, path: &Path) -> Result<PathBuf> {
        system::follow(self.context, path).map_err(|error| error.explain(format!("cannot read {}", path.shown())))
    }

    /// Adds a file to work on.
    fn add_target(&mut self, path: &Path, file: PathBuf, info: &FileInfo) {
        let file: Arc<Path> = file.into();
        let path = if *file == *path { Arc::clone(&file) } else { path.into() };
        let target = Target {
            path: Arc::clone(&path),
            file,
            state: info.state,
            links: info.links,
        };
        self.found.targets.insert(path, target);
    }

    /// Adds a path that cannot be worked on.
    fn add_unusable(&mut self, path: &Path, error: Error) {
        let path = path.to_path_buf();
        self.found.unusable.push(Unusable { path, error });
    }
}

/// The directory above a file that a run has left which was killed while it exchanged two files.
fn left_by(file: &Path) -> Option<&Path> {
    file.ancestors().skip(1).filter(|above| is_staged(above)).last()
}

/// The error of a link out of the directory that was named.
fn outside(link: &Path, target: &Path) -> Error {
    Error::refused(format!(
        "{} is a symbolic link to {}, which is outside of the named directory",
        link.shown(),
        target.shown()
    ))
    .hint("name the file itself, or list the link under [sign] exclude in the configuration")
}

impl Found {
    /// Keeps one path for each file where several lead to the same file; on FAT, names that differ only in case are the
    /// same.
    pub(super) fn distinct(mut self) -> Self {
        let mut seen = BTreeSet::new();
        let mut fat: BTreeMap<PathBuf, bool> = BTreeMap::new();
        self.targets.retain(|_, target| {
            let parent = target.file.parent().unwrap_or(Path::new("/"));
            if !fat.contains_key(parent) {
                let is_fat = is_directory_on_fat(parent);
                fat.insert(parent.to_path_buf(), is_fat);
            }
            let mut name = target.file.as_os_str().as_encoded_bytes().to_vec();
            if fat.get(parent) == Some(&true) {
                name.make_ascii_lowercase();
            }
            seen.insert(name)
        });
        self
    }
}

/// Most files in a batch: twice the number that the widest processor hashes side by side.
const BATCH: usize = 16;
/// Most bytes on disk in a batch of more than one file; it limits the memory of a worker.
const BATCH_BYTES: u64 = 16 << 20;

/// Batches of files of similar size, the largest first, so that all cores end together. Few files make small batches,
/// so that no core waits. `key` returns a file's size on disk, in bytes, and its path.
pub(super) fn batches<T>(mut files: Vec<T>, key: impl for<'t> Fn(&'t T) -> (u64, &'t Path)) -> Vec<Vec<T>> {
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    // Two batches for each core.
    let most = files.len().div_ceil(workers).div_ceil(2).clamp(1, BATCH);
    files.sort_by(|one, other| {
        let ((size, path), (other_size, other_path)) = (key(one), key(other));
        (other_size, path).cmp(&(size, other_path))
    });
    let mut batches: Vec<Vec<T>> = Vec::new();
    let mut room = 0_u64;
    for file in files {
        let (size, _) = key(&file);
        match (batches.last_mut(), room.checked_sub(size)) {
            (Some(batch), Some(left)) if batch.len() < most => {
                room = left;
                batch.push(file);
            }
            _ => {
                // A larger file leaves no room for another.
                room = BATCH_BYTES.saturating_sub(size);
                batches.push(vec![file]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn modules(path: &Path) -> Interest {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("ko") => Interest::Take,
            Some("txt") => Interest::Note,
            _ => Interest::Pass,
        }
    }

    #[test]
    fn links_count_once_and_staged_files_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().join("tree");
        fs::create_dir_all(root.join("sub")).unwrap();
        for name in ["a.ko", "sub/b.ko", ".bootseal-abcd1234", "notes.txt", "none"] {
            fs::write(root.join(name), b"").unwrap();
        }
        fs::write(directory.path().join("outside.ko"), b"").unwrap();
        symlink("a.ko", root.join("link.ko")).unwrap();
        symlink("../outside.ko", root.join("out.ko")).unwrap();
        symlink("nowhere", root.join("dangling.ko")).unwrap();
        symlink(&root, root.join("sub/loop")).unwrap();
        let context = Context::host();
        let exclude = Exclusions::default();
        let found = Search::new(&context, &exclude, modules).below(&[root.clone(), root.join("gone")]);
        assert_eq!(found.targets.len(), 3);
        let unusable: BTreeSet<_> = found.unusable.iter().map(|unusable| unusable.path.clone()).collect();
        assert_eq!(
            unusable,
            ["out.ko", "dangling.ko", "gone"].map(|name| root.join(name)).into()
        );
        assert_eq!(found.noted, [root.join("notes.txt")]);
        assert_eq!(found.leftovers, [root.join(".bootseal-abcd1234")].into());
        let distinct: Vec<_> = found.distinct().targets.into_keys().collect();
        assert_eq!(
            distinct,
            ["a.ko", "sub/b.ko"].map(|name| Arc::from(root.join(name).as_path()))
        );
    }

    #[test]
    fn leftovers_are_found_beside_files_that_were_named() {
        let directory = tempfile::tempdir().unwrap();
        let [kernel, left] = ["vmlinuz.ko", ".bootseal-abcd1234"].map(|name| directory.path().join(name));
        fs::write(&kernel, b"").unwrap();
        fs::write(&left, b"").unwrap();
        let context = Context::host();
        let found = Search::new(&context, &Exclusions::default(), modules).below(std::slice::from_ref(&kernel));
        assert_eq!((found.targets.len(), found.leftovers), (1, [left].into()));
    }

    #[test]
    fn batches_hold_every_file_once_and_not_too_much() {
        let directory = tempfile::tempdir().unwrap();
        let large = directory.path().join("large");
        fs::File::create(&large).unwrap().set_len(BATCH_BYTES + 1).unwrap();
        let mut paths: Vec<PathBuf> = (0..200).map(|n| directory.path().join(format!("{n}"))).collect();
        for path in &paths {
            fs::write(path, b"x").unwrap();
        }
        paths.push(large.clone());
        let sized = |path: &PathBuf| (fs::metadata(path).unwrap().len(), path.clone());
        let batches = batches(paths.iter().map(sized).collect(), |(size, path)| (*size, path));
        assert_eq!(batches[0].len(), 1);
        assert_eq!(batches[0][0].1, large);
        assert!(batches.iter().all(|batch| batch.len() <= BATCH));
        let mut all: Vec<PathBuf> = batches.into_iter().flatten().map(|(_, path)| path).collect();
        all.sort();
        paths.sort();
        assert_eq!(all, paths);
    }
}
