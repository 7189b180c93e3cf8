//! A directory of GRUB: the configurations in it, the files outside of it that they lead to, and the traps in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::GRUB_CONFIGURATION;
use crate::error::Result;
use crate::finding::Finding;
use crate::formats::grub::environment_block::EnvironmentBlock;
use crate::formats::grub::opened_files::{Place, Use, opened_files, variables};
use crate::formats::grub::script::{Room, Script, Variables};
use crate::sign::discover::Found;
use crate::system::config::GrubEnvironment;
use crate::system::{self, Context};
use crate::trust::grub_script::Scripts;
use crate::trust::grub_traps;

use super::found::{Form, Reference};
use super::problem::{not_found, not_judged, nothing_starts};
use super::starts::Menus;
use super::view::View;
use super::writer::{Writer, writing_unit};

/// The settings that `grub-mkconfig` of a distribution reads.
const DEFAULTS: &str = "/etc/default/grub";
/// Most configurations that are followed from one to the next.
const MAX_SCRIPTS: usize = 256;

/// The files that GRUB opens, and the commands that it runs, by the configurations of a directory.
pub(super) struct Tree {
    pub scripts: Vec<(Arc<Path>, Script)>,
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

impl Tree {
    /// Reads the configurations below `directory`, in which a search has found these files.
    pub(super) fn read(context: &Context, directory: &Path, found: &Found) -> Result<Self> {
        let view = View::new(context, directory, found)?;
        let is_script = |path: &&Arc<Path>| path.extension().is_some_and(|ending| ending == "cfg");
        let mut scripts = Vec::new();
        let own = view.files.iter().filter(is_script);
        let mut waiting: BTreeSet<Reference> = own.map(|path| Reference::new(Arc::clone(path), Form::Script)).collect();
        let mut seen = waiting.clone();
        let (mut stops, mut room) = (Vec::new(), Room::default());
        let mut tree = loop {
            for reference in std::mem::take(&mut waiting) {
                // A file that cannot be read becomes a problem where the file itself is judged.
                if let Ok(bytes) = reference.read() {
                    let script = reference.script(&bytes, &mut room);
                    stops.extend(reference.stops(&script));
                    scripts.push((reference.path, script));
                }
            }
            let variables = variables(scripts.iter().map(|(_, script)| script));
            let (mut tree, more) = Self::follow(&view, &scripts, &variables);
            waiting.extend(more.into_iter().filter(|reference| !seen.contains(reference)));
            seen.extend(waiting.iter().cloned());
            if waiting.is_empty() || scripts.len() >= MAX_SCRIPTS {
                tree.variables = variables;
                break tree;
            }
        };
        tree.problems.extend(stops);
        let main = view.prefix.join(GRUB_CONFIGURATION);
        if view.is_own && scripts.iter().any(|(path, _)| **path == *main) && !tree.menus.start_something(&main) {
            tree.problems.push(nothing_starts(context, &main));
        }
        let shared = Scripts::new(scripts.iter().map(|(_, script)| script));
        for (number, (path, script)) in scripts.iter().enumerate() {
            let others = Some(shared.beside(number));
            tree.traps
                .extend(grub_traps::traps(path, script, others, &tree.variables));
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

    /// The files that some configurations lead to, and further configurations.
    fn follow(view: &View<'_>, scripts: &[(Arc<Path>, Script)], variables: &Variables) -> (Self, Vec<Reference>) {
        let mut tree = Self {
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
                    tree.traps.extend(view.missing_module(script_path, &file, name));
                    continue;
                }
                let Some(candidates) = view.candidates(&file.place) else {
                    tree.menus.open(script_path, &file, None, false);
                    continue;
                };
                if let Some(form) = Form::listed(file.usage) {
                    match view.listed(&candidates, form) {
                        Ok(listed) => {
                            tree.problems.extend(form.cut_names(script_path, &file, &listed));
                            tree.menus.open_all(script_path, &file, &listed);
                            let outside = listed.iter().filter(|path| !path.starts_with(&view.directory));
                            tree.outside.extend(outside.cloned());
                            more.extend(listed.into_iter().map(|path| Reference::new(path.into(), form)));
                        }
                        Err(error) => tree.problems.push(not_judged(script_path, &error)),
                    }
                    continue;
                }
                let existing = view.first_existing(&candidates, file.usage == Use::Locales);
                if let Ok(existing) = &existing {
                    tree.menus.open(script_path, &file, existing.as_deref(), true);
                }
                let opened = existing.and_then(|path| path.map(|path| view.with_named_files(&file, path)).transpose());
                match opened {
                    Err(error) => tree.problems.push(not_judged(script_path, &error)),
                    Ok(Some(opened)) => {
                        if file.usage == Use::Configuration {
                            more.extend(
                                opened
                                    .iter()
                                    .map(|path| Reference::new(path.as_path().into(), Form::Script)),
                            );
                        }
                        tree.outside
                            .extend(opened.into_iter().filter(|path| !path.starts_with(&view.directory)));
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

    /// The problems alone: the scripts, which may be many, need not be held any longer.
    pub(super) fn into_problems(self) -> Vec<Finding> {
        self.problems
    }

    /// The environment blocks among the files that GRUB opens by the configurations of `directory`.
    pub(super) fn environments(&self, directory: &Path, found: &Found) -> Vec<Arc<Path>> {
        let is_its = |path: &&Arc<Path>| path.starts_with(directory) || self.outside.contains(&***path);
        let environments = found.targets.keys().filter(|path| grub_traps::is_environment(path));
        environments.filter(is_its).cloned().collect()
    }
}
