//! A directory of GRUB: the configurations in it, the files outside of it that they lead to, and the traps in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::disk::{BOOT, GRUB_CONFIGURATION, GrubPaths, boot_directories, fat_partitions, path_below};
use crate::error::{Explain, Result};
use crate::finding::Finding;
use crate::formats::grub::environment_block::EnvironmentBlock;
use crate::formats::grub::opened_files::{Opened, Place, Use, is_no_local_disk, opened_files, variables};
use crate::formats::grub::script::{Script, Variables};
use crate::formats::grub::theme;
use crate::formats::text::{Shown, by_version};
use crate::sign::discover::Found;
use crate::system::config::GrubEnvironment;
use crate::system::{self, Context, resolve};
use crate::trust::grub_traps;

use super::found::{Form, Reference, needed};
use super::problem::{not_found, not_judged, nothing_starts};
use super::starts::Menus;
use super::writer::{Writer, writing_unit};

/// The settings that `grub-mkconfig` of a distribution reads.
const DEFAULTS: &str = "/etc/default/grub";
/// Most configurations that are followed from one to the next.
const MAX_SCRIPTS: usize = 256;

/// The files that GRUB opens, and the commands that it runs, by the configurations of a directory.
pub(super) struct Tree {
    pub scripts: Vec<(PathBuf, Script)>,
    pub variables: Variables,
    /// The configurations by what they start and run.
    pub menus: Menus,
    /// Files outside of the directory that the configurations lead to; for a symbolic link, the link itself.
    pub outside: BTreeSet<PathBuf>,
    /// The problems of files that the configurations lead to: missing ones without which an entry does not boot, and those
    /// that cannot be looked at.
    pub problems: Vec<Finding>,
    /// The unit of this machine that writes the environment block, if the directory is this machine's.
    writing_unit: Option<PathBuf>,
    /// The traps in the configurations, and in `/etc/default/grub` if the directory is this machine's.
    pub traps: Vec<Finding>,
}

/// GRUB's view of the file system.
pub(super) struct View<'a> {
    context: &'a Context,
    /// The directory, without symbolic links.
    directory: PathBuf,
    /// The directory that GRUB's `$prefix` leads to.
    pub prefix: PathBuf,
    /// The files of the directory, without symbolic links in their directories.
    files: BTreeSet<PathBuf>,
    /// Directories of modules, each with its `moddep.lst`, which lists the modules that a module needs.
    modules: Vec<(PathBuf, String)>,
    /// Directories that may be the root of a file system that GRUB reads, the likeliest first.
    bases: Vec<PathBuf>,
    /// The mounts, as GRUB finds what is on them.
    paths: GrubPaths,
    /// True if this machine boots from the directory; false if it is for another machine.
    is_own: bool,
}

impl Tree {
    /// Reads the configurations below `directory`, in which a search has found these files.
    pub(super) fn read(context: &Context, directory: &Path, found: &Found) -> Result<Self> {
        let view = View::new(context, directory, found)?;
        let is_script = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "cfg");
        let mut scripts = Vec::new();
        let own = view.files.iter().filter(is_script);
        let mut waiting: BTreeSet<Reference> = own.map(|path| Reference::new(path.clone(), Form::Script)).collect();
        let mut seen = waiting.clone();
        let mut tree = loop {
            for reference in std::mem::take(&mut waiting) {
                // A file that cannot be read becomes a problem where the file itself is judged.
                if let Ok(bytes) = system::read(&reference.path) {
                    let script = reference.script(&bytes);
                    scripts.push((reference.path, script));
                }
            }
            let variables = variables(scripts.iter().map(|(_, script)| script));
            let (mut tree, more) = view.follow(&scripts, &variables);
            waiting.extend(more.into_iter().filter(|reference| !seen.contains(reference)));
            seen.extend(waiting.iter().cloned());
            if waiting.is_empty() || scripts.len() >= MAX_SCRIPTS {
                tree.variables = variables;
                break tree;
            }
        };
        let main = view.prefix.join(GRUB_CONFIGURATION);
        if view.is_own && scripts.iter().any(|(path, _)| *path == main) && !tree.menus.start_something(&main) {
            tree.problems.push(nothing_starts(context, &main));
        }
        for (path, script) in &scripts {
            let others = scripts.iter().filter(|(other, _)| other != path);
            let others: Vec<&Script> = others.map(|(_, other)| other).collect();
            tree.traps
                .extend(grub_traps::traps(path, script, &others, &tree.variables));
        }
        for path in view.files.iter().filter(|path| grub_traps::is_environment(path)) {
            // A file that cannot be read becomes a problem where the file itself is judged.
            if let Ok(bytes) = system::read(path) {
                let block = EnvironmentBlock::parse(&bytes);
                tree.traps.extend(grub_traps::environment_traps(path, &block));
            }
        }
        let defaults = context.path(DEFAULTS);
        if view.is_own && defaults.exists() {
            let text = system::read(&defaults)?;
            let traps = grub_traps::default_traps(&defaults, &String::from_utf8_lossy(&text));
            tree.traps.extend(traps);
        }
        if view.is_own {
            tree.writing_unit = writing_unit(context)?;
        }
        tree.scripts = scripts;
        Ok(tree)
    }

    /// Who writes GRUB's environment block at an ordinary start: GRUB itself, or the running system.
    pub(super) fn writer(&self) -> Option<Writer<'_>> {
        let scripts: Vec<&Script> = self.scripts.iter().map(|(_, script)| script).collect();
        let command = grub_traps::writer(&scripts, &self.variables);
        let by_command =
            command.and_then(|(index, command)| Some(Writer::Command(&self.scripts.get(index)?.0, command)));
        by_command.or(self.writing_unit.as_deref().map(Writer::Unit))
    }

    /// True if GRUB's environment block is to stay unsigned.
    pub(super) fn leaves_environment(&self, policy: GrubEnvironment) -> bool {
        match policy {
            GrubEnvironment::Sign => false,
            GrubEnvironment::Leave => true,
            GrubEnvironment::Auto => self.writer().is_some(),
        }
    }

    /// The environment blocks among the files that GRUB opens by the configurations of `directory`.
    pub(super) fn environments(&self, directory: &Path, found: &Found) -> Vec<PathBuf> {
        let is_its = |path: &&PathBuf| path.starts_with(directory) || self.outside.contains(*path);
        let environments = found.targets.keys().filter(|path| grub_traps::is_environment(path));
        environments.filter(is_its).cloned().collect()
    }
}

impl<'a> View<'a> {
    pub(super) fn new(context: &'a Context, directory: &Path, found: &Found) -> Result<Self> {
        let real = resolve(context.root(), directory)
            .or_could_not_run(|| format!("cannot read the directory {}", directory.shown()))?;
        let below = found
            .targets
            .keys()
            .filter_map(|path| path.strip_prefix(directory).ok());
        let files: BTreeSet<PathBuf> = below.map(|path| real.join(path)).collect();
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

    /// The files that some configurations lead to, and further configurations.
    fn follow(&self, scripts: &[(PathBuf, Script)], variables: &Variables) -> (Tree, Vec<Reference>) {
        let mut tree = Tree {
            scripts: Vec::new(),
            variables: Variables::default(),
            menus: Menus::default(),
            outside: BTreeSet::new(),
            problems: Vec::new(),
            writing_unit: None,
            traps: Vec::new(),
        };
        let mut more = Vec::new();
        let mut missing: BTreeMap<String, Finding> = BTreeMap::new();
        for (script_path, script) in scripts {
            tree.menus.look_at(script_path, script, variables);
            for file in opened_files(script, variables) {
                // An entry that os-prober found is another system's, whose files are not signed.
                if file.from_os_prober {
                    continue;
                }
                if let Place::Module(name) = &file.place {
                    tree.traps.extend(self.missing_module(script_path, &file, name));
                    continue;
                }
                let Some(candidates) = self.candidates(&file.place) else {
                    tree.menus.open(script_path, &file, None, false);
                    continue;
                };
                if let Some(form) = Form::listed(file.usage) {
                    match self.listed(&candidates, form) {
                        Ok(listed) => {
                            tree.menus.open_all(script_path, &file, &listed);
                            let outside = listed.iter().filter(|path| !path.starts_with(&self.directory));
                            tree.outside.extend(outside.cloned());
                            more.extend(listed.into_iter().map(|path| Reference::new(path, form)));
                        }
                        Err(error) => tree.problems.push(not_judged(script_path, &error)),
                    }
                    continue;
                }
                let existing = self.first_existing(&candidates, file.usage == Use::Locales);
                if let Ok(existing) = &existing {
                    tree.menus.open(script_path, &file, existing.as_deref(), true);
                }
                let opened = existing.and_then(|path| path.map(|path| self.with_named_files(&file, path)).transpose());
                match opened {
                    Err(error) => tree.problems.push(not_judged(script_path, &error)),
                    Ok(Some(opened)) => {
                        if file.usage == Use::Configuration {
                            more.extend(opened.iter().map(|path| Reference::new(path.clone(), Form::Script)));
                        }
                        tree.outside
                            .extend(opened.into_iter().filter(|path| !path.starts_with(&self.directory)));
                    }
                    Ok(None) if matches!(file.usage, Use::Boot | Use::Chainload) => {
                        let name = match &file.place {
                            Place::File { path, .. } | Place::Prefix(path) => path.clone(),
                            _ => continue,
                        };
                        missing
                            .entry(name.clone())
                            .or_insert_with(|| not_found(script_path, &file, &name));
                    }
                    Ok(None) => {}
                }
            }
        }
        tree.problems.extend(missing.into_values());
        (tree, more)
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
    fn listed(&self, candidates: &[PathBuf], form: Form) -> Result<Vec<PathBuf>> {
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
    fn with_named_files(&self, file: &Opened, path: PathBuf) -> Result<Vec<PathBuf>> {
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
    fn missing_module(&self, script: &Path, file: &Opened, name: &str) -> Option<Finding> {
        let mut lacking = None;
        for (directory, list) in &self.modules {
            let lacks = needed(list, name)
                .into_iter()
                .find(|module| !self.files.contains(&directory.join(format!("{module}.mod"))));
            // One directory that has all is enough: each is for another processor or firmware.
            lacking = Some(lacks?);
        }
        Some(grub_traps::missing_module(script, file, &lacking?))
    }
}
