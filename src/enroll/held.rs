//! The variables of Secure Boot as a firmware holds them, for people and for JSON.

use std::path::Path;

use serde::Serialize;

use crate::error::Result;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::system::Context;

use super::entries::{self, Entry, Owners};
use super::mode::Mode;
use super::store::{Store, StoreChoice};
use super::vendor_defaults::{VendorDefault, vendor_defaults};

/// A firmware's variables.
#[derive(Debug, Clone, Serialize)]
pub struct Held {
    /// The firmware, in words.
    pub store: String,
    /// Its mode, as it states it.
    #[serde(flatten)]
    pub mode: Mode,
    /// PK, KEK, db and dbx.
    pub variables: Vec<HeldVariable>,
    /// The factory's content of them, where the firmware shows it.
    pub vendor_defaults: Vec<VendorDefault>,
}

/// One of the four variables.
#[derive(Debug, Clone, Serialize)]
pub struct HeldVariable {
    /// PK, KEK, db or dbx.
    pub name: String,
    /// The number of its entries.
    pub count: usize,
    /// Its entries.
    pub entries: Vec<Entry>,
}

impl Held {
    /// Reads them. No key is needed; a key directory that can be read tells which entries are its owner's.
    pub fn read(context: &Context, choice: &StoreChoice, keys: &Path) -> Result<Self> {
        let store = Store::open(context, choice)?;
        let defaults = vendor_defaults(&store)?;
        let owners = Owners {
            own: Owners::owner_of(keys),
            vendor: defaults.iter().map(|default| &default.content).collect(),
        };
        let variable = |name: VariableName| {
            let database = store.database(name)?;
            Ok(HeldVariable {
                name: name.to_string(),
                count: database.entries().count(),
                entries: entries::describe(&database, &owners),
            })
        };
        Ok(Self {
            store: choice.to_string(),
            mode: Mode::read(&store)?,
            variables: VariableName::ALL.into_iter().map(variable).collect::<Result<_>>()?,
            vendor_defaults: defaults,
        })
    }
}
