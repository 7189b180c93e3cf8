//! `bootseal keys import`: the bundle of a node.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use crate::cli::session::Session;
use crate::cli::transcript_end::write_end;
use crate::cli::unlock::Unlock;
use crate::error::{Error, Result, quoted};
use crate::fleet::{self, Imported};
use crate::formats::text::printable;
use crate::system::Powers;
use crate::system::config::DEFAULT_KEYS;
use crate::ui::{Report, Style, prompt, to_json};

#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    /// The bundle that bootseal ceremony add-node made for this machine
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Fingerprint of the fleet, in words or hex; a machine that belongs to it knows it already
    #[arg(long, value_name = "FINGERPRINT")]
    fleet: Option<String>,
    /// Key directory [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    unlock: Unlock,
}

impl Import {
    pub(super) fn powers(&self, session: &Session) -> Result<Powers> {
        let keys = session.keys(self.keys.as_ref())?;
        // The key directory appears in the one above it.
        let above = keys.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(session.writing_files([&keys, &above]))
    }

    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        self.unlock.only_for(&[])?;
        let keys = session.keys(self.keys.as_ref())?;
        let asks = io::stdin().is_terminal() && io::stderr().is_terminal() && !session.quiet;
        let mut typed =
            || {
                if asks {
                    return prompt::question("Fingerprint of the fleet, in words", "");
                }
                Err(Error::usage("the fingerprint of the fleet is not named, and this machine does not know it yet")
                .hint("where the fleet's offline directory is, it is shown by: bootseal ceremony nodes --keys DIR"))
            };
        let ask = &mut |_: &str| self.unlock.existing("Passphrase of the bundle");
        let (bundle, fleet) = (&self.bundle, self.fleet.as_deref());
        let imported = fleet::import(&session.context, bundle, &keys, fleet, (&mut typed, ask))?;
        Ok(Box::new(imported))
    }
}

impl Report for Imported {
    fn schema(&self) -> &'static str {
        "bootseal.keys.import/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let directory = printable(&self.end.directory);
        if !self.changed {
            return writeln!(out, "{} {directory} has all of it", style.tick());
        }
        let would = if self.dry_run { "would be put" } else { "put" };
        let (node, fleet) = (printable(&self.node), printable(&self.fleet));
        writeln!(
            out,
            "{} {node} of the fleet {fleet}, number {}: {would} into {directory}:\n  {}",
            style.tick(),
            self.number,
            printable(&self.files.join(" "))
        )?;
        if !self.plain.is_empty() {
            writeln!(
                out,
                "In clear, as the specification says: {}",
                printable(&self.plain.join(", "))
            )?;
        }
        if self.dry_run {
            return Ok(());
        }
        write_end(out, &self.end)?;
        let keys = if self.end.directory == DEFAULT_KEYS {
            String::new()
        } else {
            format!(" --keys {}", quoted(self.end.directory.as_ref()))
        };
        writeln!(out, "Next: bootseal enroll plan{keys}")
    }
}
