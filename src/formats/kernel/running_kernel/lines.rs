//! Lists with one entry on each line.

/// A line that is not as the kernel writes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct LineError {
    /// The line, counted from 1.
    pub line: usize,
    /// The reason.
    pub reason: &'static str,
}

/// Reads each line of a list.
pub(super) fn each_line<T>(text: &str, reason: &'static str, read: fn(&str) -> Option<T>) -> Result<Vec<T>, LineError> {
    let lines = text.lines().zip(1..);
    lines
        .map(|(line, number)| read(line).ok_or(LineError { line: number, reason }))
        .collect()
}
