//! The way back to the content of a backup.

use std::path::Path;

use crate::error::{Error, Result};
use crate::formats::firmware::authenticated_variable::{ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName};
use crate::keys::directory::Ask;

use super::backup;
use super::request::Update;
use super::update::Updater;

impl Updater<'_> {
    /// The writes that restore a backup. In Setup Mode the firmware does not check the signatures of KEK, db and dbx, so no
    /// key is needed; in User Mode, the PK and KEK of the key directory have to be those that the firmware trusts. A
    /// platform key is restored only if the key directory holds it.
    pub fn revert(&self, directory: &Path, ask: &mut Ask<'_>) -> Result<Vec<Update>> {
        let wanted = backup::load(directory)?;
        let mut updates = Vec::new();
        for variable in [VariableName::Dbx, VariableName::Db, VariableName::Kek] {
            let content = wanted.get(variable);
            if self.database(variable)? == *content {
                continue;
            }
            updates.push(if self.setup_mode()? {
                unsigned(variable, self.time(variable)?, content.to_bytes())
            } else {
                self.sign(variable, ATTRIBUTES, content, ask)?
            });
        }
        let present = self.database(VariableName::Pk)?;
        if present == wanted.pk {
            return Ok(updates);
        }
        if self.setup_mode()? && !self.is_own_platform_key(&wanted.pk)? {
            return Err(
                Error::refused("the platform key of the backup can be restored only with its private key")
                    .hint("name its key directory: --keys DIR")
                    .hint(
                        "if it was the vendor's: in the firmware's setup, under Secure Boot, restore the factory keys",
                    ),
            );
        }
        updates.push(self.sign(VariableName::Pk, ATTRIBUTES, &wanted.pk, ask)?);
        Ok(updates)
    }
}

/// A write without a signature, as firmware takes it in Setup Mode for all but PK.
fn unsigned(variable: VariableName, time: EfiTime, payload: Vec<u8>) -> Update {
    let auth = AuthenticatedVariable {
        time,
        signed_data: Vec::new(),
        payload,
    };
    Update {
        variable,
        attributes: ATTRIBUTES,
        auth: auth.to_bytes(),
        origin: format!("the backup's {variable}"),
    }
}
