//! The node's configuration, `/etc/bootseal/config.toml`. Unknown keys are errors: a misspelt one must not go
//! unnoticed.

mod entries;
mod grub;
mod hook;
mod sign;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Explain, Result};
use crate::formats::text::{Shown, parse_settings};

use super::context::Context;
use super::ownership::{read_ours, read_ours_if_there};

pub use entries::{Entry, Exclusions, Expanded, expand, literal_paths};
pub use grub::GrubConfig;
pub use hook::{HookConfig, PassphraseCommand};
pub use sign::{ForeignModules, GrubEnvironment, ModuleHash, SignConfig};

/// The usual path of the configuration.
pub const DEFAULT_CONFIG: &str = "/etc/bootseal/config.toml";
/// The usual path of the key directory.
pub const DEFAULT_KEYS: &str = "/etc/bootseal/keys";
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
    /// A list of revocations, newer than the one that bootseal brings along: Microsoft's `dbx_x64.efiauth2`, say.
    pub dbx: Option<PathBuf>,
    /// File of the textfile collector of Prometheus' node exporter, which every audit of the whole machine replaces.
    pub textfile: Option<PathBuf>,
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
        let path = named.map_or_else(|| context.place(DEFAULT_CONFIG), Path::to_path_buf);
        let bytes = match named {
            Some(path) => read_ours(path, MAX_CONFIG)?,
            None => match read_ours_if_there(&path, MAX_CONFIG)? {
                Some(bytes) => bytes,
                None => return Ok(Self::default()),
            },
        };
        let text = String::from_utf8(bytes).or_usage(|| format!("{} is not UTF-8", path.shown()))?;
        let cannot = || format!("cannot understand {}", path.shown());
        parse_settings(&text).map_err(|error| Error::usage(cannot()).misread(error))
    }
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
        // What is commented out is right, too.
        let all = std::fs::read_to_string(example).unwrap().replace("#= ", "");
        let all: Config = toml::from_str(&all).unwrap();
        assert!(all.hook.is_unattended() && all.audit.textfile.is_some());
        assert!(all.grub.password.is_some());
    }

    #[test]
    fn the_example_is_for_grub_where_grub_is() {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("keys.example/config.toml");
        let config = Config::load(&Context::host(), Some(&example)).unwrap();
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        std::fs::create_dir_all(root.path().join("boot/EFI")).unwrap();
        std::fs::write(root.path().join("boot/vmlinuz-6.12"), b"").unwrap();
        assert!(!config.sign.names_grub(&context));
        std::fs::create_dir(root.path().join("boot/grub")).unwrap();
        assert!(config.sign.names_grub(&context));
        let required: Config = toml::from_str("[sign]\ngrub = [\"/boot/menus\"]\n").unwrap();
        assert!(required.sign.names_grub(&context));
        assert!(!Config::default().sign.names_grub(&context));
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
