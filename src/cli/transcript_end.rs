//! The new end of a transcript, which each command that adds lines shows.

use std::io::{self, Write};

use crate::ceremony::transcript::End;
use crate::formats::text::printable;

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
