//! The plugins that run when the next kernel is installed, in their order, and those that are kept from running.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::text::by_version;
use crate::system::{self, Context, Entry};

use super::entries::scripts;
use super::mode::Mode;
use super::phase::Phase;
use super::request::Slot;

/// The state of a plugin: it runs, or it is kept from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It runs.
    Active,
    /// It does not run: an empty file or a link to /dev/null stands for it.
    Masked,
    /// It is not executable, so neither it runs nor a plugin of the same name in a later directory.
    NotExecutable,
}

/// A plugin that runs, or would run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// The phase in which it runs.
    pub phase: Phase,
    /// Its name.
    pub name: String,
    /// Its path, without the root.
    pub path: PathBuf,
    /// Its state.
    pub state: State,
    /// The slot that it calls, if it has the name of one of ours.
    pub slot: Option<Slot>,
}

/// The plugins of a mode in the order of their running.
pub fn plugins(context: &Context, mode: Mode) -> Result<Vec<Plugin>> {
    let mut plugins = Vec::new();
    for phase in Phase::of_mode(mode) {
        plugins.extend(plugins_of_phase(context, mode, *phase)?);
    }
    Ok(plugins)
}

fn plugins_of_phase(context: &Context, mode: Mode, phase: Phase) -> Result<Vec<Plugin>> {
    let mut found: BTreeMap<String, PathBuf> = BTreeMap::new();
    for directory in phase.directories() {
        for Entry { path, .. } in system::list_directory_if_there(&context.path(directory))? {
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else {
                continue;
            };
            // No reader of these directories looks at hidden files: Portage's `keepdir` leaves one.
            if name.starts_with('.') {
                continue;
            }
            // A link that leads nowhere hides nothing.
            let is_plugin = (phase != Phase::Plugins || name.ends_with(".install"))
                && system::resolve(context.root(), &path).is_ok_and(|path| !path.is_dir())
                || is_null(&path)?;
            if is_plugin {
                found
                    .entry(name)
                    .or_insert_with_key(|name| Path::new(directory).join(name));
            }
        }
    }
    let ours = scripts(mode);
    let mut plugins = Vec::new();
    for (name, path) in found {
        plugins.push(Plugin {
            phase,
            state: state(context, &context.path(&path))?,
            slot: ours
                .iter()
                .find(|entry| entry.phase == Some(phase) && entry.name == name)
                .and_then(|entry| entry.slot),
            path,
            name,
        });
    }
    // installkernel sorts by version, and so does kernel-install while it is a script; its successor compares bytes.
    if mode == Mode::Traditional || is_script(context) {
        plugins.sort_by(|one, other| by_version(&one.name, &other.name));
    }
    Ok(plugins)
}

/// True for a symbolic link to /dev/null.
fn is_null(path: &Path) -> Result<bool> {
    Ok(system::link_target(path)?.is_some_and(|target| target == Path::new("/dev/null")))
}

fn state(context: &Context, path: &Path) -> Result<State> {
    if is_null(path)? {
        return Ok(State::Masked);
    }
    let Some(real) = system::file_below(context.root(), path)? else {
        return Ok(State::NotExecutable);
    };
    let info = system::info(&real)?;
    Ok(match info.mode & 0o111 {
        _ if info.size() == 0 => State::Masked,
        0 => State::NotExecutable,
        _ => State::Active,
    })
}

fn is_script(context: &Context) -> bool {
    let program = context.path("/usr/bin/kernel-install");
    system::read_prefix(&program, Some(2)).is_ok_and(|start| start == b"#!")
}
