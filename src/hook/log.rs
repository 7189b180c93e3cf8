//! The lines of a run in the system's log.

use crate::error::Result;
use crate::finding::Level;
use crate::formats::text::Shown;
use crate::sign::{Change, Outcome};
use crate::system::Syslog;

use super::done::Done;
use super::request::Request;

/// One line for each file that changed or could not be signed.
pub(super) fn record(log: &mut Syslog, request: &Request, done: &Result<Done>) {
    let (slot, subject) = (request.slot.name(), &request.subject);
    let mut say = |level, text: String| log.say(level, &format!("{slot} {subject}: {text}"));
    match done {
        Ok(done) => {
            for Outcome { path, result, kind, .. } in &done.summary.outcomes {
                let path = path.shown();
                match result {
                    Ok(Change::Signed) => say(Level::Note, format!("signed {path} ({})", kind.unwrap_or("file"))),
                    Ok(Change::Removed | Change::Withdrawn) => say(Level::Note, format!("removed {path}")),
                    // It has a note of its own.
                    Ok(Change::Unchanged | Change::Kept | Change::Absent | Change::Unvouched) => {}
                    Err(error) => say(Level::Error, error.in_one_line()),
                }
            }
            for note in &done.notes {
                say(Level::Warning, note.clone());
            }
        }
        Err(error) => say(Level::Error, error.in_one_line()),
    }
}
