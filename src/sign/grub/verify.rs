//! The judgement of an enforcing GRUB on the files of its directory and on those that its configurations lead to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use crate::disk::GrubPaths;
use crate::error::{Error, Result, quoted};
use crate::finding::{Finding, Kind, Level, worst};
use crate::formats::grub::openpgp::{GrubKey, SignatureError};
use crate::formats::text::Shown;
use crate::sign::discover::{Found, Search, Target};
use crate::sign::signature_file::{existing_signature, interest, is_by, signature_path};
use crate::system::config::{Exclusions, GrubEnvironment};
use crate::system::{self, Context};
use crate::trust;

use super::problem::{LINK_MISSING, NO_ENTRY, NOT_FOUND, NOT_JUDGED, NOTHING_STARTS, ORPHAN, not_judged};
use super::tree::Tree;

/// Problems that signing does not mend.
const NOT_MENDED_BY_SIGNING: [Kind; 5] = [NOT_FOUND, NO_ENTRY, NOTHING_STARTS, NOT_JUDGED, trust::grub::NO_KEY];

/// Names of menus that are not in use: the one that Gentoo's grub-mkconfig hook keeps, and one that could not be signed. They
/// stay unsigned, so that GRUB opens none.
const UNUSED_MENUS: [&str; 2] = ["grub.cfg~", "grub.cfg.new"];

/// Names of files by which a directory is recognised as GRUB's, and endings of names: others' configurations end in .cfg as well.
const NAMES: [&str; 3] = ["grub.cfg", "custom.cfg", "grubenv"];
const ENDINGS: [&str; 2] = ["mod", "pf2"];

/// The problems and traps of a directory of GRUB.
#[derive(Debug)]
pub struct Audit {
    /// Number of the judged files, including those that configurations lead to.
    pub judged: usize,
    /// Their paths.
    pub files: Vec<Arc<Path>>,
    /// Files that are wrong, or could not be judged, in the order of their paths.
    pub problems: Vec<Finding>,
    /// Traps in configurations; one that is only to be known is a note.
    pub traps: Vec<Finding>,
}

impl Audit {
    /// True if no finding is more than a note.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty() && !self.is_trapped()
    }

    /// True if the only problems are files that could not be judged.
    #[must_use]
    pub fn could_not_run(&self) -> bool {
        !self.is_clean() && !self.is_trapped() && self.problems.iter().all(|problem| problem.kind == NOT_JUDGED)
    }

    /// True if signing the directory mends some of its problems.
    #[must_use]
    pub fn is_mended_by_signing(&self) -> bool {
        let is_mended = |problem: &Finding| !NOT_MENDED_BY_SIGNING.contains(&problem.kind);
        self.problems.iter().any(is_mended)
    }

    fn is_trapped(&self) -> bool {
        worst(&self.traps) > Some(Level::Note)
    }
}

/// True if a file has the name of a menu that is not in use.
pub(super) fn is_unused(path: &Path) -> bool {
    UNUSED_MENUS.iter().any(|name| path.ends_with(name))
}

/// The problem of a directory of GRUB whose menu starts nothing; none if it starts something.
pub fn idle_menu(context: &Context, directory: &Path) -> Result<Option<Finding>> {
    let found = Search::new(context, &Exclusions::default(), interest).below(&[directory.to_path_buf()]);
    let tree = Tree::read(context, directory, &found)?;
    Ok(tree.problems.into_iter().find(|problem| problem.kind == NOTHING_STARTS))
}

/// Judges every file below a directory, and those outside of it that its configurations lead to, by these keys.
pub fn verify(
    context: &Context,
    exclude: &Exclusions,
    environment: GrubEnvironment,
    directory: &Path,
    keys: &[GrubKey],
) -> Result<Audit> {
    if GrubPaths::read(context)?.is_hidden(directory) {
        let text = format!(
            "{} lies where a file system ought to be mounted and is not: GRUB reads other files",
            directory.shown()
        );
        return Err(Error::could_not_run(text).hint("mount it first, as /etc/fstab has it: mount -a"));
    }
    let search = |paths: &[PathBuf]| Search::new(context, exclude, interest).below(paths);
    let mut found = search(&[directory.to_path_buf()]);
    let is_of_grub = |path: &Arc<Path>| {
        let is_one_of = |name: Option<&std::ffi::OsStr>, known: &[&str]| {
            name.is_some_and(|name| known.iter().any(|known| name == *known))
        };
        is_one_of(path.file_name(), &NAMES) || is_one_of(path.extension(), &ENDINGS)
    };
    // The files of another directory, for example kernel modules, need no signature for GRUB.
    let is_readable = found.unusable.is_empty() || !found.targets.is_empty();
    if found.noted.is_empty() && is_readable && !found.targets.keys().any(is_of_grub) {
        return Err(
            Error::could_not_run(format!("{} is no directory of GRUB", directory.shown()))
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
        let is_signed = system::is_there(&signature_path(&path))?;
        if is_signed && let Some(writer) = tree.writer() {
            traps.push(writer.trap());
        }
        if tree.leaves_environment(environment) && (!is_signed || tree.writer().is_some()) {
            found.targets.remove(&*path);
        }
    }
    for path in found
        .targets
        .keys()
        .filter(|path| is_unused(path))
        .cloned()
        .collect::<Vec<_>>()
    {
        if !system::is_there(&signature_path(&path))? {
            found.targets.remove(&*path);
        }
    }
    let of_tree = tree.into_problems();
    system::give_memory_back();
    let judge = |target: &Target| judge(target, keys);
    let mut problems: Vec<Finding> = found
        .targets
        .par_iter()
        .filter_map(|(_, target)| judge(target))
        .collect();
    problems.extend(of_tree);
    problems.extend(problems_of_names(&found, keys));
    let number = |problem: &Finding| problem.line.as_ref().map(|line| line.number);
    problems.sort_by(|one, other| {
        let paths = Path::new(&one.subject).cmp(Path::new(&other.subject));
        paths.then_with(|| number(one).cmp(&number(other)))
    });
    Ok(Audit {
        judged: found.targets.len(),
        files: found.targets.into_keys().collect(),
        problems,
        traps,
    })
}

/// Problems of names that are no files to judge: those that cannot be used, and signatures whose files are gone.
fn problems_of_names(found: &Found, keys: &[GrubKey]) -> Vec<Finding> {
    let unusable = found
        .unusable
        .iter()
        .map(|unusable| not_judged(&unusable.path, &unusable.error));
    let is_orphan = |signature: &Path| -> Result<bool> {
        Ok(!system::is_there(&signature.with_extension(""))? && is_by(&system::read(signature)?, keys))
    };
    let orphans = found.noted.iter().filter_map(|signature| match is_orphan(signature) {
        Ok(false) => None,
        Ok(true) => {
            let text = "the file that it signs is gone, and would be accepted if it came back";
            let orphan = Finding::new(ORPHAN, signature.shown(), text);
            Some(orphan.remedy(format!("rm {}", quoted(signature))))
        }
        Err(error) => Some(not_judged(signature, &error)),
    });
    unusable.chain(orphans).collect()
}

fn judge(target: &Target, keys: &[GrubKey]) -> Option<Finding> {
    let path = &target.path;
    let opened = system::open(&target.file).and_then(|(file, _)| Ok((file, existing_signature(path)?)));
    let (mut file, signature) = match opened {
        Ok(opened) => opened,
        Err(error) => return Some(not_judged(path, &error)),
    };
    // The largest are images of hundreds of MB: none is held.
    let refusal = trust::grub::judge_read(&mut file, signature.as_deref(), keys).err()?;
    let is_link = match system::info_of_name(path) {
        Ok(info) => info.is_some_and(|info| info.is_link()),
        Err(error) => return Some(not_judged(path, &error)),
    };
    let (kind, reason) = match refusal {
        trust::grub::Refusal::Signature(SignatureError::Unread(reason)) => {
            let error = Error::could_not_run(format!("cannot read {}: {reason}", path.shown()));
            return Some(not_judged(path, &error));
        }
        trust::grub::Refusal::Unsigned if is_link => (
            LINK_MISSING,
            format!(
                "this symbolic link has no signature of its own, and GRUB asks for {}",
                signature_path(path).shown()
            ),
        ),
        other => (other.kind(), other.to_string()),
    };
    let finding = Finding::new(kind, path.to_string_lossy(), reason);
    Some(finding.remedy(format!("bootseal sign grub {}", quoted(path))))
}
