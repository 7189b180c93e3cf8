//! The fragment: the options to merge into a kernel's configuration, each below its reason.

use std::fmt;

use serde::Serialize;

use crate::finding::Level;
use crate::formats::kernel::kernel_config::{KernelVersion, PREFIX, Value};

use super::requirement::{REQUIRED, need, serialize_level};
use super::table::REQUIREMENTS;

/// How the fragment's first line begins; a file that begins otherwise is somebody else's.
const HEADER: &str = "# bootseal kernel-config";

/// How the kernel comes to know the module key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModuleKey {
    /// The build is told the certificate, PEM, and signs nothing: bootseal does.
    Certificate(String),
    /// The build signs modules by itself, with the private key and certificate in this PEM file, or with the key and
    /// certificate on a token that this PKCS#11 URI names.
    SigningKey(String),
}

/// One option of the fragment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The part of the chain that it belongs to.
    pub group: &'static str,
    /// The option, with `CONFIG_`.
    pub option: String,
    /// Its value as it stands in a configuration.
    pub value: String,
    /// The weight if it is not set so.
    #[serde(serialize_with = "serialize_level")]
    pub level: Level,
    /// The reason why the chain needs it.
    pub reason: String,
}

/// The options to merge into the configuration of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The kernels that it is for.
    pub version: KernelVersion,
    /// The options.
    pub lines: Vec<Line>,
}

impl Fragment {
    /// The fragment for kernels of this version.
    #[must_use]
    pub fn new(version: KernelVersion, key: &ModuleKey) -> Self {
        let table = REQUIREMENTS
            .iter()
            .filter(|requirement| requirement.concerns(version))
            .map(|requirement| Line {
                group: requirement.group,
                option: format!("{PREFIX}{}", requirement.symbol),
                value: requirement.value().to_string(),
                level: requirement.level,
                reason: requirement.reason.to_owned(),
            });
        Self {
            version,
            lines: key.lines().into_iter().chain(table).collect(),
        }
    }

    /// True if a file begins as this fragment's text does, and so may be replaced by it.
    #[must_use]
    pub fn wrote(file: &[u8]) -> bool {
        file.starts_with(HEADER.as_bytes())
    }
}

impl ModuleKey {
    fn lines(&self) -> Vec<Line> {
        let line = |symbol: &str, value: Value, reason: &str| Line {
            group: "Module key",
            option: format!("{PREFIX}{symbol}"),
            value: value.to_string(),
            level: REQUIRED,
            reason: reason.to_owned(),
        };
        match self {
            Self::Certificate(path) => vec![
                line(
                    "SYSTEM_TRUSTED_KEYS",
                    Value::Text(path.clone()),
                    "the kernel trusts the module key: its certificate, as bootseal keys export module --format pem --output FILE writes it",
                ),
                line(
                    "MODULE_SIG_KEY",
                    Value::Text(String::new()),
                    "the build makes no key of its own, whose private half would be left in the source tree",
                ),
                line(
                    "MODULE_SIG_ALL",
                    Value::No,
                    "bootseal signs the modules: bootseal sign modules DIRECTORY, before an initramfs copies them",
                ),
            ],
            Self::SigningKey(place) => vec![
                line(
                    "MODULE_SIG_KEY",
                    Value::Text(place.clone()),
                    "the build signs with the module key, and the kernel trusts it: bootseal keys export module --format \
                     signing-key --output FILE, or the URI of a key on a token",
                ),
                line("MODULE_SIG_ALL", Value::Yes, "modules_install signs every module"),
            ],
        }
    }
}

impl fmt::Display for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{HEADER}: what a verified boot chain needs of Linux {}",
            self.version
        )?;
        writeln!(
            f,
            "# Gentoo's distribution kernels merge /etc/kernel/config.d/*.config; elsewhere, in the source tree:\n\
             #   scripts/kconfig/merge_config.sh -m .config THIS_FILE && make olddefconfig"
        )?;
        let mut group = "";
        for line in &self.lines {
            if line.group != group {
                group = line.group;
                writeln!(f, "\n## {group}")?;
            }
            if line.level < REQUIRED {
                writeln!(f, "# {} ({})", line.reason, need(line.level))?;
            } else {
                writeln!(f, "# {}", line.reason)?;
            }
            if line.value == "n" {
                writeln!(f, "# {} is not set", line.option)?;
            } else {
                writeln!(f, "{}={}", line.option, line.value)?;
            }
        }
        Ok(())
    }
}
