//! Whether an enforcing GRUB would open every file of its directory, and what its configurations lead to.

use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::{Error, Result, quoted};
use crate::formats::grub::openpgp::GrubKey;
use crate::sign::discover::{Found, Search, Target};
use crate::system::config::{Exclusions, GrubEnvironment};
use crate::system::{self, Context};
use crate::trust;
use crate::trust::grub_traps::{self, Level, Trap};

use super::tree::Tree;
use super::{existing_signature, interest, is_by, signature_path};

/// What could not be looked at, which is neither fine nor wrong.
const NOT_JUDGED: &str = "not_judged";

/// Endings of names by which a directory is known to be GRUB's.
const ENDINGS: [&str; 5] = ["cfg", "mod", "lst", "pf2", "mo"];

/// Something that is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, or the signature, or the configuration that names it.
    pub path: PathBuf,
    /// The line of a configuration, from 1.
    pub line: Option<usize>,
    /// The stable name used in JSON.
    pub name: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What mends it.
    pub remedy: String,
}

impl Problem {
    /// The file, with the line if there is one.
    #[must_use]
    pub fn place(&self) -> String {
        let line = self.line.map(|line| format!(":{line}"));
        format!("{}{}", self.path.display(), line.unwrap_or_default())
    }
}

/// What was found in a directory of GRUB.
#[derive(Debug)]
pub struct Audit {
    /// How many files were judged, those that configurations lead to among them.
    pub judged: usize,
    /// What is wrong with files.
    pub problems: Vec<Problem>,
    /// What is wrong, or to be known, in configurations.
    pub traps: Vec<(PathBuf, Trap)>,
}

impl Audit {
    /// Whether nothing was found that is more than a note.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty() && !self.is_trapped()
    }

    /// Whether all that is wrong is that something could not be judged.
    #[must_use]
    pub fn could_not_run(&self) -> bool {
        !self.is_clean() && !self.is_trapped() && self.problems.iter().all(|problem| problem.name == NOT_JUDGED)
    }

    fn is_trapped(&self) -> bool {
        self.traps.iter().any(|(_, trap)| trap.level == Level::Finding)
    }
}

/// Judges every file below a directory, and those outside of it that its configurations lead to, by these keys.
pub fn verify(
    context: &Context,
    exclude: &Exclusions,
    environment: GrubEnvironment,
    directory: &Path,
    keys: &[GrubKey],
) -> Result<Audit> {
    let search = |paths: &[PathBuf]| Search::new(context, exclude, interest).below(paths);
    let mut found = search(&[directory.to_path_buf()]);
    let is_grubs = |path: &PathBuf| {
        path.extension()
            .is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
    };
    // Kernel modules, say, are in directories as well, and none of them needs a signature for GRUB.
    if found.noted.is_empty() && found.unusable.is_empty() && !found.targets.keys().any(is_grubs) {
        return Err(
            Error::could_not_run(format!("{} is no directory of GRUB", directory.display()))
                .hint("name the files, or the directory that grub.cfg is in, such as /boot/grub"),
        );
    }
    let tree = Tree::read(context, directory, &found)?;
    let outside: Vec<PathBuf> = tree.outside.iter().cloned().collect();
    let followed = search(&outside);
    found.targets.extend(followed.targets);
    found.unusable.extend(followed.unusable);
    let mut traps = tree.traps.clone();
    for path in tree.environments(directory, &found) {
        let is_signed = fs::symlink_metadata(signature_path(&path)).is_ok();
        if is_signed && let Some((script, command)) = tree.writer() {
            traps.push((script.to_path_buf(), grub_traps::signed_environment(command)));
        }
        if tree.leaves_environment(environment) && (!is_signed || tree.writer().is_some()) {
            found.targets.remove(&path);
        }
    }
    let judge = |target: &Target| judge(target, keys);
    let mut problems: Vec<Problem> = found
        .targets
        .par_iter()
        .filter_map(|(_, target)| judge(target))
        .collect();
    problems.extend(tree.not_found.iter().cloned());
    problems.extend(others(&found, keys));
    problems.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
    Ok(Audit {
        judged: found.targets.len(),
        problems,
        traps,
    })
}

/// What is wrong with names that are no files to judge.
fn others(found: &Found, keys: &[GrubKey]) -> Vec<Problem> {
    let unusable = found
        .unusable
        .iter()
        .map(|unusable| not_judged(&unusable.path, &unusable.error));
    let is_orphan = |signature: &&PathBuf| {
        fs::symlink_metadata(signature.with_extension("")).is_err()
            && system::read(signature).is_ok_and(|bytes| is_by(&bytes, keys))
    };
    let orphans = found.noted.iter().filter(is_orphan).map(|signature| Problem {
        path: signature.clone(),
        line: None,
        name: "orphan",
        reason: "what it signs is gone, and would be accepted if it came back".to_owned(),
        remedy: format!("rm {}", quoted(signature)),
    });
    unusable.chain(orphans).collect()
}

fn not_judged(path: &Path, error: &Error) -> Problem {
    Problem {
        path: path.to_path_buf(),
        line: None,
        name: NOT_JUDGED,
        reason: error.in_one_line(),
        remedy: error
            .hints()
            .first()
            .map_or_else(String::new, |hint| (*hint).to_owned()),
    }
}

fn judge(target: &Target, keys: &[GrubKey]) -> Option<Problem> {
    let path = &target.path;
    let read = system::read(&target.file).and_then(|data| Ok((data, existing_signature(path)?)));
    let (data, signature) = match read {
        Ok(read) => read,
        Err(error) => return Some(not_judged(path, &error)),
    };
    let refusal = trust::grub::judge(&data, signature.as_deref(), keys).err()?;
    let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    let (name, reason) = match refusal {
        trust::grub::Refusal::Unsigned if is_link => (
            "link_missing",
            format!(
                "this symbolic link has no signature of its own, and GRUB asks for {}",
                signature_path(path).display()
            ),
        ),
        other => (other.name(), other.to_string()),
    };
    Some(Problem {
        path: path.clone(),
        line: None,
        name,
        reason,
        remedy: format!("bootseal sign grub {}", quoted(path)),
    })
}
