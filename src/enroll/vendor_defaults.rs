//! The vendor's keys, as the firmware shows them: `PKDefault` and so on (UEFI 2.10, section 3.3).

use serde::Serialize;

use crate::error::{Explain, Result};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::SignatureDatabase;

use super::entries::{self, Entry, Owners};
use super::store::Store;

/// The content that the firmware gives a variable when factory keys are restored.
#[derive(Debug, Clone, Serialize)]
pub struct VendorDefault {
    /// `PKDefault`, `KEKDefault`, `dbDefault` or `dbxDefault`.
    pub variable: String,
    /// Its entries.
    pub entries: Vec<Entry>,
    #[serde(skip)]
    pub(super) name: VariableName,
    #[serde(skip)]
    pub(super) content: SignatureDatabase,
}

/// The defaults that the firmware shows; much firmware shows none.
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
