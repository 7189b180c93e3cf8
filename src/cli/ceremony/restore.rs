//! `bootseal ceremony restore`: keys put back from archive or sheet.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::ceremony::backup::drill::{self, Opener};
use crate::ceremony::backup::{self, Restore as Request, Restored};
use crate::cli::session::Session;
use crate::cli::transcript_end::{write_end, write_not_recorded};
use crate::cli::unlock::{NEW_PASSPHRASE, Unlock, typed_or_made};
use crate::error::{Error, Result, quoted};
use crate::fleet;
use crate::formats::text::printable;
use crate::keys::{KeyName, Passphrase};
use crate::ui::{Report, Style, prompt, to_json};

#[derive(Debug, Args)]
pub(in crate::cli) struct Restore {
    /// The archive, or a file with the lines of the printed sheet
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// Directory to make; it must not exist yet, or be empty
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Keys to put back: of PK, KEK, db, module, grub, pcr [default: all, if the ceremony kept them in one place]
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    only: Vec<KeyName>,
    /// Another directory of the ceremony that is left, which may know more than the archive; may be given several times
    #[arg(long, value_name = "DIR")]
    with: Vec<PathBuf>,
    /// Read the shares from FILE, one a line, in place of asking for them
    #[arg(long, value_name = "FILE")]
    shares: Option<PathBuf>,
    /// Open the archive of a fleet's node with the fleet's key, which DIR has
    #[arg(long, value_name = "DIR", conflicts_with = "shares")]
    fleet: Option<PathBuf>,
    /// Read the passphrase of the keys that were encrypted from the first line of FILE, where the backup is under shares, or under the
    /// fleet's key
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    unlock: Unlock,
}

impl Restore {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.unlock.only_for(match self.fleet {
            Some(_) => &[KeyName::Fleet],
            None => &[],
        })?;
        let mut with = self.with.clone();
        // What this machine knows of the ceremony counts, if it is the same one.
        let own = session.keys(None)?;
        if drill::is_of_same(&own, &self.source, &self.with) && !with.contains(&own) {
            with.push(own);
        }
        let opener = self.opener(&with)?;
        let wrap = || match &self.new_passphrase_file {
            Some(path) => prompt::long_enough(Passphrase::from_file(path)?),
            None => typed_or_made(session, NEW_PASSPHRASE),
        };
        let request = Request {
            context: &session.context,
            source: &self.source,
            target: &self.directory,
            only: &self.only,
            with: &with,
            opener: &opener,
        };
        Ok(Box::new(backup::restore(&request, wrap)?))
    }

    fn opener(&self, with: &[PathBuf]) -> Result<Opener> {
        if let Some(fleet) = &self.fleet {
            return fleet::opener(fleet, &self.source, &mut |what| self.unlock.existing(what));
        }
        match (&self.shares, self.unlock.given()?) {
            (Some(_), Some(_)) => Err(Error::usage("name the shares or the passphrase, not both")
                .hint("the passphrase of the keys that are put back: --new-passphrase-file FILE")),
            (Some(path), None) => Ok(Opener::Shares(drill::read_shares(path)?)),
            (None, Some(passphrase)) => Ok(Opener::Passphrase(passphrase)),
            (None, None) => match backup::needed_shares(&self.source, with)? {
                Some(set) => Ok(Opener::Shares(prompt::shares(set.needed, &set.set)?)),
                None => Ok(Opener::Passphrase(self.unlock.existing("Passphrase of the backup")?)),
            },
        }
    }
}

impl Report for Restored {
    fn schema(&self) -> &'static str {
        "bootseal.ceremony.restore/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let verb = if self.dry_run { "would be put back" } else { "put back" };
        let (directory, keys) = (printable(&self.directory), self.keys.join(", "));
        writeln!(
            out,
            "{} {verb} in {directory} from the {}: {keys}",
            style.tick(),
            self.from
        )?;
        if !self.left_out.is_empty() {
            writeln!(out, "- left in the backup: {}", self.left_out.join(", "))?;
        }
        writeln!(out, "Opened by: {}", self.opened_by)?;
        if !self.complete {
            writeln!(
                out,
                "{} a sheet has private keys alone, and no directory with the transcript of their ceremony was named: certificates, lists \
                 and transcript are not there; name one with --with DIR, and a new directory",
                style.warn("!")
            )?;
        }
        if self.dry_run {
            return Ok(());
        }
        for end in &self.transcripts {
            write_end(out, end)?;
        }
        write_not_recorded(out, style, &self.not_recorded)?;
        if self.complete {
            let word = quoted(Path::new(&self.directory));
            if !self.left_out.is_empty() {
                let (source, left) = (quoted(Path::new(&self.source)), self.left_out.join(","));
                writeln!(
                    out,
                    "The others: bootseal ceremony restore {source} DIR --only {left} --with {word}"
                )?;
            }
            writeln!(
                out,
                "Next: bootseal ceremony verify {word}; bootseal keys list --keys {word}"
            )?;
        }
        Ok(())
    }
}
