//! The hash that modules are signed over.

use crate::formats::crypto::hash::HashAlgorithm;
use crate::system::config::{ModuleHash, SignConfig};

/// The hash that is signed.
#[derive(Clone, Copy)]
pub enum Hash<'a> {
    /// This one, for every module.
    Fixed(ModuleHash),
    /// The one that the configuration has for the module's kernel.
    Configured(&'a SignConfig),
}

impl Hash<'_> {
    /// The hash for the modules of a kernel; for others, that of most.
    pub(super) fn for_kernel(self, release: Option<&str>) -> HashAlgorithm {
        match (self, release) {
            (Self::Fixed(hash), _) => hash.into(),
            (Self::Configured(config), Some(release)) => config.hash_for(release),
            (Self::Configured(_), None) => ModuleHash::default().into(),
        }
    }
}
