//! The reason why something could not be looked at.

use crate::error::Error;

/// The message of an error, with its causes and first hint, in one line.
pub(crate) fn reason(error: &Error) -> String {
    let text = error.in_one_line();
    match error.hints().first() {
        Some(hint) => format!("{text} ({hint})"),
        None => text,
    }
}
