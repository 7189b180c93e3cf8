//! Signed writes that people laid down somewhere. Directories such as `/tmp` are everybody's: who fills one takes nothing from the look at
//! what root has there, nor from that at other users' files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::system::{self, FileKind};

/// Ending of signed writes.
const ENDING: &str = "auth";
/// Root's user ID.
const ROOT: u32 = 0;
/// Most files of root that are looked at, and most of all others together; each costs a few verifications.
const MOST: usize = 512;
/// Most files of one other user.
const MOST_EACH: usize = 64;
/// Most users: with namespaces of their own, some have 65,536.
const MOST_USERS: usize = 256;
/// Most directories of root, and of each other user, that are looked into.
const MOST_DIRECTORIES: usize = 4096;
const MOST_DIRECTORIES_EACH: usize = 256;

/// Files by their owners.
#[derive(Debug, Default)]
pub(super) struct LaidDown {
    files: Owned,
    directories: BTreeMap<u32, usize>,
    /// Directories of root that were not looked into, and those of others.
    unseen: [usize; 2],
}

/// The first paths of each owner, by name.
#[derive(Debug, Default)]
struct Owned {
    paths: BTreeMap<u32, BTreeSet<PathBuf>>,
    /// Those of root that are not among them, and those of others.
    left_out: [usize; 2],
}

/// The files that are looked at, and the number of those that are not.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chosen {
    /// Each file with true if it is root's.
    pub files: Vec<(PathBuf, bool)>,
    /// A sentence on root's files that are left out, if there are any.
    pub of_root: Option<String>,
    /// The same, of others'.
    pub of_others: Option<String>,
}

/// True for a file with the name of a signed write.
pub(super) fn is_write(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == ENDING)
}

/// The place of a number for root, or for others.
const fn side(owner: u32) -> usize {
    if owner == ROOT { 0 } else { 1 }
}

impl Owned {
    fn add(&mut self, owner: u32, path: PathBuf) {
        let most = if owner == ROOT { MOST } else { MOST_EACH };
        let paths = self.paths.entry(owner).or_default();
        if paths.insert(path) && paths.len() > most {
            paths.pop_last();
            self.leave_out(owner, 1);
        }
        if self.paths.len() > MOST_USERS
            && let Some((owner, paths)) = self.paths.pop_last()
        {
            self.leave_out(owner, paths.len());
        }
    }

    fn leave_out(&mut self, owner: u32, count: usize) {
        if let Some(number) = self.left_out.get_mut(side(owner)) {
            *number = number.saturating_add(count);
        }
    }
}

impl LaidDown {
    /// Takes files of a place that only root writes to.
    pub fn add_roots(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        for path in paths.into_iter().filter(|path| is_write(path)) {
            self.files.add(ROOT, path);
        }
    }

    /// Takes the files in a directory and in those below it, to a depth. What cannot be looked into is somebody's own.
    pub fn look_into(&mut self, directory: &Path, depth: usize) {
        let mut below = Owned::default();
        // What goes wrong with one of them is its owner's doing.
        let owner = |path: &Path| system::info_of_name(path).ok().flatten().map(|info| info.owner);
        let _ = system::each_entry(directory, |entry| match entry.kind {
            FileKind::File if is_write(&entry.path) => {
                if let Some(owner) = owner(&entry.path) {
                    self.files.add(owner, entry.path);
                }
            }
            FileKind::Directory if depth > 0 => {
                if let Some(owner) = owner(&entry.path) {
                    below.add(owner, entry.path);
                }
            }
            _ => {}
        });
        for (unseen, left_out) in self.unseen.iter_mut().zip(below.left_out) {
            *unseen = unseen.saturating_add(left_out);
        }
        let Some(rest) = depth.checked_sub(1) else { return };
        for (owner, directories) in below.paths {
            let most = if owner == ROOT {
                MOST_DIRECTORIES
            } else {
                MOST_DIRECTORIES_EACH
            };
            for directory in directories {
                let seen = self.directories.entry(owner).or_default();
                if *seen < most {
                    *seen = seen.saturating_add(1);
                    self.look_into(&directory, rest);
                } else if let Some(unseen) = self.unseen.get_mut(side(owner)) {
                    *unseen = unseen.saturating_add(1);
                }
            }
        }
    }

    /// Chooses: all of root's, then of each user the first, of each the second, and so on.
    pub fn choose(self) -> Chosen {
        let mut by_owner = self.files.paths;
        let roots = by_owner.remove(&ROOT).unwrap_or_default();
        let mut others: Vec<(usize, u32, PathBuf)> = by_owner
            .into_iter()
            .flat_map(|(owner, paths)| {
                paths
                    .into_iter()
                    .enumerate()
                    .map(move |(rank, path)| (rank, owner, path))
            })
            .filter(|(.., path)| !roots.contains(path))
            .collect();
        others.sort();
        let [of_root, of_others] = self.files.left_out;
        let of_others = of_others.saturating_add(others.len().saturating_sub(MOST));
        others.truncate(MOST);
        let roots = roots.into_iter().map(|path| (path, true));
        let files = roots.chain(others.into_iter().map(|(.., path)| (path, false)));
        let [unseen_of_root, unseen_of_others] = self.unseen;
        Chosen {
            of_root: told("root", of_root, unseen_of_root),
            of_others: told("other users", of_others, unseen_of_others),
            files: files.collect(),
        }
    }
}

fn told(owner: &str, files: usize, directories: usize) -> Option<String> {
    let what = match (files, directories) {
        (0, 0) => return None,
        (files, 0) => format!("{files} files"),
        (0, directories) => format!("{directories} directories"),
        (files, directories) => format!("{files} files and {directories} directories"),
    };
    Some(format!(
        "of {owner}, not looked at for signed writes, since there are too many: {what}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn names(user: u32, count: usize) -> impl Iterator<Item = (u32, PathBuf)> {
        (0..count).map(move |number| (user, PathBuf::from(format!("/tmp/{user}-{number:06}.auth"))))
    }

    /// One user with many files, and one with many users, take nothing from root or from another.
    #[test]
    fn who_has_many_files_hides_none_of_others() {
        let mut laid = LaidDown::default();
        let many = names(1001, 100_000).chain((0..2000).flat_map(|user| names(100_000 + user, 3)));
        for (owner, path) in many.chain(names(1000, 2)).chain(names(ROOT, 5)) {
            laid.files.add(owner, path);
        }
        assert!(laid.files.paths.len() <= MOST_USERS);
        let chosen = laid.choose();
        assert_eq!(chosen.files.len(), 5 + MOST);
        assert!(chosen.files[..5].iter().all(|(_, is_roots)| *is_roots));
        for own in names(1000, 2).map(|(_, path)| (path, false)) {
            assert!(chosen.files.contains(&own), "{own:?}");
        }
        assert_eq!(chosen.of_root, None);
        let said = chosen.of_others.unwrap();
        assert!(said.contains(&format!("{} files", 100_000 + 6000 + 2 - MOST)), "{said}");
    }

    #[test]
    fn too_many_of_root_are_told_apart() {
        let mut laid = LaidDown::default();
        laid.add_roots(names(ROOT, MOST + 7).map(|(_, path)| path));
        let chosen = laid.choose();
        assert_eq!((chosen.files.len(), chosen.of_others), (MOST, None));
        assert!(chosen.of_root.unwrap().contains("7 files"));
    }

    #[test]
    fn directories_are_looked_into_to_a_depth() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::create_dir_all(path("a/b/c")).unwrap();
        for name in ["x.auth", "a/x.auth", "a/b/x.auth", "a/b/c/x.auth", "a/x.esl"] {
            fs::write(path(name), b"").unwrap();
        }
        std::os::unix::fs::symlink(path("x.auth"), path("link.auth")).unwrap();
        let mut laid = LaidDown::default();
        laid.look_into(place.path(), 2);
        laid.look_into(&path("nowhere"), 2);
        let found: BTreeSet<PathBuf> = laid.choose().files.into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, ["x.auth", "a/x.auth", "a/b/x.auth"].map(path).into());
    }
}
