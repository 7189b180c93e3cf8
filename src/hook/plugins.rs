//! The plugins that run when the next kernel is installed, in their order, and those that are kept from running.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::system::{self, Context, Entry};

use super::entries::entries;
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
    let ours = entries(mode);
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

/// The order of `sort -V`: runs of digits by their number; letters before other characters, `~` before all.
fn by_version(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    loop {
        let (text, rest) = split(one, |byte| !byte.is_ascii_digit());
        let (other_text, other_rest) = split(other, |byte| !byte.is_ascii_digit());
        let order = weights(text).cmp(weights(other_text));
        let (digits, rest) = split(rest, u8::is_ascii_digit);
        let (other_digits, other_rest) = split(other_rest, u8::is_ascii_digit);
        let order = order.then_with(|| number(digits).cmp(&number(other_digits)));
        if order != Ordering::Equal || (rest.is_empty() && other_rest.is_empty()) {
            return order.then_with(|| one.cmp(other));
        }
        (one, other) = (rest, other_rest);
    }
}

fn split(bytes: &[u8], belongs: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| !belongs(byte)).unwrap_or(bytes.len());
    bytes.split_at(end)
}

/// The weights of characters. The end of the text weighs less than all characters but `~`.
fn weights(text: &[u8]) -> impl Iterator<Item = u16> + '_ {
    let weight = |byte: &u8| match *byte {
        b'~' => 0,
        byte if byte.is_ascii_alphabetic() => u16::from(byte).saturating_add(1),
        byte => u16::from(byte).saturating_add(257),
    };
    text.iter().map(weight).chain([1])
}

/// The key by which numbers are compared: without leading zeros, the longer one is larger.
fn number(digits: &[u8]) -> (usize, &[u8]) {
    let (_, digits) = split(digits, |byte| *byte == b'0');
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_sorted_as_sort_does() {
        let mut names = vec![
            "100-last",
            "45-bootseal-modules",
            "5-first",
            "90-zz-update-static.install",
            "90-yy-bootseal-image.install",
            "90-loaderentry.install",
            "90-uki-copy.install",
            "91-sbctl",
            "9-a",
            "090-b",
            "zz",
            "a~",
            "a",
            "52-dracut",
        ];
        let mut sort = std::process::Command::new("sort");
        let mut sort = sort
            .arg("-V")
            .env("LC_ALL", "C")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut sort.stdin.take().unwrap(), names.join("\n").as_bytes()).unwrap();
        let sorted = String::from_utf8(sort.wait_with_output().unwrap().stdout).unwrap();
        names.sort_by(|one, other| by_version(one, other));
        assert_eq!(names, sorted.lines().collect::<Vec<_>>());
    }
}
