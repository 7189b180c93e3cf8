//! The running program.

use std::path::Path;
use std::time::UNIX_EPOCH;

/// The moment when the running program was built or unpacked, by the time of its file, in seconds since 1970-01-01 UTC: a clock that
/// stands before is wrong. None where the file tells nothing.
#[must_use]
pub fn program_date() -> Option<u64> {
    let modified = Path::new("/proc/self/exe").metadata().ok()?.modified().ok()?;
    Some(modified.duration_since(UNIX_EPOCH).ok()?.as_secs())
}
