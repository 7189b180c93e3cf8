//! A new directory that appears complete: made beside its place under a temporary name, and renamed when everything is
//! in it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;

use super::beneath::Place;
use super::context::Context;
use super::files::create_dir;

/// Permission bits of a new directory.
const MODE: u32 = 0o700;

/// A new directory (mode 0700) under a temporary name. Dropped without [`NewDirectory::publish`], it is removed with
/// all that is in it.
#[derive(Debug)]
pub struct NewDirectory {
    /// The place that it is to have.
    target: Place,
    /// The place under the temporary name.
    staged: Place,
    is_published: bool,
}

impl NewDirectory {
    /// Checks that a new directory can take this place: nothing is there, or an empty directory that is no mount point, and it is
    /// further down than `/` itself, in which a confined process makes nothing. Returns the absolute path.
    pub fn check(target: &Path) -> Result<PathBuf> {
        let cannot = || format!("cannot look at {}", target.shown());
        let is_in_root = |path: &Path| path.parent() == Some(Path::new("/"));
        let in_root = || {
            let text = format!("{} would lie in / itself, where bootseal makes nothing", target.shown());
            let name = target.file_name().unwrap_or_default().to_string_lossy();
            Error::refused(text).hint(format!("name a directory further down, as /root/{name}"))
        };
        let absolute = match fs::canonicalize(target) {
            Ok(resolved) => resolved,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let absolute = std::path::absolute(target).or_could_not_run(cannot)?;
                return if is_in_root(&absolute) {
                    Err(in_root())
                } else {
                    Ok(absolute)
                };
            }
            Err(error) => return Err(Error::could_not_run(cannot()).caused_by(error)),
        };
        let below = || format!("name a directory that does not exist yet, as {}/new", target.shown());
        if !absolute.is_dir() {
            return Err(Error::refused(format!("{} is there already", target.shown())));
        }
        if fs::read_dir(&absolute).or_could_not_run(cannot)?.next().is_some() {
            return Err(Error::refused(format!("{} is not empty", target.shown())).hint(below()));
        }
        let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev());
        let parent = absolute.parent().unwrap_or(&absolute);
        if parent == absolute
            || device(parent).or_could_not_run(cannot)? != device(&absolute).or_could_not_run(cannot)?
        {
            return Err(Error::refused(format!("{} is a mount point", target.shown())).hint(below()));
        }
        if is_in_root(&absolute) {
            return Err(in_root());
        }
        Ok(absolute)
    }

    /// Makes the directory under a temporary name beside `target`; parents of `target` are made where they are missing.
    pub fn stage(context: &Context, target: &Path) -> Result<Self> {
        let target = Self::check(target)?;
        let cannot = || format!("cannot make a directory beside {}", target.shown());
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(Error::refused(format!("{} cannot be a new directory", target.shown())));
        };
        if !parent.is_dir() {
            create_dir(context, parent)?;
        }
        let place = Place::of_name(context, &target).map_err(|error| error.explain(cannot()))?;
        // Always the same name, so that what a killed run left is found and taken away: a link itself, not what it leads
        // to.
        let staged = place.beside(format!(".{}.bootseal-new", name.to_string_lossy()));
        match staged.remove_tree() {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
        .or_could_not_run(cannot)?;
        staged.make_directory(MODE).or_could_not_run(cannot)?;
        // Nobody leads us out of it, whatever becomes of the directories above.
        context.guard(staged.path());
        Ok(Self {
            target: place,
            staged,
            is_published: false,
        })
    }

    /// The temporary path, into which files are put until the directory is published.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.staged.path()
    }

    /// Flushes the directory, renames it to its place and flushes that.
    pub fn publish(mut self) -> Result<()> {
        let cannot = || format!("cannot rename the new directory to {}", self.target.path().shown());
        self.staged.flush_content().or_could_not_run(cannot)?;
        // Renaming replaces an empty directory and fails on any other, so nothing that came meanwhile is lost.
        self.staged.rename(&self.target).or_could_not_run(cannot)?;
        self.is_published = true;
        let parent = self.target.directory_path();
        self.target
            .flush_directory()
            .or_could_not_run(|| format!("cannot flush {}", parent.shown()))
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        if !self.is_published {
            // What cannot be removed now is found and removed by the next run.
            let _ = self.staged.remove_tree();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn the_directory_appears_at_once_and_is_the_owners() {
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().join("etc/keys");
        let new = NewDirectory::stage(&Context::host(), &target).unwrap();
        fs::write(new.path().join("PK.key"), b"secret").unwrap();
        assert!(!target.exists());
        new.publish().unwrap();
        assert_eq!(names(&target), ["PK.key"]);
        assert_eq!(fs::metadata(&target).unwrap().mode() & 0o7777, 0o700);
        assert_eq!(names(&outside.path().join("etc")), ["keys"]);
    }

    #[test]
    fn a_link_that_has_the_temporary_name_goes_and_leads_nowhere() {
        let outside = tempfile::tempdir().unwrap();
        let victim = tempfile::tempdir().unwrap();
        fs::write(victim.path().join("file"), b"").unwrap();
        std::os::unix::fs::symlink(victim.path(), outside.path().join(".keys.bootseal-new")).unwrap();
        let new = NewDirectory::stage(&Context::host(), &outside.path().join("keys")).unwrap();
        fs::write(new.path().join("PK.key"), b"secret").unwrap();
        new.publish().unwrap();
        assert_eq!(names(victim.path()), ["file"]);
        assert_eq!(names(&outside.path().join("keys")), ["PK.key"]);
    }

    #[test]
    fn dropped_it_leaves_nothing() {
        let outside = tempfile::tempdir().unwrap();
        let new = NewDirectory::stage(&Context::host(), &outside.path().join("keys")).unwrap();
        fs::write(new.path().join("PK.key"), b"secret").unwrap();
        drop(new);
        assert_eq!(names(outside.path()).len(), 0);
    }

    #[test]
    fn an_empty_directory_is_replaced_and_no_other() {
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().join("keys");
        fs::create_dir(&target).unwrap();
        let new = NewDirectory::stage(&Context::host(), &target).unwrap();
        fs::write(target.join("came-meanwhile"), b"").unwrap();
        assert!(new.publish().is_err());
        assert_eq!(names(outside.path()), ["keys"]);
        let error = NewDirectory::stage(&Context::host(), &target).unwrap_err();
        assert_eq!(error.kind().exit_code(), 1);
        assert!(NewDirectory::check(&target.join("came-meanwhile")).is_err());
        assert!(NewDirectory::check(Path::new("/proc")).is_err());
        // Nothing is made in / itself, and it is said before anything is.
        let error = NewDirectory::check(Path::new("/no-such-directory")).unwrap_err();
        assert_eq!(
            error.hints(),
            ["name a directory further down, as /root/no-such-directory"]
        );
    }
}
