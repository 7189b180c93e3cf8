//! The initramfs images and command lines that boot loaders are told to start kernels with.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::disk::{GRUB_DIRECTORIES, Kind, LOADER_ENTRIES, Naming, UnmountedFile, entries, path_below};
use crate::formats::grub::boot_entries::of_specification;
use crate::formats::grub::environment_block::EnvironmentBlock;
use crate::formats::grub::opened_files::{Place, Use, command_names, opened_files, variables};
use crate::formats::grub::script::{Part, Script, Variables, Word};
use crate::formats::text::{Shown, loader_entry};
use crate::system::{self, Context, resolve};

use super::files::{file, has_ending};
use super::reason::reason;

/// Largest configuration of a boot loader that is read, in bytes.
pub(super) const MAX_CONFIGURATION: u64 = 64 << 20;
/// Most configurations of GRUB that are followed from one to the next.
pub(super) const MAX_SCRIPTS: usize = 256;
/// The file in a directory of GRUB with variables, which entries name by `$NAME`.
const ENVIRONMENT: &str = "grubenv";
/// The variables in it that entries of Fedora name.
const NAMED_BY_ENTRIES: [&str; 2] = ["kernelopts", "tuned_params"];
/// The files from which the entries and images of the next kernels get their command lines (kernel-install(8), mkinitcpio(8)).
const FOR_NEXT_KERNELS: [&str; 2] = ["/etc/kernel/cmdline", "/usr/lib/kernel/cmdline"];
/// A directory of such files.
const PARTS_FOR_NEXT_KERNELS: &str = "/etc/cmdline.d";

/// The kind of a command line's source, which says how it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin {
    /// A configuration of GRUB, which grub-mkconfig writes from `/etc/default/grub`.
    Grub,
    /// GRUB's environment block.
    GrubEnvironment,
    /// An entry of the Boot Loader Specification.
    Entry,
    /// A file from which the next kernels get theirs.
    NextKernels,
    /// A boot option of the firmware.
    BootOption,
}

/// A command line that a kernel is, or will be, started with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Line {
    /// The file with it, and the line in it where there are many.
    pub source: String,
    /// The kind of that source.
    pub origin: Origin,
    /// Its words.
    pub text: String,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Installed {
    /// Initramfs images, by their names and as configurations name them, without symbolic links.
    pub initramfs: BTreeSet<PathBuf>,
    /// Those on EFI system partitions that are not mounted.
    pub unmounted_initramfs: Vec<UnmountedFile>,
    /// Images that configurations of GRUB hand to the firmware, wherever they lie.
    pub images: BTreeSet<PathBuf>,
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
        let mut files = FOR_NEXT_KERNELS.map(|path| context.path(path)).to_vec();
        files.extend(installed.entries(&context.path(PARTS_FOR_NEXT_KERNELS)));
        for path in files.iter().filter_map(|path| file(context, path)) {
            let Some(text) = installed.text(&path) else { continue };
            // A line of comment is none of the words.
            let words = text.lines().filter(|line| !line.trim_start().starts_with('#'));
            installed.lines.insert(Line {
                source: path.shown(),
                origin: Origin::NextKernels,
                text: words.collect::<Vec<_>>().join(" "),
            });
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
                self.lines.extend(line_of_entry(path.shown(), &text));
            }
        }
        for grub in GRUB_DIRECTORIES {
            let prefix = directory.join(grub);
            let files = self.entries(&prefix);
            let configurations: BTreeSet<PathBuf> =
                files.iter().filter(|path| has_ending(path, "cfg")).cloned().collect();
            if !configurations.is_empty() {
                self.grub(context, &prefix, configurations, all);
            }
            if let Some(block) = file(context, &prefix.join(ENVIRONMENT)) {
                self.environment(&block);
            }
        }
    }

    /// The command lines of some configurations, and of all that they lead to, as one GRUB would run them.
    fn grub(
        &mut self,
        context: &Context,
        prefix: &Path,
        configurations: BTreeSet<PathBuf>,
        directories: &BTreeSet<PathBuf>,
    ) {
        // GRUB's root may be a boot file system, or the root file system.
        let root = context.path("/");
        let bases: Vec<&Path> = directories
            .iter()
            .map(PathBuf::as_path)
            .chain([root.as_path()])
            .collect();
        let named = |place: &Place| match place {
            Place::File { path, .. } => bases.iter().map(|base| path_below(base, path)).collect(),
            Place::Prefix(path) => vec![path_below(prefix, path)],
            Place::Module(_) | Place::Blocks(_) | Place::Unknown(_) => Vec::new(),
        };
        let found = |place: &Place| named(place).iter().find_map(|path| file(context, path));
        let mut scripts: Vec<(PathBuf, Script)> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut waiting = configurations;
        let variables = loop {
            for path in waiting.iter().filter_map(|path| file(context, path)) {
                if !seen.insert(path.clone()) {
                    continue;
                }
                if scripts.len() >= MAX_SCRIPTS {
                    let told = format!("{}: more configurations than {MAX_SCRIPTS} lead to it", path.shown());
                    self.unread.push(told);
                } else if let Some(text) = self.text(&path) {
                    scripts.push((path, Script::parse(&text)));
                }
            }
            let variables = variables(scripts.iter().map(|(_, script)| script));
            let opened = scripts.iter().flat_map(|(_, script)| opened_files(script, &variables));
            let more = opened.filter(|opened| opened.usage == Use::Configuration);
            waiting = more.filter_map(|opened| found(&opened.place)).collect();
            waiting.retain(|path| !seen.contains(path));
            if waiting.is_empty() {
                break variables;
            }
        };
        let mut entries = BTreeSet::new();
        for (path, script) in &scripts {
            for opened in opened_files(script, &variables) {
                match opened.usage {
                    Use::Entries => entries.extend(self.listed(context, &named(&opened.place), "conf")),
                    Use::Images => {
                        let images = self.listed(context, &named(&opened.place), "efi");
                        self.images.extend(images);
                    }
                    _ if opened.command.starts_with("initrd") => self.initramfs.extend(found(&opened.place)),
                    _ if opened.is_for_firmware() => self.images.extend(found(&opened.place)),
                    _ => {}
                }
            }
            self.lines.extend(lines(&path.shown(), script, &variables));
        }
        for path in entries {
            let Some(text) = self.text(&path) else { continue };
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            let script = Script::parse(&of_specification(&text, &name));
            for opened in opened_files(&script, &variables) {
                if opened.command.starts_with("initrd") {
                    self.initramfs.extend(found(&opened.place));
                }
            }
            let shown = path.shown();
            // As it stands, without the values of GRUB's variables.
            let is_known = |line: &Line| line.source == shown;
            if text.contains('$') {
                self.lines.retain(|line| !is_known(line));
            } else if self.lines.iter().any(is_known) {
                continue;
            }
            let own = lines(&shown, &script, &variables).into_iter();
            self.lines.extend(own.map(|line| Line {
                source: shown.clone(),
                origin: Origin::Entry,
                ..line
            }));
        }
    }

    /// The files with this ending in the directories among these, and those among them that have it.
    fn listed(&mut self, context: &Context, named: &[PathBuf], ending: &str) -> Vec<PathBuf> {
        let mut listed = Vec::new();
        for path in named {
            if has_ending(path, ending) {
                listed.extend(file(context, path));
            } else if let Ok(directory) = resolve(context.root(), path)
                && directory.is_dir()
            {
                let there = self.entries(&directory);
                let wanted = there.iter().filter(|path| has_ending(path, ending));
                listed.extend(wanted.filter_map(|path| file(context, path)));
            }
        }
        listed
    }

    /// The variables by which entries get a part of their command lines.
    fn environment(&mut self, path: &Path) {
        let block = match system::read_prefix(path, Some(MAX_CONFIGURATION)) {
            Ok(bytes) => EnvironmentBlock::parse(&bytes),
            Err(error) => return self.unread.push(reason(&error)),
        };
        for name in NAMED_BY_ENTRIES {
            if let Some(text) = block.get(name) {
                self.lines.insert(Line {
                    source: format!("{}: {name}", path.shown()),
                    origin: Origin::GrubEnvironment,
                    text: text.to_owned(),
                });
            }
        }
    }

    fn entries(&mut self, directory: &Path) -> Vec<PathBuf> {
        entries(directory, &mut self.unread)
    }

    fn text(&mut self, path: &Path) -> Option<String> {
        match system::read_prefix(path, Some(MAX_CONFIGURATION)) {
            Ok(bytes) if bytes.len() as u64 == MAX_CONFIGURATION => {
                let why = format!(
                    "{}: files of {MAX_CONFIGURATION} bytes or more are not read",
                    path.shown()
                );
                self.unread.push(why);
                None
            }
            Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => {
                self.unread.push(reason(&error));
                None
            }
        }
    }
}

/// The command line that an entry of the Boot Loader Specification has, if it has one.
pub(super) fn line_of_entry(source: String, text: &str) -> Option<Line> {
    let text = loader_entry::values(text, "options").join(" ");
    (!text.is_empty()).then_some(Line {
        source,
        origin: Origin::Entry,
        text,
    })
}

/// The command lines that a configuration of GRUB has for kernels.
pub(super) fn lines(shown: &str, script: &Script, variables: &Variables) -> Vec<Line> {
    let mut lines = Vec::new();
    for command in &script.commands {
        let (names, arguments) = command_names(command, variables);
        if names.iter().any(|name| name.starts_with("linux")) {
            let words = arguments.iter().skip(1);
            let words: Vec<String> = words.flat_map(|word| as_words(word, variables)).collect();
            lines.push(Line {
                source: format!("{shown}:{}", command.line),
                origin: Origin::Grub,
                text: words.join(" "),
            });
        }
    }
    lines
}

/// An argument as GRUB puts it into the command line: in quotation marks if it has spaces. Those in the value of a variable without
/// quotes divide arguments.
fn as_words(argument: &Word, variables: &Variables) -> Vec<String> {
    let is_divided = |part: &Part| matches!(part, Part::Variable(_));
    let values = variables.expand(argument).into_iter();
    if argument.parts.iter().any(is_divided) {
        let words = values.map(|value| value.split(' ').map(str::to_owned).collect::<Vec<_>>());
        return words.flatten().filter(|word| !word.is_empty()).collect();
    }
    let quoted = |value: String| {
        if value.contains(' ') {
            format!("\"{value}\"")
        } else {
            value
        }
    };
    values.map(quoted).collect()
}
