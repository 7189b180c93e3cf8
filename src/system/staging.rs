//! A new directory that appears complete: made beside its place under a temporary name, and renamed when everything is
//! in it.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::{Error, Explain, Result};

use super::context::Context;
use super::files::create_dir;

/// A new directory (mode 0700) under a temporary name. Dropped without [`NewDirectory::publish`], it is removed with
/// all that is in it.
#[derive(Debug)]
pub struct NewDirectory {
    target: PathBuf,
    staging: TempDir,
}

impl NewDirectory {
    /// Checks that a new directory can take this place: nothing is there, or an empty directory that is no mount point.
    /// Returns the absolute path.
    pub fn check(target: &Path) -> Result<PathBuf> {
        let cannot = || format!("cannot look at {}", target.display());
        let absolute = match fs::canonicalize(target) {
            Ok(resolved) => resolved,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return std::path::absolute(target).or_could_not_run(cannot);
            }
            Err(error) => return Err(Error::could_not_run(cannot()).caused_by(error)),
        };
        let below = || format!("name a directory that does not exist yet, as {}/new", target.display());
        if !absolute.is_dir() {
            return Err(Error::refused(format!("{} is there already", target.display())));
        }
        if fs::read_dir(&absolute).or_could_not_run(cannot)?.next().is_some() {
            return Err(Error::refused(format!("{} is not empty", target.display())).hint(below()));
        }
        let device = |path: &Path| fs::metadata(path).map(|metadata| metadata.dev());
        let parent = absolute.parent().unwrap_or(&absolute);
        if parent == absolute
            || device(parent).or_could_not_run(cannot)? != device(&absolute).or_could_not_run(cannot)?
        {
            return Err(Error::refused(format!("{} is a mount point", target.display())).hint(below()));
        }
        Ok(absolute)
    }

    /// Makes the directory under a temporary name beside `target`; parents of `target` are made where they are missing.
    pub fn stage(context: &Context, target: &Path) -> Result<Self> {
        let target = Self::check(target)?;
        let cannot = || format!("cannot make a directory beside {}", target.display());
        let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(Error::refused(format!(
                "{} cannot be a new directory",
                target.display()
            )));
        };
        if !parent.is_dir() {
            create_dir(context, parent)?;
        }
        // Always the same name, so that what a killed run left is found and taken away.
        let staged = format!(".{}.bootseal-new", name.to_string_lossy());
        if parent.join(&staged).is_dir() {
            fs::remove_dir_all(parent.join(&staged)).or_could_not_run(cannot)?;
        }
        let staging = tempfile::Builder::new()
            .prefix(&staged)
            .rand_bytes(0)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .or_could_not_run(cannot)?;
        Ok(Self { target, staging })
    }

    /// The temporary path, into which files are put until the directory is published.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.staging.path()
    }

    /// Flushes the directory, renames it to its place and flushes that.
    pub fn publish(self) -> Result<()> {
        let cannot = || format!("cannot rename the new directory to {}", self.target.display());
        let flush = |path: &Path| File::open(path).and_then(|directory| directory.sync_all());
        flush(self.staging.path()).or_could_not_run(cannot)?;
        // Renaming replaces an empty directory and fails on any other, so nothing that came meanwhile is lost.
        fs::rename(self.staging.path(), &self.target).or_could_not_run(cannot)?;
        let target = self.target.clone();
        // The temporary name is gone; there is nothing left to remove.
        let _ = self.staging.keep();
        let parent = target.parent().unwrap_or(&target);
        flush(parent).or_could_not_run(|| format!("cannot flush {}", parent.display()))
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
    }
}
