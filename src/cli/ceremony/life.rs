//! The commands after a ceremony, and the one that ends it: verify, drill, note, abort.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::ceremony::backup::drill::{self, Opener};
use crate::ceremony::{self, verify};
use crate::error::{Error, Result, quoted};
use crate::fleet;
use crate::formats::text::Shown;
use crate::keys::KeyName;
use crate::ui::{Report, prompt};

use super::report::Noted;
use crate::cli::session::Session;
use crate::cli::unlock::{Pin, Unlock};

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// A directory that a ceremony made: keys or backup
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// The transcript must end here: its last digest, in hex or words, as it was written down
    #[arg(long, value_name = "HEAD")]
    head: Option<String>,
}

impl Verify {
    pub(super) fn run(&self) -> Result<Box<dyn Report>> {
        if self.directory.is_file() {
            let text = format!(
                "{} is a file: name the directory of keys or backup that it is in",
                self.directory.shown()
            );
            let above = self.directory.parent().filter(|above| !above.as_os_str().is_empty());
            let again = format!("bootseal ceremony verify {}", quoted(above.unwrap_or(Path::new("."))));
            return Err(Error::usage(text).hint(again));
        }
        Ok(Box::new(verify::verify(&self.directory, self.head.as_deref())?))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Drill {
    /// The archive, or a file with the lines of the printed sheet
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// Key directory whose keys they are [default: the one of the configuration]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Read the shares from FILE, one a line, in place of asking for them
    #[arg(long, value_name = "FILE")]
    shares: Option<PathBuf>,
    /// Open the archive of a fleet's node with the fleet's key, which DIR has
    #[arg(long, value_name = "DIR", conflicts_with = "shares")]
    fleet: Option<PathBuf>,
    #[command(flatten)]
    unlock: Unlock,
}

impl Drill {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        let keys = session.keys(self.keys.as_ref())?;
        let opener = self.opener(&keys)?;
        // The node's own directory, where the offline keys are drilled on the node.
        let more = [session.keys(None)?];
        let drilled = drill::drill(&session.context, &keys, &more, &self.source, &opener)?;
        Ok(Box::new(drilled))
    }

    fn opener(&self, keys: &Path) -> Result<Opener> {
        if let Some(fleet) = &self.fleet {
            self.unlock.only_for(&[KeyName::Fleet])?;
            return fleet::opener(fleet, &self.source, &mut |what| self.unlock.existing(what));
        }
        self.unlock.only_for(&[])?;
        let set = drill::recorded_shares(keys, &self.source)?;
        match (&self.shares, set, self.unlock.given()?) {
            (Some(_), _, Some(_)) => Err(Error::usage("name the shares or the passphrase, not both")),
            (Some(path), ..) => Ok(Opener::Shares(drill::read_shares(path)?)),
            (None, _, Some(passphrase)) => Ok(Opener::Passphrase(passphrase)),
            (None, Some(set), None) => Ok(Opener::Shares(prompt::shares(set.needed, &set.set)?)),
            (None, None, None) => Ok(Opener::Passphrase(self.unlock.existing("Passphrase of the backup")?)),
        }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Note {
    /// A key directory, or the work directory of a ceremony under way
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// One line of text
    #[arg(value_name = "TEXT")]
    text: String,
    #[command(flatten)]
    unlock: Unlock,
}

impl Note {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        let ask = &mut |what: &str| self.unlock.existing(what);
        let end = ceremony::note(&session.context, &self.directory, &self.text, ask)?;
        Ok(Box::new(Noted {
            text: self.text.clone(),
            end,
            dry_run: session.context.dry_run(),
        }))
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct Abort {
    /// The work directory, as the stopped ceremony printed it
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    #[command(flatten)]
    pin: Pin,
}

impl Abort {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.pin.only_for(&[])?;
        let ask = &mut |token: &str| self.pin.ask(&format!("PIN of the token \"{token}\""));
        Ok(Box::new(ceremony::abort(&session.context, &self.directory, ask)?))
    }
}
