//! The mode that the firmware reports, in flags and in words.

use serde::Serialize;

use crate::error::Result;

use super::store::Store;

/// The variables that tell in which mode a firmware is (UEFI 2.10, section 32.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mode {
    /// `SetupMode`: there is no platform key.
    pub setup_mode: bool,
    /// `SecureBoot`: images were judged at the last start; null if the firmware does not tell.
    pub secure_boot: Option<bool>,
    /// `AuditMode`: images are judged, and started whatever the verdict.
    pub audit_mode: Option<bool>,
    /// `DeployedMode`: only the owner of the platform key can end it.
    pub deployed_mode: Option<bool>,
    /// `VendorKeys`: the keys are the factory keys.
    pub vendor_keys: Option<bool>,
}

impl Mode {
    /// The mode that a firmware reports.
    pub fn read(store: &Store) -> Result<Self> {
        Ok(Self {
            setup_mode: store.setup_mode()?,
            secure_boot: store.secure_boot()?,
            audit_mode: store.flag("AuditMode")?,
            deployed_mode: store.flag("DeployedMode")?,
            vendor_keys: store.flag("VendorKeys")?,
        })
    }

    /// The mode in words, one sentence for each fact.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let mode = match (self.setup_mode, self.audit_mode, self.deployed_mode) {
            (_, Some(true), _) => "Audit Mode: it judges each file and starts it whatever the verdict",
            (true, ..) => {
                "Setup Mode: it has no platform key, does not enforce Secure Boot, and accepts keys from anyone"
            }
            (false, _, Some(true)) => {
                "Deployed Mode: keys change only by signed writes, and only the platform key can end this mode"
            }
            (false, ..) => "User Mode: keys change only by signed writes",
        };
        let secure_boot = match self.secure_boot {
            Some(true) => "Secure Boot was on at the last start",
            Some(false) => "Secure Boot was off at the last start",
            None => "it does not tell whether Secure Boot was on at the last start",
        };
        let vendor = (self.vendor_keys == Some(true)).then_some("its keys are the factory keys");
        [mode, secure_boot].into_iter().chain(vendor).collect()
    }
}
