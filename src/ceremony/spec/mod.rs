//! The specification of a ceremony: the one input that is reviewed.

mod certificate_check;
mod draft;
mod file;
mod fleet;
mod machine_check;
mod parts;
mod shares;
mod specification;
mod validate;

pub use certificate_check::CertificateCheck;
pub use draft::{Answer, Draft};
pub(crate) use fleet::NODES;
pub use machine_check::MachineCheck;
pub(crate) use parts::purpose;
pub use parts::{Backup, DEFAULT_YEARS, Derived, FleetSpec, KeySpec, NodeSpec, Place, Revocations, TokenPlace, Waiver};
pub use shares::Shares;
pub use specification::Spec;
pub(super) use specification::{SIZES, absolute};
