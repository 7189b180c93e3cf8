//! The directories whose content others control: another system on the machine, firmware tools, or whoever has the disk
//! while the machine is off. A link that lies in one of them must not decide which file outside of it is read or
//! written.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::resolve::resolve;

/// The directories that are always among them, where they exist: boot directories, EFI system partitions and the trees of
/// modules.
const ALWAYS: [&str; 4] = ["/boot", "/efi", "/lib/modules", "/usr/lib/modules"];

/// The directories, by the paths that they were named with, each with its path without symbolic links once that is known.
#[derive(Debug)]
pub(super) struct Guards(Mutex<BTreeMap<PathBuf, Option<Arc<Path>>>>);

impl Guards {
    /// The directories that are always guarded, below `root`.
    pub fn new(root: &Path) -> Self {
        let named = ALWAYS.map(|path| (root.join(path.trim_start_matches('/')), None));
        Self(Mutex::new(named.into()))
    }

    /// Adds a directory; a relative path counts from the working directory. One that does not exist yet counts from the
    /// moment that it does.
    pub fn add(&self, root: &Path, directory: &Path) {
        let Ok(directory) = std::path::absolute(directory) else {
            return;
        };
        let real = resolve(root, &directory).ok().map(Arc::from);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(directory).or_insert(real);
    }

    /// The paths of those that exist, without symbolic links.
    pub fn real(&self, root: &Path) -> io::Result<Vec<Arc<Path>>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut paths = Vec::new();
        for (named, real) in known.iter_mut() {
            if real.is_none() {
                *real = match resolve(root, named) {
                    Ok(found) => Some(Arc::from(found)),
                    Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => None,
                    Err(error) => return Err(error),
                };
            }
            paths.extend(real.clone());
        }
        Ok(paths)
    }
}

/// The outermost of these directories that holds a path, both without symbolic links.
pub(super) fn outermost<'g>(guards: &'g [Arc<Path>], path: &Path) -> Option<&'g Arc<Path>> {
    let holding = guards.iter().filter(|guard| path.starts_with(guard));
    holding.min_by_key(|guard| guard.components().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_directory_counts_and_links_to_one_are_followed() {
        let directory = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(directory.path()).unwrap();
        std::fs::create_dir_all(root.join("usr/lib/modules/6.12")).unwrap();
        std::os::unix::fs::symlink("usr/lib", root.join("lib")).unwrap();
        let guards = Guards::new(&root);
        guards.add(&root, &root.join("lib/modules/6.12"));
        guards.add(&root, &root.join("xboot"));
        let real = guards.real(&root).unwrap();
        let modules = root.join("usr/lib/modules");
        assert_eq!(outermost(&real, &modules.join("6.12/a.ko")), Some(&Arc::from(modules)));
        assert_eq!(outermost(&real, &root.join("xboot/kernel")), None);
        std::fs::create_dir(root.join("xboot")).unwrap();
        let real = guards.real(&root).unwrap();
        let expected = root.join("xboot");
        assert_eq!(
            outermost(&real, &expected.join("kernel")),
            Some(&Arc::from(expected.clone()))
        );
        assert_eq!(outermost(&real, &root.join("usr/lib")), None);
    }
}
