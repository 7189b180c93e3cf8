//! The signature lists of the four variables of Secure Boot together.

use crate::error::Result;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::SignatureDatabase;

use super::planned_write::PlannedWrite;
use super::store::Store;

/// The content of the four variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lists {
    pub(super) pk: SignatureDatabase,
    pub(super) kek: SignatureDatabase,
    pub(super) db: SignatureDatabase,
    pub(super) dbx: SignatureDatabase,
}

impl Lists {
    /// The present content of a firmware's variables.
    pub(super) fn read(store: &Store) -> Result<Self> {
        Ok(Self {
            pk: store.database(VariableName::Pk)?,
            kek: store.database(VariableName::Kek)?,
            db: store.database(VariableName::Db)?,
            dbx: store.database(VariableName::Dbx)?,
        })
    }

    /// The content of one of them.
    pub(super) const fn get(&self, variable: VariableName) -> &SignatureDatabase {
        match variable {
            VariableName::Pk => &self.pk,
            VariableName::Kek => &self.kek,
            VariableName::Db => &self.db,
            VariableName::Dbx => &self.dbx,
        }
    }

    /// Takes a write over, as the firmware does. One whose entries are there already is not made, whatever their order.
    pub(super) fn take(&mut self, write: &PlannedWrite) {
        if write.already_there {
            return;
        }
        let held = match write.name {
            VariableName::Pk => &mut self.pk,
            VariableName::Kek => &mut self.kek,
            VariableName::Db => &mut self.db,
            VariableName::Dbx => &mut self.dbx,
        };
        if write.append {
            held.merge(&write.content);
        } else {
            *held = write.content.clone();
        }
    }
}
