//! The product under examination, and the report on it.

use crate::error::{Error, Result};
use crate::keys::KeyDirectory;

use super::super::spec::Spec;
use super::super::transcript::RecordedFinding;
use super::super::work::Work;

/// The files that were made, as they stand on the disk.
pub(super) struct Product<'a> {
    pub work: &'a Work<'a>,
    pub spec: &'a Spec,
    pub directory: &'a KeyDirectory,
}

/// The results of the examinations so far.
#[derive(Default)]
pub(super) struct Report {
    /// The checks that ran and passed, each with its observation.
    pub checks: Vec<String>,
    /// Oddities of imported certificates.
    pub findings: Vec<RecordedFinding>,
}

impl Report {
    /// Adds a check that ran and passed.
    pub fn passed(&mut self, text: impl Into<String>) {
        self.checks.push(text.into());
    }
}

/// Fails if a file of the product has other bytes than it should.
pub(super) fn expect_bytes(present: &[u8], expected: &[u8], file: &str) -> Result<()> {
    if present == expected {
        Ok(())
    } else {
        Err(Error::bug(format!("{file} does not have the planned content")))
    }
}
