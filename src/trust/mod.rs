//! Layer 2: would this firmware, kernel or GRUB accept this file? The one place that decides; signing, verification,
//! enrolment and audit all ask here.

pub mod grub;
pub mod module;
