//! The keys that sign, as arguments name them.

use std::path::PathBuf;

use clap::Args;

use crate::cli::session::Session;
use crate::cli::unlock::Unlock;
use crate::error::Result;
use crate::keys::{Identity, KeyDirectory, KeyName};
use crate::sign::Options;
use crate::sign::grub::GrubIdentity;

#[derive(Debug, Args)]
pub(in crate::cli) struct KeyArguments {
    /// Key directory [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR", overrides_with = "keys")]
    pub(in crate::cli) keys: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) unlock: Unlock,
    /// Sign it though it changed since it was signed: a file, a directory with all in it, or the SHA-256 of a file
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) accept_changed: Vec<String>,
    /// Verify every file, also those that were seen to be signed and have not changed since
    #[arg(long)]
    pub(in crate::cli) recheck: bool,
}

impl KeyArguments {
    pub(super) fn options(&self, session: &Session, command: &str) -> Result<Options<'static>> {
        Ok(Options {
            recheck: self.recheck,
            sources: session.config()?.sign.sources,
            command: command.to_owned(),
            ..Options::default()
        })
    }

    pub(in crate::cli) fn directory(&self, session: &Session) -> Result<KeyDirectory> {
        Ok(KeyDirectory::open(&session.keys(self.keys.as_ref())?)?.below(session.context.root()))
    }

    pub(super) fn identity(&self, session: &Session, name: KeyName) -> Result<Identity> {
        self.unlock.only_for(&[name])?;
        self.directory(session)?
            .identity(name, &mut |key| self.unlock.existing(key))
    }

    pub(super) fn grub(&self, session: &Session) -> Result<GrubIdentity> {
        self.unlock.only_for(&[KeyName::Grub])?;
        let (signer, key) = self
            .directory(session)?
            .grub_key(&mut |key| self.unlock.existing(key))?;
        Ok(GrubIdentity { key, signer })
    }
}
