//! The node's configuration, `/etc/bootseal/config.toml`. Unknown keys are errors: a misspelt one must not go unnoticed.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Explain, Result};

use super::Context;

/// Where the configuration is looked for.
pub const DEFAULT_CONFIG: &str = "/etc/bootseal/config.toml";
/// Where the keys are looked for.
pub const DEFAULT_KEYS: &str = "/etc/bootseal/keys";

/// The configuration of a node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The key directory.
    #[serde(default = "default_keys")]
    pub keys: PathBuf,
    /// What `sign all` signs.
    #[serde(default)]
    pub sign: SignConfig,
}

/// What `sign all` signs, in this order. Every entry is a path or a glob pattern, which matches no `.sig`;
/// modules and GRUB files may be directories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignConfig {
    /// Kernel modules.
    #[serde(default)]
    pub modules: Vec<String>,
    /// EFI images: kernels, unified kernel images, boot loaders.
    #[serde(default)]
    pub efi: Vec<String>,
    /// Files that GRUB opens.
    #[serde(default)]
    pub grub: Vec<String>,
}

fn default_keys() -> PathBuf {
    PathBuf::from(DEFAULT_KEYS)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keys: default_keys(),
            sign: SignConfig::default(),
        }
    }
}

impl Config {
    /// Reads the configuration. A missing file at the default place means the defaults; one that was named must exist.
    pub fn load(context: &Context, named: Option<&Path>) -> Result<Self> {
        let path = named.map_or_else(|| context.path(DEFAULT_CONFIG), Path::to_path_buf);
        if named.is_none() && !path.exists() {
            return Ok(Self::default());
        }
        let bytes = super::read(&path)?;
        let text = String::from_utf8(bytes).or_usage(|| format!("{} is not UTF-8", path.display()))?;
        toml::from_str(&text).map_err(|error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text
                .bytes()
                .take(start)
                .filter(|byte| *byte == b'\n')
                .count()
                .saturating_add(1);
            let reason = error.message().replace('\n', " ");
            Error::usage(format!("cannot understand {}", path.display())).caused_by(format!("line {line}: {reason}"))
        })
    }

    /// The files that the patterns name, below the context's root. A pattern without a match is an error in its place.
    #[must_use]
    pub fn expand(context: &Context, patterns: &[String]) -> (Vec<PathBuf>, Vec<Error>) {
        let (mut paths, mut errors) = (Vec::new(), Vec::new());
        for pattern in patterns {
            match expand_one(context, pattern) {
                Ok(found) => paths.extend(found),
                Err(error) => errors.push(error),
            }
        }
        (paths, errors)
    }
}

fn expand_one(context: &Context, pattern: &str) -> Result<Vec<PathBuf>> {
    let invalid = || format!("\"{pattern}\" in the configuration is no absolute path or glob pattern");
    if !pattern.starts_with('/') || pattern.split('/').any(|part| part == "..") {
        return Err(Error::usage(invalid()));
    }
    let rooted = context.path(pattern);
    let root = context.path("/");
    let root = root
        .to_str()
        .ok_or_else(|| Error::usage(format!("{} is not UTF-8", root.display())))?;
    // Only the configuration's part is a pattern.
    let text = format!("{}{pattern}", glob::Pattern::escape(root.trim_end_matches('/')));
    let mut found: Vec<PathBuf> = glob::glob(&text)
        .or_usage(invalid)?
        .collect::<std::result::Result<_, _>>()
        .or_could_not_run(|| format!("cannot look for \"{pattern}\""))?;
    // `vmlinuz-*` means the kernels, not the signatures that the last run left beside them.
    found.retain(|path| path == &rooted || path.extension().is_none_or(|ending| ending != "sig"));
    if found.is_empty() {
        return Err(Error::could_not_run(format!(
            "nothing matches \"{pattern}\" of the configuration"
        )));
    }
    Ok(found)
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
        std::fs::write(directory.path().join("vmlinuz-1"), b"").unwrap();
        std::fs::write(directory.path().join("vmlinuz-1.sig"), b"").unwrap();
        let context = Context::host().with_root(directory.path());
        let (paths, errors) = Config::expand(&context, &["/vmlinuz-*".to_owned(), "/boot/*.efi".to_owned()]);
        assert_eq!(paths, [directory.path().join("vmlinuz-1")]);
        assert_eq!(errors.len(), 1);
        for outside in ["/../etc/*", "etc/passwd"] {
            assert_eq!(
                Config::expand(&context, &[outside.to_owned()]).1[0].kind().exit_code(),
                2
            );
        }
    }
}
