//! Directories of a ceremony that are in their places already.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::keys::directory::TRANSCRIPT;
use crate::system;

use super::spec::Spec;
use super::transcript::Transcript;

/// True if a directory is of this very ceremony: it has the same transcript.
pub(super) fn is_in_place(transcript: &Transcript, target: &Path) -> Result<bool> {
    let path = target.join(TRANSCRIPT);
    Ok(path.is_file() && system::read(&path)? == transcript.as_bytes())
}

/// True if the ceremony was held to its end: its directories are in their places, and nothing is under way.
pub(crate) fn is_held(spec: &Spec) -> Result<bool> {
    if system::is_there(&spec.work_directory()?)? {
        return Ok(false);
    }
    for (_, directory) in spec.directories() {
        if !system::is_there(&directory.join(TRANSCRIPT))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// True if every directory is in its place.
pub(super) fn are_all_in_place(transcript: &Transcript, directories: &[(&str, PathBuf)]) -> Result<bool> {
    for (_, directory) in directories {
        if !is_in_place(transcript, directory)? {
            return Ok(false);
        }
    }
    Ok(true)
}
