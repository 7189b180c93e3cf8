//! The names of the machine that is looked at.

use std::str::FromStr;

use crate::error::{Error, Result};

use super::context::Context;
use super::files::read_if_there;

/// The machine's identifier (machine-id(5)), below the root: 32 hexadecimal digits.
pub const MACHINE_ID: &str = "/etc/machine-id";
/// Its host name, as it will be at its next start (hostname(5)).
const HOST_NAME: &str = "/etc/hostname";
/// The host name of the running system.
const RUNNING_HOST_NAME: &str = "/proc/sys/kernel/hostname";
/// Largest of these files that is read, in bytes.
const MAX_FILE: u64 = 4096;
/// Longest host name of Linux (`HOST_NAME_MAX`), in bytes; a machine's identifier is shorter.
const MAX_NAME: usize = 64;

/// The name of a machine: its host name, or its identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName(String);

impl NodeName {
    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names of the machine below the root: host name, then identifier, as far as there are any. Could not run if a file that is
    /// there cannot be read.
    pub fn of_machine(context: &Context) -> Result<Vec<Self>> {
        let host = if context.is_running_system() {
            RUNNING_HOST_NAME
        } else {
            HOST_NAME
        };
        let mut names = Vec::new();
        for file in [host, MACHINE_ID] {
            let bytes = read_if_there(&context.path(file), MAX_FILE)?.unwrap_or_default();
            names.extend(String::from_utf8_lossy(&bytes).trim().parse());
        }
        Ok(names)
    }

    /// True if it is the same name; capitals make no difference in either kind.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl FromStr for NodeName {
    type Err = Error;

    /// Usage error unless it is 1 to 64 letters, digits, hyphens, dots and underscores.
    fn from_str(text: &str) -> Result<Self> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(is_plain) {
            return Err(Error::usage(format!(
                "the name of a machine is 1 to {MAX_NAME} letters, digits, hyphens, dots and underscores"
            ))
            .hint("the names of a machine are told there by hostname, and in /etc/machine-id"));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_machine_has_its_host_name_and_its_identifier() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        assert!(NodeName::of_machine(&context).unwrap().is_empty());
        fs::create_dir(root.path().join("etc")).unwrap();
        let (host, id) = ("Node-7.example.org", "0123456789abcdef0123456789abcdef");
        fs::write(root.path().join("etc/hostname"), format!("{host}\n")).unwrap();
        fs::write(root.path().join("etc/machine-id"), format!("{id}\n")).unwrap();
        let names = NodeName::of_machine(&context).unwrap();
        let is_it = |name: &str| names.iter().any(|own| own.is(&name.parse().unwrap()));
        assert!(is_it("node-7.example.org") && is_it(&id.to_uppercase()), "{names:?}");
        assert!(!is_it("node-7") && !is_it("node-8.example.org"), "{names:?}");
    }

    #[test]
    fn a_name_is_one_word_of_a_line() {
        for wrong in ["", "a b", "a\n", "../a", "\u{202e}a", &"a".repeat(65)] {
            assert!(wrong.parse::<NodeName>().is_err(), "{wrong:?}");
        }
    }
}
