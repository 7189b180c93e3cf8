//! Layer 3: the one-time key ceremony. It makes every key of the chain, the certificates and signature lists that
//! firmware and kernel know them by, and the signed writes that put them there.
//!
//! A ceremony is a list of steps, made in a work directory. Each step is written into a transcript when its files are on
//! the disk, so a ceremony that was cut short goes on where it was. The product is read back and tried as firmware, kernel
//! and GRUB will, backed up, sealed, and only then put in its place: nobody ever sees half a ceremony.

mod abort;
mod afterwards;
mod amend;
pub mod backup;
mod certificate_lint;
mod check;
pub mod clock;
mod copies;
mod examination;
mod import;
mod imported_certificates;
mod layout;
pub mod life;
mod make;
mod observer;
mod placed;
mod places;
mod plan;
pub mod preflight;
mod publish;
mod report;
mod run;
mod shares_left;
mod signed_lists;
mod spec;
mod staged;
mod step;
mod sync;
#[cfg(test)]
mod tests;
pub mod transcript;
pub mod verify;
mod work;

pub use abort::{Aborted, abort};
pub(crate) use amend::append as append_to_transcript;
pub(crate) use amend::easiest_key;
pub use amend::note;
pub(crate) use copies::{Copy, append_to_all, other_copies};
pub use layout::{ARCHIVE, PlannedFile, SHEET, share_name};
pub(crate) use layout::{PUBLIC, SECRET};
pub use observer::{Observer, Unobserved};
pub(crate) use placed::is_held;
pub use places::check_places;
pub(crate) use plan::is_digest;
pub use plan::{Contents, Plan, PlannedKey, PlannedShares};
pub use report::{KeyReport, Report};
pub use run::{rehearse, run};
pub(crate) use signed_lists::{check_lists, signer};
pub use spec::{
    Answer, Backup, CertificateCheck, DEFAULT_YEARS, Derived, Draft, FleetSpec, KeySpec, MachineCheck, NodeSpec, Place,
    Revocations, Shares, Spec, TokenPlace, Waiver,
};
pub(crate) use spec::{NODES, purpose};
pub(crate) use staged::{end_change, put, recorded, stage};
pub(crate) use sync::level;
pub use sync::{Synced, carry, check_carried, sync};
