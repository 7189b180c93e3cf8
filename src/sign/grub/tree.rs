//! A directory of GRUB: the configurations in it, the files outside of it that they lead to, and the traps in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::error::{Explain, Result};
use crate::finding::Finding;
use crate::formats::grub::opened_files::{Opened, Place, Use, is_no_local_disk, opened_files, variables};
use crate::formats::grub::script::{Command, Script, Variables};
use crate::formats::grub::theme;
use crate::sign::discover::Found;
use crate::system::config::GrubEnvironment;
use crate::system::{self, Context, fat_mounts, resolve};
use crate::trust::grub_traps;

use super::verify::NOT_FOUND;

/// Where a distribution keeps what `grub-mkconfig` follows.
const DEFAULTS: &str = "/etc/default/grub";
/// Most configurations that are followed from one to the next.
const MAX_SCRIPTS: usize = 256;

/// What GRUB opens, and does, by the configurations of a directory.
pub(super) struct Tree {
    scripts: Vec<(PathBuf, Script)>,
    variables: Variables,
    /// Files outside of the directory that the configurations lead to; of a link, the link.
    pub outside: BTreeSet<PathBuf>,
    /// Files without which an entry does not boot, and that are not there.
    pub not_found: Vec<Finding>,
    /// The traps in the configurations, and in `/etc/default/grub` if the directory is this machine's.
    pub traps: Vec<Finding>,
}

/// The file system as GRUB sees it.
struct View<'a> {
    context: &'a Context,
    /// The directory, without symbolic links.
    directory: PathBuf,
    /// What GRUB's `$prefix` leads to.
    prefix: PathBuf,
    /// The files of the directory, without symbolic links in their directories.
    files: BTreeSet<PathBuf>,
    /// Directories of modules, and what each module there needs, by `moddep.lst`.
    modules: Vec<(PathBuf, String)>,
    /// Directories that may be the root of a file system that GRUB reads, the likeliest first.
    bases: Vec<PathBuf>,
    /// Whether the directory is what this machine boots from, and not one for another.
    is_own: bool,
}

impl Tree {
    /// Reads the configurations below `directory`, which was searched with this result.
    pub(super) fn read(context: &Context, directory: &Path, found: &Found) -> Result<Self> {
        let view = View::of(context, directory, found)?;
        let is_script = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "cfg");
        let mut scripts = Vec::new();
        let mut waiting: BTreeSet<PathBuf> = view.files.iter().filter(is_script).cloned().collect();
        let mut seen = waiting.clone();
        let mut tree = loop {
            for path in std::mem::take(&mut waiting) {
                // What cannot be read is told of where the file itself is judged.
                if let Ok(bytes) = system::read(&path) {
                    scripts.push((path, Script::parse_bytes(&bytes)));
                }
            }
            let variables = variables(scripts.iter().map(|(_, script)| script));
            let (mut tree, more) = view.follow(&scripts, &variables);
            waiting.extend(more.into_iter().filter(|path| !seen.contains(path)));
            seen.extend(waiting.iter().cloned());
            if waiting.is_empty() || scripts.len() >= MAX_SCRIPTS {
                tree.variables = variables;
                break tree;
            }
        };
        for (path, script) in &scripts {
            tree.traps.extend(grub_traps::traps(path, script, &tree.variables));
        }
        let defaults = context.path(DEFAULTS);
        if view.is_own && defaults.exists() {
            let text = system::read(&defaults)?;
            let traps = grub_traps::default_traps(&defaults, &String::from_utf8_lossy(&text));
            tree.traps.extend(traps);
        }
        tree.scripts = scripts;
        Ok(tree)
    }

    /// The command, and its configuration, by which GRUB writes its block of variables at an ordinary boot.
    pub(super) fn writer(&self) -> Option<(&Path, &Command)> {
        let scripts: Vec<&Script> = self.scripts.iter().map(|(_, script)| script).collect();
        let (index, command) = grub_traps::writer(&scripts, &self.variables)?;
        Some((self.scripts.get(index)?.0.as_path(), command))
    }

    /// Whether GRUB's block of variables is to stay unsigned.
    pub(super) fn leaves_environment(&self, policy: GrubEnvironment) -> bool {
        match policy {
            GrubEnvironment::Sign => false,
            GrubEnvironment::Leave => true,
            GrubEnvironment::Auto => self.writer().is_some(),
        }
    }

    /// The blocks of variables among the files that GRUB opens by the configurations of `directory`.
    pub(super) fn environments(&self, directory: &Path, found: &Found) -> Vec<PathBuf> {
        let is_its = |path: &&PathBuf| {
            grub_traps::is_environment(path) && (path.starts_with(directory) || self.outside.contains(*path))
        };
        found.targets.keys().filter(is_its).cloned().collect()
    }
}

impl<'a> View<'a> {
    fn of(context: &'a Context, directory: &Path, found: &Found) -> Result<Self> {
        let real = resolve(context.root(), directory)
            .or_could_not_run(|| format!("cannot read the directory {}", directory.display()))?;
        let below = found
            .targets
            .keys()
            .filter_map(|path| path.strip_prefix(directory).ok());
        let files: BTreeSet<PathBuf> = below.map(|path| real.join(path)).collect();
        let configurations = files
            .iter()
            .filter(|path| path.file_name().is_some_and(|name| name == "grub.cfg"));
        let shallowest = configurations.min_by_key(|path| path.components().count());
        let prefix = shallowest.and_then(|path| path.parent()).unwrap_or(&real).to_path_buf();
        let root = fs::canonicalize(context.root()).unwrap_or_else(|_| context.root().to_path_buf());
        let partitions: Vec<PathBuf> = fat_mounts(context)?.into_iter().map(|mount| mount.directory).collect();
        let boot = root.join("boot");
        let is_own = root != Path::new("/")
            || real.starts_with(&boot)
            || partitions.iter().any(|partition| real.starts_with(partition));
        // GRUB's names begin at the root of a file system, and which one that is turns out as it runs: the nearest
        // directory above the prefix in which a name leads somewhere is taken for it.
        let above = prefix.ancestors().skip(1).take_while(|base| *base != root);
        let mut bases: Vec<PathBuf> = above.map(Path::to_path_buf).collect();
        if is_own {
            bases.push(boot);
            bases.extend(partitions);
            bases.push(root);
        }
        let lists = files.iter().filter(|path| path.ends_with("moddep.lst"));
        let mut modules = Vec::new();
        for list in lists {
            let directory = list.parent().unwrap_or(Path::new("/")).to_path_buf();
            let text = system::read(list).unwrap_or_default();
            modules.push((directory, String::from_utf8_lossy(&text).into_owned()));
        }
        Ok(Self {
            context,
            directory: real,
            prefix,
            files,
            modules,
            bases,
            is_own,
        })
    }

    /// What some configurations lead to, and further configurations.
    fn follow(&self, scripts: &[(PathBuf, Script)], variables: &Variables) -> (Tree, Vec<PathBuf>) {
        let mut tree = Tree {
            scripts: Vec::new(),
            variables: Variables::default(),
            outside: BTreeSet::new(),
            not_found: Vec::new(),
            traps: Vec::new(),
        };
        let mut more = Vec::new();
        let mut missing: BTreeMap<String, Finding> = BTreeMap::new();
        for (script_path, script) in scripts {
            for file in opened_files(script, variables) {
                // What os-prober found is another system's: it is told of, and not signed.
                if file.from_os_prober {
                    continue;
                }
                if let Place::Module(name) = &file.place {
                    tree.traps.extend(self.missing_module(script_path, &file, name));
                    continue;
                }
                let Some(candidates) = self.candidates(&file.place) else {
                    continue;
                };
                match candidates
                    .iter()
                    .find_map(|path| self.there(path, file.usage == Use::Locales))
                {
                    Some(path) => {
                        if file.usage == Use::Configuration {
                            more.push(path.clone());
                        }
                        let opened = self.belonging(&file, path);
                        tree.outside
                            .extend(opened.into_iter().filter(|path| !path.starts_with(&self.directory)));
                    }
                    None if matches!(file.usage, Use::Boot | Use::Chainload) => {
                        let name = match &file.place {
                            Place::File { path, .. } | Place::Prefix(path) => path.clone(),
                            _ => continue,
                        };
                        missing
                            .entry(name.clone())
                            .or_insert_with(|| not_found(script_path, &file, &name));
                    }
                    None => {}
                }
            }
        }
        tree.not_found = missing.into_values().collect();
        (tree, more)
    }

    /// Where a file may be; none if that is not on this machine's disks or cannot be known.
    fn candidates(&self, place: &Place) -> Option<Vec<PathBuf>> {
        match place {
            Place::Prefix(path) => Some(vec![below(&self.prefix, path)]),
            Place::File {
                device: Some(device), ..
            } if is_no_local_disk(device) => None,
            Place::File { path, .. } => {
                // A path of btrfs may begin with the name of a subvolume.
                let inner = path.strip_prefix("/@").and_then(|path| path.split_once('/'));
                let paths = [Some(path.as_str()), inner.map(|(_, path)| path)];
                let paths = paths.into_iter().flatten();
                Some(
                    paths
                        .flat_map(|path| self.bases.iter().map(move |base| below(base, path)))
                        .collect(),
                )
            }
            Place::Module(_) | Place::Blocks(_) | Place::Unknown(_) => None,
        }
    }

    /// The file, or directory, of this name, if there is one: directories without symbolic links, the name as it is,
    /// since GRUB asks for the signature of the name.
    fn there(&self, path: &Path, is_directory: bool) -> Option<PathBuf> {
        let root = self.context.root();
        let parent = resolve(root, path.parent()?).ok()?;
        let named = parent.join(path.file_name()?);
        let metadata = fs::metadata(resolve(root, &named).ok()?).ok()?;
        let is_it = if is_directory {
            metadata.is_dir()
        } else {
            metadata.is_file()
        };
        is_it.then_some(named)
    }

    /// A file with those that it leads to itself.
    fn belonging(&self, file: &Opened, path: PathBuf) -> Vec<PathBuf> {
        match file.usage {
            Use::Locales => {
                let entries = fs::read_dir(&path).into_iter().flatten().flatten();
                let is_catalogue = |path: &PathBuf| path.extension().is_some_and(|end| end == "mo" || end == "gmo");
                entries
                    .map(|entry| entry.path())
                    .filter(is_catalogue)
                    .filter_map(|path| self.there(&path, false))
                    .collect()
            }
            Use::Theme => {
                let text = system::read(&path).unwrap_or_default();
                let images = theme::images(&String::from_utf8_lossy(&text));
                let directory = path.parent().unwrap_or(Path::new("/"));
                let mut files: Vec<PathBuf> = images
                    .iter()
                    .filter_map(|image| {
                        let bases = if image.starts_with('/') {
                            self.bases.iter().map(PathBuf::as_path).collect()
                        } else {
                            vec![directory]
                        };
                        bases
                            .into_iter()
                            .find_map(|base| self.there(&below(base, image), false))
                    })
                    .collect();
                // Icons are named by the classes of the entries.
                let icons = fs::read_dir(directory.join("icons")).into_iter().flatten().flatten();
                files.extend(icons.filter_map(|icon| self.there(&icon.path(), false)));
                files.push(path);
                files
            }
            _ => vec![path],
        }
    }

    /// The trap of a module that is in no directory of modules here, or lacks what it needs.
    fn missing_module(&self, script: &Path, file: &Opened, name: &str) -> Option<Finding> {
        let mut lacking = None;
        for (directory, list) in &self.modules {
            let lacks = needed(list, name)
                .into_iter()
                .find(|module| !self.files.contains(&directory.join(format!("{module}.mod"))));
            // One processor's or firmware's directory that has all is enough.
            lacking = Some(lacks?);
        }
        Some(grub_traps::missing_module(script, file, &lacking?))
    }
}

/// A module and all that it needs, by `moddep.lst`.
fn needed(list: &str, name: &str) -> BTreeSet<String> {
    let lines: BTreeMap<&str, &str> = list.lines().filter_map(|line| line.split_once(':')).collect();
    let mut needed = BTreeSet::new();
    let mut waiting = vec![name];
    while let Some(module) = waiting.pop() {
        if needed.insert(module.to_owned()) {
            waiting.extend(lines.get(module).into_iter().flat_map(|needs| needs.split_whitespace()));
        }
    }
    needed
}

/// A path of GRUB below a directory, out of which it does not lead.
fn below(directory: &Path, path: &str) -> PathBuf {
    let mut joined = directory.to_path_buf();
    let mut depth = 0_usize;
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => {
                joined.push(name);
                depth = depth.saturating_add(1);
            }
            Component::ParentDir if depth > 0 => {
                joined.pop();
                depth = depth.saturating_sub(1);
            }
            _ => {}
        }
    }
    joined
}

/// The problem of a file that a script names and that is not there.
fn not_found(script: &Path, file: &Opened, name: &str) -> Finding {
    let text = format!("{} {name}: there is no such file here", file.command);
    Finding::new(NOT_FOUND, script.to_string_lossy(), text)
        .remedy("remove the entry, by grub-mkconfig say, or mount the file system that holds the file")
        .in_line(file.line, None)
}
