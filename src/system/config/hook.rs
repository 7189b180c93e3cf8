//! The settings of the hooks, which sign while nobody is there to type a passphrase.

use std::path::PathBuf;

use serde::Deserialize;

/// Where the hooks have the passphrase from: a file or a program, not both.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct HookConfig {
    /// File whose first line is the passphrase of the keys, or the PIN of the token.
    pub passphrase_file: Option<PathBuf>,
    /// Program that prints it.
    pub passphrase_command: Option<PassphraseCommand>,
}

impl HookConfig {
    /// True if a passphrase is had with nobody there.
    #[must_use]
    pub const fn is_unattended(&self) -> bool {
        self.passphrase_file.is_some() || self.passphrase_command.is_some()
    }
}

/// A program and its arguments, which no shell reads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub struct PassphraseCommand {
    /// The program, by its path from `/` on.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
}

impl TryFrom<Vec<String>> for PassphraseCommand {
    type Error = &'static str;

    fn try_from(mut words: Vec<String>) -> Result<Self, Self::Error> {
        if !words.first().is_some_and(|program| program.starts_with('/')) {
            return Err("passphrase_command begins with the path of a program, from / on");
        }
        let program = words.remove(0).into();
        Ok(Self {
            program,
            arguments: words,
        })
    }
}

/// The settings as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    passphrase_file: Option<PathBuf>,
    passphrase_command: Option<PassphraseCommand>,
}

impl TryFrom<Written> for HookConfig {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        if written.passphrase_file.is_some() && written.passphrase_command.is_some() {
            return Err("passphrase_file and passphrase_command exclude each other");
        }
        Ok(Self {
            passphrase_file: written.passphrase_file,
            passphrase_command: written.passphrase_command,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn the_passphrase_has_one_source() {
        let config = |text: &str| toml::from_str::<Config>(&format!("[hook]\n{text}\n"));
        let command = "passphrase_command = [\"/usr/bin/tpm2_unseal\", \"-c\", \"x y\"]";
        let read = config(command).unwrap().hook;
        let expected = PassphraseCommand {
            program: "/usr/bin/tpm2_unseal".into(),
            arguments: vec!["-c".to_owned(), "x y".to_owned()],
        };
        assert_eq!(read.passphrase_command, Some(expected));
        assert!(read.is_unattended() && !config("").unwrap().hook.is_unattended());
        for (wrong, reason) in [
            ("passphrase_command = []".to_owned(), "from / on"),
            ("passphrase_command = [\"tpm2_unseal\"]".to_owned(), "from / on"),
            ("passphrase_command = \"/bin/true\"".to_owned(), "expected a sequence"),
            (format!("passphrase_file = \"/x\"\n{command}"), "exclude each other"),
            ("passphrase_fil = \"/x\"".to_owned(), "unknown field"),
        ] {
            let error = config(&wrong).unwrap_err();
            assert!(error.message().contains(reason), "{wrong}: {error}");
        }
    }
}
