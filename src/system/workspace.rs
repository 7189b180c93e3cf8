//! A temporary directory in which files are handed to another program.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::error::{Explain, Result};
use crate::formats::text::Shown;

/// A temporary directory for its owner only, removed when this is dropped. It is used in a dry run as well.
#[derive(Debug)]
pub struct Workspace(TempDir);

impl Workspace {
    /// Makes the directory.
    pub fn new() -> Result<Self> {
        tempfile::tempdir()
            .map(Self)
            .or_could_not_run(|| "cannot make a temporary directory".to_owned())
    }

    /// The path of a file in the directory.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file; returns its path.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, bytes).or_could_not_run(|| format!("cannot write {}", path.shown()))?;
        Ok(path)
    }
}
