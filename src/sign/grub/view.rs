//! GRUB's view of the file system: where its names lead on this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{BOOT, GRUB_CONFIGURATION, GrubPaths, boot_directories, fat_partitions, path_below};
use crate::error::{Explain, Result};
use crate::finding::Finding;
use crate::formats::grub::opened_files::{Opened, Place, Use, is_no_local_disk};
use crate::formats::grub::theme;
use crate::formats::text::{Shown, by_version};
use crate::sign::discover::Found;
use crate::system::{self, Context, resolve};
use crate::trust::grub_traps;

use super::found::{Form, needed};

/// GRUB's view of the file system.
pub(super) struct View<'a> {
    context: &'a Context,
    /// The directory, without symbolic links.
    pub directory: PathBuf,
    /// The directory that GRUB's `$prefix` leads to.
    pub prefix: PathBuf,
    /// The files of the directory, without symbolic links in their directories.
    pub files: BTreeSet<Arc<Path>>,
    /// Directories of modules, each with its `moddep.lst`, which lists the modules that a module needs.
    modules: Vec<(PathBuf, String)>,
    /// Directories that may be the root of a file system that GRUB reads, the likeliest first.
    bases: Vec<PathBuf>,
    /// The mounts, as GRUB finds what is on them.
    paths: GrubPaths,
    /// True if this machine boots from the directory; false if it is for another machine.
    pub is_own: bool,
}

impl<'a> View<'a> {
    pub(super) fn new(context: &'a Context, directory: &Path, found: &Found) -> Result<Self> {
        let real = resolve(context.root(), directory)
            .or_could_not_run(|| format!("cannot read the directory {}", directory.shown()))?;
        let files: BTreeSet<Arc<Path>> = found
            .targets
            .keys()
            .filter_map(|path| {
                let below = path.strip_prefix(directory).ok()?;
                let is_same = real == directory;
                Some(if is_same {
                    Arc::clone(path)
                } else {
                    real.join(below).into()
                })
            })
            .collect();
        let configurations = files
            .iter()
            .filter(|path| path.file_name().is_some_and(|name| name == GRUB_CONFIGURATION));
        let shallowest = configurations.min_by_key(|path| path.components().count());
        let prefix = shallowest.and_then(|path| path.parent()).unwrap_or(&real).to_path_buf();
        let root = system::canonical(context.root())?;
        let partitions: Vec<PathBuf> = fat_partitions(context)?
            .into_iter()
            .map(|partition| partition.directory)
            .collect();
        let boot = root.join(BOOT.trim_start_matches('/'));
        let is_own = root != Path::new("/")
            || real.starts_with(&boot)
            || partitions.iter().any(|partition| real.starts_with(partition));
        // GRUB's names begin at the root of a file system, which is known only when GRUB runs. The nearest directory above
        // the prefix in which a name leads to a file is taken for that root.
        let above = prefix.ancestors().skip(1).take_while(|base| *base != root);
        let mut bases: Vec<PathBuf> = above.map(Path::to_path_buf).collect();
        if is_own {
            bases.push(boot);
            bases.extend(partitions);
            // A partition may be of a kind that is not known as FAT, as one that a program of a user mounts.
            bases.extend(boot_directories(context, [])?);
            bases.push(root);
        }
        let paths = if is_own {
            GrubPaths::read(context)?
        } else {
            GrubPaths::default()
        };
        let lists = files.iter().filter(|path| path.ends_with("moddep.lst"));
        let mut modules = Vec::new();
        for list in lists {
            // A list that cannot be read becomes a problem where the file itself is judged.
            if let (Some(directory), Ok(text)) = (list.parent(), system::read(list)) {
                modules.push((directory.to_path_buf(), String::from_utf8_lossy(&text).into_owned()));
            }
        }
        Ok(Self {
            context,
            directory: real,
            prefix,
            files,
            modules,
            bases,
            paths,
            is_own,
        })
    }

    /// The paths at which a file may be; none if it is not on this machine's disks or cannot be known.
    pub(super) fn candidates(&self, place: &Place) -> Option<Vec<PathBuf>> {
        match place {
            Place::Prefix(path) => Some(vec![path_below(&self.prefix, path)]),
            Place::File {
                device: Some(device), ..
            } if is_no_local_disk(device) => None,
            Place::File { path, .. } if self.paths.is_snapshot(path) => None,
            Place::File { path, .. } => {
                let mut found = self.paths.candidates(path);
                // Where nobody says what is mounted, a path of btrfs may begin with the name of a subvolume.
                let inner = path.strip_prefix("/@").and_then(|path| path.split_once('/'));
                let paths = [Some(path.as_str()), inner.map(|(_, path)| path)];
                let paths = paths.into_iter().flatten();
                found.extend(paths.flat_map(|path| self.bases.iter().map(move |base| path_below(base, path))));
                found.retain(|path| !self.paths.is_hidden(path));
                Some(found)
            }
            Place::Module(_) | Place::Blocks(_) | Place::Unknown(_) => None,
        }
    }

    /// The path of the file, or directory, of this name; none if it does not exist. Its directories are without symbolic
    /// links; its last name is kept, since GRUB asks for the signature of that name.
    fn existing(&self, path: &Path, is_directory: bool) -> Result<Option<PathBuf>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(None);
        };
        // A link in the boot directory must not have a file elsewhere signed.
        let Some(parent) = system::follow_if_there(self.context, parent)? else {
            return Ok(None);
        };
        let named = parent.join(name);
        let Some(file) = system::follow_if_there(self.context, &named)? else {
            return Ok(None);
        };
        let info = system::info(&file)?;
        let is_wanted = if is_directory {
            info.is_directory()
        } else {
            info.is_file()
        };
        Ok(is_wanted.then_some(named))
    }

    /// The first of these paths that exists, as [`View::existing`] returns it.
    pub(super) fn first_existing(&self, paths: &[PathBuf], is_directory: bool) -> Result<Option<PathBuf>> {
        for path in paths {
            if let Some(existing) = self.existing(path, is_directory)? {
                return Ok(Some(existing));
            }
        }
        Ok(None)
    }

    /// The files in a directory for which `is_wanted` is true; none if the directory does not exist.
    fn files_in(&self, directory: &Path, is_wanted: fn(&Path) -> bool) -> Result<Vec<PathBuf>> {
        let entries = system::list_directory_if_there(directory)?.into_iter();
        let wanted = entries.map(|entry| entry.path).filter(|path| is_wanted(path));
        let existing = wanted.map(|path| self.existing(&path, false));
        existing.filter_map(Result::transpose).collect()
    }

    /// The entries in the directories among these that exist, or the entries that these are themselves.
    pub(super) fn listed(&self, candidates: &[PathBuf], form: Form) -> Result<Vec<PathBuf>> {
        let mut listed = Vec::new();
        for candidate in candidates {
            if form.is_of(candidate) {
                listed.extend(self.existing(candidate, false)?);
            } else if let Some(directory) = self.existing(candidate, true)? {
                let entries = system::list_directory_if_there(&directory)?.into_iter();
                let wanted = entries.map(|entry| entry.path).filter(|path| form.is_of(path));
                for path in wanted {
                    listed.extend(self.existing(&path, false)?);
                }
            }
        }
        // The menu has the newest version first (`filevercmp`, as GRUB has it from gnulib).
        let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        listed.sort_by(|one, other| by_version(&name(other), &name(one)).then_with(|| other.cmp(one)));
        listed.dedup();
        Ok(listed)
    }

    /// A file with the further files that it names.
    pub(super) fn with_named_files(&self, file: &Opened, path: PathBuf) -> Result<Vec<PathBuf>> {
        match file.usage {
            Use::Locales => self.files_in(&path, |path| {
                path.extension().is_some_and(|ending| ending == "mo" || ending == "gmo")
            }),
            Use::Theme => {
                let Some(directory) = path.parent() else {
                    return Ok(vec![path]);
                };
                // A theme that cannot be read becomes a problem where the file itself is judged.
                let text = system::read(&path).unwrap_or_default();
                let mut files = Vec::new();
                for image in theme::images(&String::from_utf8_lossy(&text)) {
                    let candidates: Vec<PathBuf> = if image.starts_with('/') {
                        self.bases.iter().map(|base| path_below(base, &image)).collect()
                    } else {
                        vec![path_below(directory, &image)]
                    };
                    files.extend(self.first_existing(&candidates, false)?);
                }
                // Icons are named by the classes of the entries.
                files.extend(self.files_in(&directory.join("icons"), |_| true)?);
                files.push(path);
                Ok(files)
            }
            _ => Ok(vec![path]),
        }
    }

    /// The trap of a module that is in no directory of modules here, or that needs a missing module.
    pub(super) fn missing_module(&self, script: &Path, file: &Opened, name: &str) -> Option<Finding> {
        let mut lacking = None;
        for (directory, list) in &self.modules {
            let lacks = needed(list, name)
                .into_iter()
                .find(|module| !self.files.contains(directory.join(format!("{module}.mod")).as_path()));
            // One directory that has all is enough: each is for another processor or firmware.
            lacking = Some(lacks?);
        }
        Some(grub_traps::missing_module(script, file, &lacking?))
    }
}
