//! Authenticode signatures in PE files (Microsoft, "Windows Authenticode Portable Executable Signature Format", and
//! "PE Format"), as the firmware reads them: EDK2's `DxeImageVerificationLib` is the judge where texts differ.
//!
//! The image hash leaves out `CheckSum`, the certificate table's directory entry and the table itself, and covers the
//! file padded with zeros to a multiple of 8 bytes. Several signatures are several entries of the table; signatures
//! nested inside one are ignored, as the firmware does.

mod checksum;
mod edit;
mod headers;
mod image;
mod large;
mod layout;
mod padding;
mod sample;
mod signature;
mod spc;
mod table;
mod view;

pub use checksum::checksum;
pub use edit::{CannotSign, Rewritten};
pub use headers::ImageError;
pub use image::Image;
pub use large::{Ends, LargeImage};
pub use layout::{LayoutProblem, Section, Severity};
pub use sample::minimal_image;
pub use signature::{Signature, SignatureError, announced_hash};
pub use spc::INDIRECT_DATA;
pub use table::{TableError, WinCertificate};
