//! The node's configuration, `/etc/bootseal/config.toml`. Unknown keys are errors: a misspelt one must not go
//! unnoticed.

mod grub;

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Explain, Result};
use crate::formats::grub::signature_name::is_signature;
use crate::formats::text::Shown;

use super::context::Context;
use super::ownership::{read_ours, read_ours_if_there};
use super::transaction::is_directory_on_fat;

pub use grub::GrubConfig;

/// The usual path of the configuration.
const DEFAULT_CONFIG: &str = "/etc/bootseal/config.toml";
/// The usual path of the key directory.
const DEFAULT_KEYS: &str = "/etc/bootseal/keys";
/// Largest configuration that is read, in bytes.
const MAX_CONFIG: u64 = 1 << 20;

/// The configuration of a node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The key directory.
    #[serde(default = "default_keys")]
    pub keys: PathBuf,
    /// The files that `sign all` signs.
    #[serde(default)]
    pub sign: SignConfig,
    /// The settings of `grub install`.
    #[serde(default)]
    pub grub: GrubConfig,
    /// The settings of the hooks.
    #[serde(default)]
    pub hook: HookConfig,
    /// The settings of `audit`.
    #[serde(default)]
    pub audit: AuditConfig,
}

/// The settings of `audit`: the baseline to compare the machine with, and where the figures go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// A list of revocations, newer than the one that bootseal brings along: Microsoft's `DBXUpdate.bin`, say.
    pub dbx: Option<PathBuf>,
    /// File of the textfile collector of Prometheus' node exporter, which every audit of the whole machine replaces.
    pub textfile: Option<PathBuf>,
}

/// The settings of the hooks, which sign while nobody is there to type a passphrase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookConfig {
    /// File whose first line is the passphrase of the keys, or the PIN of the token.
    pub passphrase_file: Option<PathBuf>,
}

/// The files that `sign all` signs, in this order. Modules and GRUB files may be directories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignConfig {
    /// Kernel modules.
    #[serde(default)]
    pub modules: Vec<Entry>,
    /// EFI images: kernels, unified kernel images, boot loaders.
    #[serde(default)]
    pub efi: Vec<Entry>,
    /// Files that GRUB opens.
    #[serde(default)]
    pub grub: Vec<Entry>,
    /// Modules that another key has signed.
    #[serde(default)]
    pub foreign_modules: ForeignModules,
    /// GRUB's block of variables, in a directory of GRUB.
    #[serde(default)]
    pub grubenv: GrubEnvironment,
    /// Files that are left alone among all these: paths or patterns, with all that is below them.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Files and directories on the root file system whose content may be signed wherever it lies, beside that of packages.
    #[serde(default)]
    pub sources: Vec<PathBuf>,
}

impl SignConfig {
    /// The files that all entries name, below the context's root; a pattern that is none names no file.
    #[must_use]
    pub fn files(&self, context: &Context) -> Vec<PathBuf> {
        let kinds = [&self.modules, &self.efi, &self.grub];
        kinds
            .into_iter()
            .flat_map(|entries| Config::expand(context, entries).paths)
            .collect()
    }
}

/// The treatment of modules that another key has signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignModules {
    /// Such modules are signed by our key instead.
    #[default]
    Replace,
    /// Such modules stay as they are.
    Keep,
    /// Each such module is an error.
    Refuse,
}

/// The treatment of `grubenv` when the directory of GRUB that it lies in is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrubEnvironment {
    /// Unless a configuration has GRUB write to it, which no signature outlives.
    #[default]
    Auto,
    /// Always.
    Sign,
    /// Never.
    Leave,
}

/// A path or a glob pattern, which matches no `.sig`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "an entry is a path or pattern, or { path = \"...\", optional = true }"
)]
pub enum Entry {
    /// Something has to match.
    Required(String),
    /// Spelt out.
    Detailed(DetailedEntry),
}

/// The long form of an [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetailedEntry {
    /// The path or pattern.
    pub path: String,
    /// True if an entry that matches nothing is no error.
    #[serde(default)]
    pub optional: bool,
}

impl Entry {
    /// The path or pattern.
    #[must_use]
    pub fn pattern(&self) -> &str {
        match self {
            Self::Required(path) | Self::Detailed(DetailedEntry { path, .. }) => path,
        }
    }

    const fn is_optional(&self) -> bool {
        matches!(self, Self::Detailed(DetailedEntry { optional: true, .. }))
    }
}

/// The files that the entries of a list lead to.
#[derive(Debug, Default)]
pub struct Expanded {
    /// The files that exist.
    pub paths: Vec<PathBuf>,
    /// Signatures that match, but whose signed files are gone.
    pub orphans: Vec<PathBuf>,
    /// Optional entries that match nothing.
    pub absent: Vec<PathBuf>,
    /// Entries that match nothing and should, or make no sense.
    pub missing: Vec<(PathBuf, Error)>,
}

/// Paths that `sign all` leaves alone.
#[derive(Debug, Clone, Default)]
pub struct Exclusions {
    patterns: Vec<glob::Pattern>,
}

impl Exclusions {
    /// Reads the patterns.
    pub fn new(patterns: &[String]) -> Result<Self> {
        let patterns = patterns.iter().map(|pattern| {
            check_absolute(pattern)?;
            glob::Pattern::new(pattern).or_usage(|| not_absolute(pattern))
        });
        let patterns = patterns.collect::<Result<_>>()?;
        Ok(Self { patterns })
    }

    /// True if a path is excluded itself; files below an excluded directory are not found in the first place.
    #[must_use]
    pub fn excludes(&self, context: &Context, path: &Path) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        let Ok(absolute) = std::path::absolute(path) else {
            return false;
        };
        let below = absolute.strip_prefix(context.root()).unwrap_or(&absolute);
        let below = Path::new("/").join(below);
        let options = glob::MatchOptions {
            require_literal_separator: true,
            ..glob::MatchOptions::new()
        };
        self.patterns
            .iter()
            .any(|pattern| pattern.matches_path_with(&below, options))
    }
}

fn default_keys() -> PathBuf {
    PathBuf::from(DEFAULT_KEYS)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keys: default_keys(),
            sign: SignConfig::default(),
            grub: GrubConfig::default(),
            hook: HookConfig::default(),
            audit: AuditConfig::default(),
        }
    }
}

impl Config {
    /// Reads the configuration. A missing file at the default place means the defaults; one that was named must exist.
    /// It decides what is signed and written, so it must be ours alone.
    pub fn load(context: &Context, named: Option<&Path>) -> Result<Self> {
        let path = named.map_or_else(|| context.path(DEFAULT_CONFIG), Path::to_path_buf);
        let bytes = match named {
            Some(path) => read_ours(path, MAX_CONFIG)?,
            None => match read_ours_if_there(&path, MAX_CONFIG)? {
                Some(bytes) => bytes,
                None => return Ok(Self::default()),
            },
        };
        let text = String::from_utf8(bytes).or_usage(|| format!("{} is not UTF-8", path.shown()))?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1;
            let reason = error.message().replace('\n', " ");
            Error::usage(format!("cannot understand {}", path.shown())).caused_by(format!("line {line}: {reason}"))
        })
    }

    /// The files that the entries name, below the context's root.
    #[must_use]
    pub fn expand(context: &Context, entries: &[Entry]) -> Expanded {
        let mut expanded = Expanded::default();
        for entry in entries {
            let pattern = entry.pattern();
            match expand_one(context, pattern) {
                Ok((paths, orphans)) => {
                    if paths.is_empty() && entry.is_optional() {
                        expanded.absent.push(PathBuf::from(pattern));
                    } else if paths.is_empty() {
                        let error = Error::could_not_run(format!("nothing matches \"{pattern}\" of the configuration"))
                            .hint(format!(
                                "if that is fine, write {{ path = \"{pattern}\", optional = true }}"
                            ));
                        expanded.missing.push((PathBuf::from(pattern), error));
                    }
                    expanded.paths.extend(paths);
                    expanded.orphans.extend(orphans);
                }
                Err(error) => expanded.missing.push((PathBuf::from(pattern), error)),
            }
        }
        expanded
    }

    /// The paths, below the context's root, that the required entries name without a pattern. A pattern also leads to
    /// what removed kernels left.
    #[must_use]
    pub fn literal(context: &Context, entries: &[Entry]) -> Vec<PathBuf> {
        let is_literal = |pattern: &&str| glob::Pattern::escape(pattern) == *pattern;
        let required = entries.iter().filter(|entry| !entry.is_optional());
        let literal = required.map(Entry::pattern).filter(is_literal);
        literal.map(|path| context.path(path)).collect()
    }
}

fn check_absolute(pattern: &str) -> Result<()> {
    if pattern.starts_with('/') && pattern.split('/').all(|part| part != "..") {
        return Ok(());
    }
    Err(Error::usage(not_absolute(pattern)))
}

fn not_absolute(pattern: &str) -> String {
    format!("\"{pattern}\" in the configuration is no absolute path or glob pattern")
}

/// The files that match a pattern, and the signatures that match it and sign nothing.
fn expand_one(context: &Context, pattern: &str) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    check_absolute(pattern)?;
    let rooted = context.path(pattern);
    let root = context.root();
    let root = root
        .to_str()
        .ok_or_else(|| Error::usage(format!("{} is not UTF-8", root.shown())))?
        .trim_end_matches('/');
    // Only the configuration's part is a pattern.
    let text = format!("{}{pattern}", glob::Pattern::escape(root));
    let exact = glob::Pattern::new(&text).or_usage(|| not_absolute(pattern))?;
    // FAT does not tell upper from lower case, so `*.efi` means BOOTX64.EFI there.
    let any_case = glob::MatchOptions {
        case_sensitive: false,
        ..glob::MatchOptions::new()
    };
    let mut found: Vec<PathBuf> = glob::glob_with(&text, any_case)
        .or_usage(|| not_absolute(pattern))?
        .collect::<std::result::Result<_, _>>()
        .or_could_not_run(|| format!("cannot look for \"{pattern}\""))?;
    found.retain(|path| path == &rooted || exact.matches_path(path) || lies_on_fat(path));
    // `vmlinuz-*` means the kernels, not the signatures that the last run left beside them.
    let (mut signatures, found): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|path| path != &rooted && is_signature(path));
    signatures.retain(|signature| fs::symlink_metadata(signature.with_extension("")).is_err());
    Ok((found, signatures))
}

fn lies_on_fat(path: &Path) -> bool {
    path.parent().is_some_and(is_directory_on_fat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.toml");
        std::fs::write(&path, "[sign]\nmodule = [\"/lib/modules\"]\n").unwrap();
        let error = Config::load(&Context::host(), Some(&path)).unwrap_err();
        assert_eq!(error.kind().exit_code(), 2);
        assert!(
            error.causes()[0].contains("unknown field `module`"),
            "{:?}",
            error.causes()
        );
    }

    #[test]
    fn the_example_is_valid() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys.example/config.toml");
        let config = Config::load(&Context::host(), Some(&example)).unwrap();
        assert_eq!(config.keys, Path::new(DEFAULT_KEYS));
        assert!(!config.sign.grub.is_empty());
    }

    #[test]
    fn patterns_stay_below_the_root_and_must_match() {
        let directory = tempfile::Builder::new().prefix("ro[o]t").tempdir().unwrap();
        for name in ["vmlinuz-1", "vmlinuz-1.sig", "vmlinuz-0.sig", "VMLINUZ-2"] {
            fs::write(directory.path().join(name), b"").unwrap();
        }
        let context = Context::host().with_root(directory.path());
        let optional = |path: &str| {
            let path = path.to_owned();
            Entry::Detailed(DetailedEntry { path, optional: true })
        };
        let required = |path: &str| Entry::Required(path.to_owned());
        let expanded = Config::expand(
            &context,
            &[required("/vmlinuz-*"), required("/boot/*.efi"), optional("/boot/*.img")],
        );
        assert_eq!(expanded.paths, [directory.path().join("vmlinuz-1")]);
        assert_eq!(expanded.orphans, [directory.path().join("vmlinuz-0.sig")]);
        assert_eq!(expanded.absent, [Path::new("/boot/*.img")]);
        assert_eq!(expanded.missing.len(), 1);
        for outside in ["/../etc/*", "etc/passwd"] {
            let expanded = Config::expand(&context, &[optional(outside)]);
            assert_eq!(expanded.missing[0].1.kind().exit_code(), 2);
            assert!(Exclusions::new(&[outside.to_owned()]).is_err());
        }
    }

    #[test]
    fn exclusions_are_below_the_root_and_do_not_cross_directories() {
        let context = Context::host().with_root("/mnt/node");
        let exclusions = Exclusions::new(&["/boot/grub/grubenv".to_owned(), "/boot/*.old".to_owned()]).unwrap();
        let excludes = |path: &str| exclusions.excludes(&context, Path::new(path));
        assert!(excludes("/mnt/node/boot/grub/grubenv") && excludes("/mnt/node/boot/vmlinuz.old"));
        assert!(!excludes("/mnt/node/boot/grub/vmlinuz.old") && !excludes("/mnt/node/boot/grub/grub.cfg"));
    }

    #[test]
    fn an_entry_has_two_forms() {
        let config = |entry: &str| toml::from_str::<Config>(&format!("[sign]\nefi = [{entry}]\n"));
        assert!(config("\"/boot/vmlinuz\", { path = \"/boot/x\", optional = true }").is_ok());
        for wrong in ["{ path = \"/boot/x\", option = true }", "7"] {
            let error = config(wrong).unwrap_err();
            assert!(error.message().contains("optional = true"), "{error}");
        }
    }
}
