//! Small files that set variables in the manner of a shell.

use crate::error::Result;
use crate::system::{self, Context};

/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// The text of such a file below the context's root; none if there is none. An error if it cannot be read.
pub(super) fn text(context: &Context, path: &str) -> Result<Option<String>> {
    let bytes = system::read_if_there(&context.path(path), MAX_FILE)?;
    Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The value that it gives to a variable last, without quotation marks.
pub(super) fn value<'t>(text: &'t str, variable: &str) -> Option<&'t str> {
    let lines = text.lines().map(str::trim);
    let lines = lines.map(|line| line.strip_prefix("export ").unwrap_or(line));
    let mut values = lines.filter_map(|line| line.strip_prefix(variable)?.strip_prefix('='));
    values.next_back().map(|value| value.trim_matches(['"', '\'']))
}
