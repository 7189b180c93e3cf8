//! The new end of a transcript, which each command that adds lines shows.

use std::io::{self, Write};

use crate::ceremony::transcript::End;
use crate::formats::text::printable;
use crate::ui::Style;

/// Prints the end of a transcript that has gained lines.
pub(super) fn write_end(out: &mut dyn Write, end: &End) -> io::Result<()> {
    writeln!(
        out,
        "Recorded in the transcript of {}: write its end down\n    {}\n    {}",
        printable(&end.directory),
        end.head,
        end.words
    )
}

/// Names the transcripts that lack the lines which others have gained.
pub(super) fn write_not_recorded(out: &mut dyn Write, style: Style, failures: &[String]) -> io::Result<()> {
    for failure in failures {
        writeln!(out, "{} not recorded in {}", style.warn("!"), printable(failure))?;
    }
    Ok(())
}
