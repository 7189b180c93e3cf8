//! Directories and scripts of GRUB, as a part of what `bootseal verify` says.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::quoted;
use crate::formats::grub::opened_files::variables;
use crate::formats::grub::script::Script;
use crate::formats::text::printable;
use crate::sign::grub::{Audit, Problem};
use crate::trust::grub_traps::{Level, Trap, default_traps, traps};
use crate::ui::Style;

use crate::cli::sign::name;

/// Whether a file is what `grub-mkconfig` follows, which GRUB itself never opens.
pub(super) fn is_defaults(path: &Path) -> bool {
    path.ends_with("default/grub")
}

/// The traps of a file that is a script of GRUB, or what `grub-mkconfig` follows, by its name.
pub(super) fn traps_of(path: &Path, file: &[u8]) -> Vec<(PathBuf, Trap)> {
    let found = if is_defaults(path) {
        default_traps(&String::from_utf8_lossy(file))
    } else if path.extension().is_some_and(|ending| ending == "cfg") {
        let script = Script::parse_bytes(file);
        traps(&script, &variables(std::iter::once(&script)))
    } else {
        Vec::new()
    };
    found.into_iter().map(|trap| (path.to_path_buf(), trap)).collect()
}

pub(super) fn is_finding(trap: &(PathBuf, Trap)) -> bool {
    trap.1.level == Level::Finding
}

pub(super) fn trap_json((path, trap): &(PathBuf, Trap)) -> Value {
    json!({
        "trap": trap.name,
        "level": trap.level.name(),
        "path": path.to_string_lossy(),
        "line": trap.line,
        "text": trap.text,
        "reason": trap.reason,
        "remedy": trap.remedy,
    })
}

pub(super) fn problem_json(problem: &Problem) -> Value {
    json!({
        "problem": problem.name,
        "path": problem.path.to_string_lossy(),
        "line": problem.line,
        "reason": problem.reason,
        "remedy": problem.remedy,
    })
}

/// Traps, notes only on demand.
pub(super) fn write_traps(
    out: &mut dyn Write,
    style: Style,
    traps: &[(PathBuf, Trap)],
    with_notes: bool,
) -> io::Result<()> {
    for (path, trap) in traps {
        let sign = match trap.level {
            Level::Finding => style.cross(),
            Level::Note if with_notes => style.note("-"),
            Level::Note => continue,
        };
        let Trap {
            name: trap_name,
            line,
            text,
            reason,
            remedy,
            ..
        } = trap;
        writeln!(
            out,
            "{sign} {}:{line}: {} ({trap_name}): {reason}",
            name(path),
            printable(text)
        )?;
        writeln!(out, "    {remedy}")?;
    }
    Ok(())
}

/// What was found in a directory.
pub(super) fn write_audit(
    out: &mut dyn Write,
    style: Style,
    directory: &Path,
    audit: &Audit,
    verbose: bool,
) -> io::Result<()> {
    for problem in &audit.problems {
        let place = printable(&problem.place());
        writeln!(
            out,
            "{} {place} ({}): {}",
            style.cross(),
            problem.name,
            printable(&problem.reason)
        )?;
    }
    write_traps(out, style, &audit.traps, verbose)?;
    let directory = name(directory);
    let traps = audit.traps.iter().filter(|trap| is_finding(trap)).count();
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
    let mends = |problem: &Problem| !["not_found", "not_judged", "no_key"].contains(&problem.name);
    let is_mended = audit.problems.iter().any(mends);
    is_mended.then(|| format!("bootseal sign grub {}", quoted(directory)))
}
