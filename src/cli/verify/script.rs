//! The report of `bootseal verify` on directories and scripts of GRUB.

use std::io::{self, Write};
use std::path::Path;

use crate::finding::{Finding, Level};
use crate::formats::text::printable;
use crate::sign::grub::Audit;
use crate::ui::Style;
use crate::ui::finding::write_finding_with_place;

use crate::cli::text::name;

/// Writes traps, notes only on demand.
pub(super) fn write_traps(out: &mut dyn Write, style: Style, traps: &[Finding], with_notes: bool) -> io::Result<()> {
    let shown = traps.iter().filter(|trap| with_notes || trap.level > Level::Note);
    for trap in shown {
        write_finding_with_place(out, style, trap)?;
    }
    Ok(())
}

/// Writes the problems and traps of a directory, and a summary.
pub(super) fn write_audit(
    out: &mut dyn Write,
    style: Style,
    directory: &Path,
    audit: &Audit,
    verbose: bool,
) -> io::Result<()> {
    for problem in &audit.problems {
        // One remedy for all of the directory comes at the end.
        writeln!(out, "{} {}", style.level(problem.level), printable(&problem.describe()))?;
    }
    write_traps(out, style, &audit.traps, verbose)?;
    let directory = name(directory);
    let traps = audit.traps.iter().filter(|trap| trap.level > Level::Note).count();
    let notes = match audit.traps.len().saturating_sub(traps) {
        0 => String::new(),
        notes if verbose => format!(", notes: {notes}"),
        notes => format!(", notes: {notes} (-v shows them)"),
    };
    let judged = audit.judged;
    if audit.is_clean() {
        writeln!(
            out,
            "{} {directory} (GRUB directory): files: {judged}, all signed{notes}",
            style.tick()
        )
    } else {
        let problems = audit.problems.len();
        writeln!(
            out,
            "{} {directory} (GRUB directory): files: {judged}, problems: {problems}, traps: {traps}{notes}",
            style.cross()
        )
    }
}
