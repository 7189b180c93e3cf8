//! Layer 3: discover, plan, stage, commit. One run signs any mix of files and replaces them together; every file that
//! can be signed is, and those that cannot are named.

pub mod acceptance;
mod discover;
pub mod efi;
pub mod elsewhere;
pub mod grub;
mod hash;
pub mod image_source;
mod job;
mod judge;
mod kernels;
mod large_module;
mod loaders;
mod made;
mod manifest;
mod module_state;
pub mod modules;
mod observer;
mod outcome;
mod records;
mod run;
mod signature_file;
mod signed;
mod signing;
mod summary;
mod takeover;
mod unvouched;
mod vouching;

pub use hash::Hash;
pub use job::{Job, SigningKeys, Sources, Watch};
pub use judge::{Judged, judge};
pub use kernels::{NewKernel, ways_out};
pub use loaders::{CopyState, InstalledLoader, PackagedLoader, packaged_loaders};
pub use made::record_made;
pub use observer::{Observer, Unobserved};
pub use outcome::{Change, Outcome, failure};
pub use run::{Options, Run};
pub use summary::Summary;
pub use unvouched::{Planted, planted};
pub use vouching::{BROKEN, Installation, Offered, Unvouched, Vouchers, may_be_script};
