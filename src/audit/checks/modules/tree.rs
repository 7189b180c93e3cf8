//! The directory of a kernel's modules.

use crate::formats::text::Shown;
use std::path::{Path, PathBuf};

use crate::audit::machine::Machine;
use crate::audit::reason::reason;
use crate::disk::files_below;
use crate::finding::Outcome;
use crate::start::modules::stem;
use crate::system;

/// The directory of modules, in which each kernel has a directory of its own.
const MODULES: &str = "/lib/modules";

/// Links in the directory of a kernel's modules that lead to its sources.
const SOURCES: [&str; 2] = ["build", "source"];

/// The modules of a kernel.
pub(super) struct Tree {
    pub(super) release: String,
    pub(super) directory: PathBuf,
    /// Directories elsewhere that links in it lead to.
    linked: Vec<PathBuf>,
    pub(super) paths: Vec<PathBuf>,
}

impl Tree {
    /// True if this is one of its modules, where links lead out of its directory too.
    pub(super) fn has(&self, path: &Path) -> bool {
        path.starts_with(&self.directory) || self.linked.iter().any(|linked| path.starts_with(linked))
    }

    pub(super) fn read(machine: &Machine<'_>, release: &str, not_run: &mut Vec<String>) -> Self {
        let directory = machine.context().path(MODULES).join(release);
        let mut paths = files_below(&directory, not_run);
        let linked = linked_directories(machine, &directory, &paths, not_run);
        for linked in &linked {
            paths.extend(files_below(linked, not_run));
        }
        paths.retain(|path| is_module(path));
        Self {
            release: release.to_owned(),
            directory,
            linked,
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

/// The directories that links among these files lead to. depmod(8) follows links to directories, but for two that lead to
/// sources, so that modprobe loads from there.
fn linked_directories(
    machine: &Machine<'_>,
    tree: &Path,
    files: &[PathBuf],
    not_run: &mut Vec<String>,
) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in files {
        let is_sources = SOURCES.iter().any(|name| *path == tree.join(name));
        match system::link_target(path) {
            Ok(Some(_)) if !is_sources => {}
            Ok(_) => continue,
            Err(error) => {
                not_run.push(reason(&error));
                continue;
            }
        }
        // A link that leads nowhere leads to no module.
        let real = system::resolve(machine.context().root(), path).ok();
        found.extend(real.filter(|real| real.is_dir() && !real.starts_with(tree)));
    }
    found.sort();
    found.dedup();
    found
}

fn is_module(path: &Path) -> bool {
    stem(&path.file_name().unwrap_or_default().to_string_lossy()).is_some()
}
