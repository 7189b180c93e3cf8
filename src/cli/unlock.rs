//! Where a passphrase comes from: a file, a file descriptor, or the terminal; never argv or the environment.

use std::path::PathBuf;

use clap::Args;

use crate::error::Result;
use crate::keys::Passphrase;
use crate::ui::prompt;

/// How to open encrypted private keys.
#[derive(Debug, Clone, Args)]
pub(super) struct Unlock {
    /// Read the passphrase from the first line of FILE
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    passphrase_file: Option<PathBuf>,
    /// Read the passphrase from file descriptor N
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<u32>,
}

impl Unlock {
    /// The passphrase from a file or descriptor, if one was named.
    pub(super) fn given(&self) -> Result<Option<Passphrase>> {
        if let Some(path) = &self.passphrase_file {
            return Passphrase::from_file(path).map(Some);
        }
        self.passphrase_fd.map(Passphrase::from_fd).transpose()
    }

    /// The passphrase that opens an existing key.
    pub(super) fn existing(&self, key: &str) -> Result<Passphrase> {
        match self.given()? {
            Some(passphrase) => Ok(passphrase),
            None => prompt::passphrase(&format!("Passphrase of the {key} key")),
        }
    }
}
