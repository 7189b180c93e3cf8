//! What the firmware says of itself, in numbers and in words.

use serde::Serialize;

use crate::error::{Explain, Result};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::SignatureDatabase;

use super::entries::{self, Entry, Owners};
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
    /// `DeployedMode`: only the owner of the platform key leads out of it.
    pub deployed_mode: Option<bool>,
    /// `VendorKeys`: the keys are those of the factory.
    pub vendor_keys: Option<bool>,
}

impl Mode {
    /// What a firmware says.
    pub fn of(store: &Store) -> Result<Self> {
        Ok(Self {
            setup_mode: store.setup_mode()?,
            secure_boot: store.secure_boot()?,
            audit_mode: store.flag("AuditMode")?,
            deployed_mode: store.flag("DeployedMode")?,
            vendor_keys: store.flag("VendorKeys")?,
        })
    }

    /// One sentence each.
    #[must_use]
    pub fn words(&self) -> Vec<&'static str> {
        let mode = match (self.setup_mode, self.audit_mode, self.deployed_mode) {
            (_, Some(true), _) => "Audit Mode: it judges what it starts, and starts it whatever the verdict",
            (true, ..) => "Setup Mode: it has no platform key, enforces nothing, and takes keys from anyone",
            (false, _, Some(true)) => {
                "Deployed Mode: keys change only by signed writes, and nothing but its platform key leads out"
            }
            (false, ..) => "User Mode: keys change only by signed writes",
        };
        let secure_boot = match self.secure_boot {
            Some(true) => "Secure Boot was on at the last start",
            Some(false) => "Secure Boot was off at the last start",
            None => "it does not tell whether Secure Boot was on at the last start",
        };
        let vendor = (self.vendor_keys == Some(true)).then_some("its keys are those of the factory");
        [mode, secure_boot].into_iter().chain(vendor).collect()
    }
}

/// What the firmware puts back when factory keys are restored: `PKDefault` and so on.
#[derive(Debug, Clone, Serialize)]
pub struct VendorDefault {
    /// `PKDefault`, `KEKDefault`, `dbDefault` or `dbxDefault`.
    pub variable: String,
    /// What it holds.
    pub entries: Vec<Entry>,
    #[serde(skip)]
    pub(super) name: VariableName,
    #[serde(skip)]
    pub(super) content: SignatureDatabase,
}

/// The defaults that the firmware shows; many show none.
pub(super) fn vendor_defaults(store: &Store) -> Result<Vec<VendorDefault>> {
    let mut defaults = Vec::new();
    for name in VariableName::ALL {
        let variable = format!("{name}Default");
        let Some(raw) = store.read_any(&variable, &Guid::GLOBAL)? else {
            continue;
        };
        let content = SignatureDatabase::parse(&raw.data)
            .or_could_not_run(|| format!("the firmware's {variable} is malformed"))?;
        defaults.push(VendorDefault {
            entries: entries::describe(&content, &Owners::default()),
            variable,
            name,
            content,
        });
    }
    Ok(defaults)
}
