//! The initramfs images and command lines that boot loaders are told to start kernels with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::disk::{GRUB_DIRECTORIES, Kind, LOADER_ENTRIES, Naming, entries};
use crate::formats::grub::opened_files::{Place, command_names, opened_files, variables};
use crate::formats::grub::script::Script;
use crate::formats::text::{Shown, loader_entry};
use crate::system::{self, Context};

use super::files::{file, has_ending};
use super::reason::reason;

/// Largest configuration of a boot loader that is read, in bytes.
const MAX_CONFIGURATION: u64 = 4 << 20;

/// A command line that a boot loader hands to a kernel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    /// The file with it, and the line in it where there are many.
    pub source: String,
    /// Its words.
    pub text: String,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Installed {
    /// Initramfs images, by their names and as configurations name them, without symbolic links.
    pub initramfs: BTreeSet<PathBuf>,
    /// Command lines.
    pub lines: BTreeSet<Line>,
    /// Configurations of installed kernels.
    pub kernel_configs: BTreeSet<PathBuf>,
    /// Files and directories that could not be looked at, with the reasons.
    pub unread: Vec<String>,
}

impl Installed {
    /// Looks into these boot directories, which are without symbolic links.
    pub(super) fn find(context: &Context, directories: &BTreeSet<PathBuf>) -> Self {
        let mut installed = Self::default();
        for directory in directories {
            installed.look_into(context, directory, directories);
        }
        installed
    }

    fn look_into(&mut self, context: &Context, directory: &Path, all: &BTreeSet<PathBuf>) {
        let naming = Naming::default();
        for path in self.entries(directory) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let kind = naming.parse(&name).map(|name| name.kind);
            if kind == Some(Kind::Initramfs) {
                self.initramfs.extend(file(context, &path));
            } else if system::configured_release(&name).is_some() {
                self.kernel_configs.extend(file(context, &path));
            }
        }
        for path in self.entries(&directory.join(LOADER_ENTRIES)) {
            if has_ending(&path, "conf") {
                let Some(text) = self.text(&path) else { continue };
                for value in loader_entry::values(&text, "initrd") {
                    let named = directory.join(value.replace('\\', "/").trim_start_matches('/'));
                    self.initramfs.extend(file(context, &named));
                }
                let options = loader_entry::values(&text, "options").join(" ");
                self.lines.extend((!options.is_empty()).then(|| Line {
                    source: path.shown(),
                    text: options,
                }));
            }
        }
        for grub in GRUB_DIRECTORIES {
            for path in self.entries(&directory.join(grub)) {
                if has_ending(&path, "cfg") {
                    self.grub(context, &path, all);
                }
            }
        }
    }

    fn grub(&mut self, context: &Context, path: &Path, directories: &BTreeSet<PathBuf>) {
        let Some(text) = self.text(path) else { return };
        let script = Script::parse(&text);
        let variables = variables(std::iter::once(&script));
        for opened in opened_files(&script, &variables) {
            if let (true, Place::File { path, .. }) = (opened.command.starts_with("initrd"), &opened.place) {
                // GRUB's root may be a boot file system, or the root file system.
                let root = context.path("/");
                let bases = directories.iter().chain(std::iter::once(&root));
                let mut named = bases.map(|base| base.join(path.trim_start_matches('/')));
                self.initramfs.extend(named.find_map(|path| file(context, &path)));
            }
        }
        for command in &script.commands {
            let (names, arguments) = command_names(command, &variables);
            if names.iter().any(|name| name.starts_with("linux")) {
                let values = arguments.iter().skip(1).flat_map(|word| variables.expand(word));
                let words: Vec<String> = values.map(|word| as_word(&word)).collect();
                self.lines.insert(Line {
                    source: format!("{}:{}", path.shown(), command.line),
                    text: words.join(" "),
                });
            }
        }
    }

    fn entries(&mut self, directory: &Path) -> Vec<PathBuf> {
        entries(directory, &mut self.unread)
    }

    fn text(&mut self, path: &Path) -> Option<String> {
        match system::read_prefix(path, Some(MAX_CONFIGURATION)) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                self.unread.push(reason(&error));
                None
            }
        }
    }
}

/// An argument as GRUB puts it into the command line: in quotation marks if it has spaces.
fn as_word(argument: &str) -> String {
    if argument.contains(' ') {
        format!("\"{argument}\"")
    } else {
        argument.to_owned()
    }
}
