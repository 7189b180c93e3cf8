//! Lists with one entry on each line.

/// A line that is not as the kernel writes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct LineError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

/// Reads each line of a list.
pub(super) fn each_line<T>(text: &str, what: &'static str, read: fn(&str) -> Option<T>) -> Result<Vec<T>, LineError> {
    let lines = text.lines().zip(1..);
    lines
        .map(|(line, number)| read(line).ok_or(LineError { line: number, what }))
        .collect()
}
