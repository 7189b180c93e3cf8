//! The transcript held against the files: its signatures, and the files as they are now.

mod directory;
mod history;
mod seals;

pub use directory::{Verified, verify};
pub use history::{is_backed_up, is_drilled, last_drill};
pub use seals::{SealError, Signed, check_seals, read};
