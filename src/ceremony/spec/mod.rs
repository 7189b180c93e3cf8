//! The specification of a ceremony: the one input that is reviewed.

mod certificate_check;
mod draft;
mod file;
mod machine_check;
mod shares;
mod specification;
mod validate;

pub use certificate_check::CertificateCheck;
pub use draft::{Answer, Draft};
pub use machine_check::MachineCheck;
pub use shares::Shares;
pub(crate) use specification::purpose;
pub use specification::{Backup, DEFAULT_YEARS, KeySpec, Place, Revocations, Spec, TokenPlace, Waiver};
pub(super) use specification::{SIZES, absolute};
