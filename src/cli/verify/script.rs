//! Directories and scripts of GRUB in the report of `bootseal verify`.

use std::io::{self, Write};
use std::path::Path;

use crate::error::quoted;
use crate::finding::{Finding, Level};
use crate::formats::grub::opened_files::variables;
use crate::formats::grub::script::Script;
use crate::formats::text::printable;
use crate::sign::grub::Audit;
use crate::trust::grub_traps::{default_traps, traps};
use crate::ui::Style;
use crate::ui::finding::write_finding_with_place;

use crate::cli::sign::name;

/// True for the file that `grub-mkconfig` follows, which GRUB itself never opens.
pub(super) fn is_defaults(path: &Path) -> bool {
    path.ends_with("default/grub")
}

/// The traps of a file that is a script of GRUB, or the file that `grub-mkconfig` follows, by its name.
pub(super) fn traps_of(path: &Path, file: &[u8]) -> Vec<Finding> {
    if is_defaults(path) {
        default_traps(path, &String::from_utf8_lossy(file))
    } else if path.extension().is_some_and(|ending| ending == "cfg") {
        let script = Script::parse_bytes(file);
        traps(path, &script, &variables(std::iter::once(&script)))
    } else {
        Vec::new()
    }
}

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

/// The command that mends what is wrong in a directory, if one does.
pub(super) fn remedy(directory: &Path, audit: &Audit) -> Option<String> {
    audit
        .is_mended_by_signing()
        .then(|| format!("bootseal sign grub {}", quoted(directory)))
}
