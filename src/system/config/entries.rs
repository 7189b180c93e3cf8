//! The entries of the lists of files: paths and patterns, and the files that they lead to.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Explain, Result};
use crate::formats::grub::signature_name::is_signature;
use crate::formats::text::Shown;
use crate::system::context::Context;
use crate::system::resolve::resolve;
use crate::system::transaction::is_directory_on_fat;

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

    pub(super) const fn is_optional(&self) -> bool {
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
                            "if that is fine, put {{ path = \"{pattern}\", optional = true }} in its place, under [sign]"
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
pub fn literal_paths(context: &Context, entries: &[Entry]) -> Vec<PathBuf> {
    let is_literal = |pattern: &&str| glob::Pattern::escape(pattern) == *pattern;
    let required = entries.iter().filter(|entry| !entry.is_optional());
    let literal = required.map(Entry::pattern).filter(is_literal);
    literal.map(|path| context.path(path)).collect()
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
    // The directories before the first pattern, in which no link leads out of the root. Only what follows is a pattern.
    let is_literal = |part: &&str| glob::Pattern::escape(part) == *part;
    let parts: Vec<&str> = pattern.split('/').skip(1).collect();
    let literal = parts
        .iter()
        .take(parts.len().saturating_sub(1))
        .copied()
        .take_while(is_literal)
        .count();
    let (directory, rest) = parts.split_at(literal);
    let directory = context.place(directory.join("/"));
    let directory = directory
        .to_str()
        .ok_or_else(|| Error::usage(format!("{} is not UTF-8", directory.shown())))?
        .trim_end_matches('/');
    let text = format!("{}/{}", glob::Pattern::escape(directory), rest.join("/"));
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
    // A link in the directories that a pattern matches leads nowhere else either.
    let mut within = Vec::new();
    for path in found {
        match resolve(context.root(), path.parent().unwrap_or(&path)) {
            Ok(_) => within.push(path),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).or_could_not_run(|| format!("cannot find {}", path.shown())),
        }
    }
    // `vmlinuz-*` means the kernels, not the signatures that the last run left beside them.
    let (mut signatures, found): (Vec<_>, Vec<_>) = within
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
        let expanded = expand(
            &context,
            &[required("/vmlinuz-*"), required("/boot/*.efi"), optional("/boot/*.img")],
        );
        assert_eq!(expanded.paths, [directory.path().join("vmlinuz-1")]);
        assert_eq!(expanded.orphans, [directory.path().join("vmlinuz-0.sig")]);
        assert_eq!(expanded.absent, [Path::new("/boot/*.img")]);
        assert_eq!(expanded.missing.len(), 1);
        for outside in ["/../etc/*", "etc/passwd"] {
            let expanded = expand(&context, &[optional(outside)]);
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
}
