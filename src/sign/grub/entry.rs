//! The entry that GRUB starts when nobody chooses, and the files that it opens.

use std::path::{Path, PathBuf};

use crate::disk::GRUB_CONFIGURATION;
use crate::error::Result;
use crate::formats::grub::environment_block::EnvironmentBlock;
use crate::formats::grub::menu::{MenuEntry, default_entry as chosen, menu};
use crate::formats::grub::opened_files::{Opened, Place, Use, opened_within, variables};
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::grub::script::{Script, Variables};
use crate::formats::grub::superusers::Superusers;
use crate::sign::discover::Search;
use crate::sign::signature_file::{existing_signature, interest};
use crate::system::config::Exclusions;
use crate::system::{self, Context};
use crate::trust;
use crate::trust::grub_traps::loads_unchecked;

use super::tree::{Tree, View};

/// Largest environment block that is read, in bytes.
const MAX_ENVIRONMENT: u64 = 64 << 10;
/// Its name beside the menu.
const ENVIRONMENT: &str = "grubenv";

/// The entry that GRUB starts when nobody chooses.
#[derive(Debug)]
pub struct DefaultEntry {
    /// The configuration with it.
    pub configuration: PathBuf,
    /// The line of it, from 1.
    pub line: usize,
    /// Its title.
    pub title: String,
    /// True if it wants a password where there is a superuser.
    pub is_locked: bool,
    /// The superusers of the configurations that lead to it.
    pub superusers: Superusers,
    /// The files without which it does not start, in the order in which it opens them.
    pub files: Vec<EntryFile>,
}

/// A file that an entry opens.
#[derive(Debug)]
pub struct EntryFile {
    /// The command that opens it.
    pub command: String,
    /// The name, as the configuration has it.
    pub name: String,
    /// The path; none if there is no such file.
    pub path: Option<PathBuf>,
}

impl EntryFile {
    /// True for an initramfs.
    #[must_use]
    pub fn is_initramfs(&self) -> bool {
        self.command.starts_with("initrd")
    }
}

/// Finds the entry of a menu. `configuration` is the one that GRUB reads, in the directory of its `$prefix`; none if nothing
/// is known of its entries. A GRUB that asks for signatures by `keys` takes no variables from an environment block without one that
/// holds, unless it is told to.
pub fn default_entry(context: &Context, configuration: &Path, keys: &[GrubKey]) -> Result<Option<DefaultEntry>> {
    let directory = configuration.parent().unwrap_or(configuration);
    let found = Search::new(context, &Exclusions::default(), interest).below(&[directory.to_path_buf()]);
    let view = View::new(context, directory, &found)?;
    let tree = Tree::read(context, directory, &found)?;
    let own = configuration.file_name().unwrap_or(GRUB_CONFIGURATION.as_ref());
    let main = view.prefix.join(own);
    // The menu that is kept for GRUB to fall back to has another ending than configurations have.
    let kept;
    let first = match tree.scripts.iter().find(|(path, _)| *path == main) {
        Some(first) => first,
        None if system::is_there(&main)? => {
            kept = (main.clone(), Script::parse_bytes(&system::read(&main)?));
            &kept
        }
        None => return Ok(None),
    };
    let run = tree.menus.run_by(&main);
    let is_run = |path: &Path| path != main && run.contains(path);
    let others = tree.scripts.iter().filter(|(path, _)| is_run(path));
    let scripts: Vec<&(PathBuf, Script)> = std::iter::once(first).chain(others).collect();
    let texts: Vec<&Script> = scripts.iter().map(|(_, script)| script).collect();
    let block = environment(&view.prefix, &texts, keys)?;
    let variables = variables(texts.iter().copied());
    let entries = menu(&texts, &variables);
    let Some(entry) = chosen(&entries, &texts, &variables, &block) else {
        return Ok(None);
    };
    let Some((path, script)) = scripts.get(entry.script) else {
        return Ok(None);
    };
    let files = files(&view, &variables, script, entry)?;
    Ok(Some(DefaultEntry {
        configuration: path.clone(),
        line: entry.line,
        title: entry.title.clone(),
        is_locked: entry.is_locked,
        superusers: Superusers::from_scripts(texts.iter().copied()),
        files,
    }))
}

/// The variables that GRUB loads.
fn environment(prefix: &Path, scripts: &[&Script], keys: &[GrubKey]) -> Result<EnvironmentBlock> {
    let path = prefix.join(ENVIRONMENT);
    let block = system::read_if_there(&path, MAX_ENVIRONMENT)?.unwrap_or_default();
    let mut commands = scripts.iter().flat_map(|script| &script.commands);
    let is_read = keys.is_empty()
        || commands.any(loads_unchecked)
        || trust::grub::judge(&block, existing_signature(&path)?.as_deref(), keys).is_ok();
    Ok(EnvironmentBlock::parse(if is_read { &block } else { &[] }))
}

fn files(view: &View<'_>, variables: &Variables, script: &Script, entry: &MenuEntry) -> Result<Vec<EntryFile>> {
    let mut files = Vec::new();
    for Opened {
        command, usage, place, ..
    } in opened_within(script, variables, entry.command)
    {
        if !matches!(usage, Use::Boot | Use::Chainload) {
            continue;
        }
        // Another machine's disk, and a name that only GRUB knows, are not looked at.
        let Some(candidates) = view.candidates(&place) else {
            continue;
        };
        let name = match place {
            Place::File { path, .. } | Place::Prefix(path) => path,
            Place::Module(_) | Place::Blocks(_) | Place::Unknown(_) => continue,
        };
        let path = view.first_existing(&candidates, false)?;
        files.push(EntryFile { command, name, path });
    }
    Ok(files)
}
