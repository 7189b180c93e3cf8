//! The directory of a kernel's modules.

use crate::formats::text::Shown;
use std::path::{Path, PathBuf};

use crate::audit::machine::Machine;
use crate::disk::files_below;
use crate::finding::Outcome;
use crate::start::modules::stem;

/// The directory of modules, in which each kernel has a directory of its own.
const MODULES: &str = "/lib/modules";

/// The modules of a kernel.
pub(super) struct Tree {
    pub(super) release: String,
    pub(super) directory: PathBuf,
    pub(super) paths: Vec<PathBuf>,
}

impl Tree {
    pub(super) fn read(machine: &Machine<'_>, release: &str, not_run: &mut Vec<String>) -> Self {
        let directory = machine.context().path(MODULES).join(release);
        let mut paths = files_below(&directory, not_run);
        paths.retain(|path| is_module(path));
        Self {
            release: release.to_owned(),
            directory,
            paths,
        }
    }
}

/// The modules of the running kernel; or why they are not looked at.
pub(super) fn of_running_kernel(machine: &Machine<'_>) -> Result<Tree, Outcome> {
    let release = machine.release().map_err(Outcome::could_not_run)?;
    let mut outcome = Outcome::default();
    let tree = Tree::read(machine, &release, &mut outcome.not_run);
    if !outcome.not_run.is_empty() {
        return Err(outcome);
    }
    if !tree.directory.is_dir() {
        return Err(Outcome::not_applicable(format!(
            "there is no {}: the kernel has no modules",
            tree.directory.shown()
        )));
    }
    Ok(tree)
}

fn is_module(path: &Path) -> bool {
    stem(&path.file_name().unwrap_or_default().to_string_lossy()).is_some()
}
