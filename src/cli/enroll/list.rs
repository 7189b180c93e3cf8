//! `bootseal enroll list`: what the firmware holds, entry by entry.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::cli::session::Session;
use crate::enroll::{Entry, Held, StoreChoice};
use crate::error::Result;
use crate::formats::text::printable;
use crate::ui::{Report, Style, to_json};

use super::report::describe;

#[derive(Debug, Args)]
pub(in crate::cli) struct List {
    /// The firmware: "live", the raw image of a virtual machine's variables (`OVMF_VARS.fd`), or a directory that serves
    /// as a simulated one
    #[arg(long, value_name = "STORE", default_value = "live")]
    store: StoreChoice,
    /// Key directory whose owner's entries are marked as own; there may be none [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

impl List {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        let keys = session.keys(self.keys.as_ref())?;
        Ok(Box::new(ListReport {
            held: Held::read(&session.context, &self.store, &keys)?,
            verbose: session.verbose,
        }))
    }
}

struct ListReport {
    held: Held,
    verbose: bool,
}

impl Report for ListReport {
    fn schema(&self) -> &'static str {
        "bootseal.enroll.list/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(&self.held)
    }

    fn human(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        writeln!(out, "Firmware: {}", printable(&self.held.store))?;
        for sentence in self.held.mode.words() {
            writeln!(out, "  {sentence}")?;
        }
        for variable in &self.held.variables {
            let entries = if variable.count == 1 { "entry" } else { "entries" };
            writeln!(out, "\n{}: {} {entries}", variable.name, variable.count)?;
            self.entries(out, &variable.entries)?;
        }
        for default in &self.held.vendor_defaults {
            writeln!(out, "\n{}, the factory's content", default.variable)?;
            self.entries(out, &default.entries)?;
        }
        Ok(())
    }
}

impl ListReport {
    /// The entries; with -v also the data of those that are no certificates.
    fn entries(&self, out: &mut dyn Write, entries: &[Entry]) -> io::Result<()> {
        for entry in entries {
            writeln!(out, "  {}", describe(entry))?;
            if let (Entry::Others { data, .. }, true) = (entry, self.verbose) {
                data.iter().try_for_each(|data| writeln!(out, "    {data}"))?;
            }
        }
        Ok(())
    }
}
