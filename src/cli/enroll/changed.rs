//! The report of a change of the firmware that the directories of the ceremony follow.

use std::io::{self, Write};

use serde_json::Value;

use crate::cli::transcript_end::{write_end, write_not_recorded};

use crate::error::{Error, Result};
use crate::formats::text::{Shown, printable};
use crate::rotate::ListsChanged;
use crate::ui::{Report, Style, to_json};

/// A change of the firmware, and of what the directories of the ceremony enroll.
pub(super) struct Changed {
    pub(super) applied: Box<dyn Report>,
    pub(super) lists: Option<ListsChanged>,
    /// The command that records a change which the firmware holds, and the key directory does not know.
    pub(super) again: Option<String>,
}

impl Report for Changed {
    fn schema(&self) -> &'static str {
        self.applied.schema()
    }

    fn json(&self) -> Result<Value> {
        let mut json = self.applied.json()?;
        if let (Some(lists), Some(fields)) = (&self.lists, json.as_object_mut()) {
            fields.insert("transcripts".to_owned(), to_json(&lists.ends)?);
            fields.insert("not_recorded".to_owned(), to_json(&lists.failures)?);
        }
        Ok(json)
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        self.applied.human(out, style)?;
        self.lists.iter().try_for_each(|lists| write_lists(out, style, lists))
    }

    fn failure(&self) -> Option<Error> {
        let unrecorded = || {
            let failures = self.lists.as_ref().map(|lists| lists.failures.join("; "))?;
            let again = self.again.as_ref().filter(|_| !failures.is_empty())?;
            let error = Error::could_not_run(format!(
                "the firmware holds the update, but it is not recorded in {failures}"
            ));
            Some(error.hint(format!(
                "when the cause is removed, the same command records it: {again}"
            )))
        };
        self.applied.failure().or_else(unrecorded)
    }
}

/// Says where a change is known: another board that is enrolled from there gets it.
pub(super) fn write_lists(out: &mut dyn Write, style: Style, lists: &ListsChanged) -> io::Result<()> {
    for directory in &lists.unrecorded {
        writeln!(out, "{} {} enrolls it from now on", style.tick(), directory.shown())?;
    }
    for end in &lists.ends {
        let directory = printable(&end.directory);
        writeln!(out, "{} {directory} enrolls it from now on", style.tick())?;
        write_end(out, end)?;
    }
    write_not_recorded(out, style, &lists.failures)
}
