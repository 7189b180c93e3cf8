//! `bootseal ceremony backup`: the keys as they are, once more on paper and in an archive.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::ceremony::backup::{self, BackedUp, Request};
use crate::ceremony::{self, Shares};
use crate::cli::session::Session;
use crate::cli::transcript_end::write_end;
use crate::cli::unlock::{NEW_PASSPHRASE, Unlock, typed_or_made};
use crate::error::{Result, quoted};
use crate::formats::text::printable;
use crate::keys::{KeyDirectory, Passphrase};
use crate::ui::{Report, Style, prompt, to_json};

use super::report::{write_shares, write_without};

#[derive(Debug, Args)]
pub(in crate::cli) struct Backup {
    /// Directory to make; it must not exist yet, or be empty
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Key directory [default: the one of the configuration]
    #[arg(long, value_name = "DIR", overrides_with = "keys")]
    keys: Option<PathBuf>,
    /// Directory with the PK and KEK keys [default: the key directory]
    #[arg(long, value_name = "DIR", overrides_with = "authority")]
    authority: Option<PathBuf>,
    /// Shares to divide the new secret into, as 2/3: any two of three [default: as the last backup]
    #[arg(long, value_name = "N/M")]
    shares: Option<Shares>,
    /// Read the passphrase of a backup without shares from the first line of FILE [default: that of the keys]
    #[arg(long, value_name = "FILE", conflicts_with = "shares")]
    new_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    unlock: Unlock,
}

impl Backup {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        if let Some(shares) = self.shares {
            shares.validate()?;
        }
        let keys = KeyDirectory::open(&session.keys(self.keys.as_ref())?)?.below(session.context.root());
        let authority = match &self.authority {
            Some(path) => KeyDirectory::open(path)?,
            None => keys.clone(),
        };
        let wrap = || match (&self.new_passphrase_file, self.unlock.given()?) {
            (Some(path), _) => prompt::long_enough(Passphrase::from_file(path)?),
            (None, Some(given)) => prompt::long_enough(given),
            (None, None) => typed_or_made(session, NEW_PASSPHRASE),
        };
        let request = Request {
            context: &session.context,
            keys: &keys,
            authority: &authority,
            target: &self.directory,
            shares: self.shares,
        };
        let made = backup::backup(&request, wrap, &mut |what| self.unlock.existing(what))?;
        Ok(Box::new(made))
    }
}

impl Report for BackedUp {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.backup/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let verb = if self.dry_run { "would be made" } else { "made" };
        let directory = printable(&self.directory);
        writeln!(out, "{} {verb} in {directory}: {}", style.tick(), self.keys.join(", "))?;
        write_without(out, style, &self.without)?;
        if self.dry_run {
            return Ok(());
        }
        for end in &self.transcripts {
            write_end(out, end)?;
        }
        if let Some(directory) = &self.shares_left {
            write_shares(out, style, directory)?;
        }
        let archive = quoted(&Path::new(&self.directory).join(ceremony::ARCHIVE));
        let keys = self.transcripts.first().map(|end| quoted(Path::new(&end.directory)));
        let keys = keys.unwrap_or_else(|| "KEYS".to_owned());
        writeln!(
            out,
            "Next: restore from it once: bootseal ceremony drill --keys {keys} {archive}; then the backup before it can go"
        )
    }
}
