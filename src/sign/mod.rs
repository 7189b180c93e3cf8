//! Layer 3: discover, plan, stage, commit. One run signs any mix of files and replaces them together; every file that
//! can be signed is, and those that cannot are named.

mod discover;
pub mod efi;
pub mod grub;
mod job;
mod judge;
mod manifest;
pub mod modules;
mod observer;
mod outcome;
mod run;
mod signature_file;

pub use job::{Job, SigningKeys, Sources};
pub use judge::{Judged, judge};
pub use observer::{Observer, Unobserved};
pub use outcome::{Change, Outcome, failure};
pub use run::{Options, Run, Summary};
