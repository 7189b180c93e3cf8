//! What boot loaders are told to start on this machine: initramfs images and command lines.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::formats::grub::opened_files::{Place, command_names, opened_files, variables};
use crate::formats::grub::script::Script;
use crate::formats::text::loader_entry;
use crate::system::{self, Context, FatMount, resolve};

/// Where kernels are installed, besides mounted EFI system partitions.
const BOOT_DIRECTORIES: [&str; 3] = ["/boot", "/efi", "/boot/efi"];
/// GRUB's directories in these.
const GRUB_DIRECTORIES: [&str; 2] = ["grub", "grub2"];
/// What names of initramfs images begin with.
const INITRAMFS: [&str; 2] = ["initramfs", "initrd"];
/// What stands beside an image, by the end of its name.
const BESIDE: [&str; 3] = [".sig", ".gpg", ".asc"];
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

/// All that is installed.
#[derive(Debug, Default)]
pub(super) struct Installed {
    /// Initramfs images, by their names and as configurations name them, without symbolic links.
    pub initramfs: BTreeSet<PathBuf>,
    /// Command lines.
    pub lines: BTreeSet<Line>,
    /// Configurations of installed kernels.
    pub kernel_configs: BTreeSet<PathBuf>,
    /// What could not be looked at.
    pub unread: Vec<String>,
}

impl Installed {
    /// Looks everywhere once.
    pub(super) fn find(context: &Context, esps: &[FatMount]) -> Self {
        let mut installed = Self::default();
        let directories = boot_directories(context, esps);
        for directory in &directories {
            installed.look_into(context, directory, &directories);
        }
        installed
    }

    fn look_into(&mut self, context: &Context, directory: &Path, all: &BTreeSet<PathBuf>) {
        for path in self.entries(directory) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
            if begins(&INITRAMFS) && !BESIDE.iter().any(|end| name.ends_with(end)) {
                self.initramfs.extend(file(context, &path));
            } else if begins(&["config-"]) {
                self.kernel_configs.extend(file(context, &path));
            }
        }
        for path in self.entries(&directory.join("loader/entries")) {
            if has_end(&path, "conf") {
                let Some(text) = self.text(&path) else { continue };
                for value in loader_entry::values(&text, "initrd") {
                    let named = directory.join(value.replace('\\', "/").trim_start_matches('/'));
                    self.initramfs.extend(file(context, &named));
                }
                let options = loader_entry::values(&text, "options").join(" ");
                self.lines.extend((!options.is_empty()).then(|| Line {
                    source: path.to_string_lossy().into_owned(),
                    text: options,
                }));
            }
        }
        for grub in GRUB_DIRECTORIES {
            for path in self.entries(&directory.join(grub)) {
                if has_end(&path, "cfg") {
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
                    source: format!("{}:{}", path.display(), command.line),
                    text: words.join(" "),
                });
            }
        }
    }

    fn entries(&mut self, directory: &Path) -> Vec<PathBuf> {
        let entries = super::files::entries(directory, &mut self.unread);
        entries.iter().map(std::fs::DirEntry::path).collect()
    }

    fn text(&mut self, path: &Path) -> Option<String> {
        match system::read_prefix(path, Some(MAX_CONFIGURATION)) {
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                self.unread.push(super::reason::reason(&error));
                None
            }
        }
    }
}

/// Where kernels are installed, and the EFI system partitions; without symbolic links, each once.
pub(super) fn boot_directories(context: &Context, esps: &[FatMount]) -> BTreeSet<PathBuf> {
    let usual = BOOT_DIRECTORIES.map(|path| context.path(path));
    let mounted = esps.iter().map(|esp| esp.directory.clone());
    let real = |path: PathBuf| resolve(context.root(), &path).ok().filter(|path| path.is_dir());
    usual.into_iter().chain(mounted).filter_map(real).collect()
}

/// The regular file that a name leads to.
pub(super) fn file(context: &Context, path: &Path) -> Option<PathBuf> {
    resolve(context.root(), path).ok().filter(|path| path.is_file())
}

/// Whether a name ends so, in capital letters or not.
pub(super) fn has_end(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case(end))
}

/// As GRUB puts an argument into the command line: in quotation marks if it has spaces.
fn as_word(argument: &str) -> String {
    if argument.contains(' ') {
        format!("\"{argument}\"")
    } else {
        argument.to_owned()
    }
}
