//! `bootseal keys sync`: the report.

use std::io::{self, Write};

use serde_json::Value;

use crate::ceremony::Synced;
use crate::cli::transcript_end::write_end;
use crate::error::Result;
use crate::formats::text::printable;
use crate::ui::{Report, Style, to_json};

impl Report for Synced {
    fn schema(&self) -> &'static str {
        "bootseal.keys.sync/1"
    }

    fn json(&self) -> Result<Value> {
        to_json(self)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let Some(directory) = &self.updated else {
            return writeln!(out, "{} both know the same", style.tick());
        };
        let would = if self.dry_run { "would learn" } else { "learnt" };
        let files = if self.files.is_empty() {
            String::new()
        } else {
            format!(", and has new files: {}", self.files.join(", "))
        };
        let directory = printable(directory);
        writeln!(
            out,
            "{} {directory} {would} {} lines of the transcript{files}",
            style.tick(),
            self.lines
        )?;
        if self.dry_run {
            Ok(())
        } else {
            write_end(out, &self.end)
        }
    }
}
