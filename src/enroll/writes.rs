//! The signed writes that a request asks for, each read and checked.

use std::path::Path;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{
    APPEND_ATTRIBUTES, ATTRIBUTES, AuthenticatedVariable, VariableName,
};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::Shown;
use crate::keys::KeyDirectory;
use crate::system;
use crate::trust::applied;
use crate::trust::variable::recognise;

use super::planned_write::{PlannedWrite, appends, cannot_enroll};
use super::request::{Source, Update};
use super::store::Store;

/// Largest `.auth` file that is read, in bytes.
const MAX_AUTH: u64 = 4 << 20;

/// The writes of a source, in no particular order.
pub(super) fn planned_writes(source: &Source, store: &Store) -> Result<Vec<PlannedWrite>> {
    let mut writes = Vec::new();
    match source {
        Source::Keys(keys) => {
            for update in read_key_directory(keys)? {
                let write = planned(update)?;
                check_file(&write)?;
                // The last revocation of one's own was taken out again: there is nothing to append.
                if !write.content.is_empty() {
                    writes.push(write);
                }
            }
        }
        Source::Updates(updates) => {
            for update in updates {
                writes.push(planned(update.clone())?);
            }
        }
    }
    for variable in VariableName::ALL {
        let mut appended = SignatureDatabase::default();
        for write in writes.iter().filter(|write| write.append && write.name == variable) {
            appended.merge(&write.content);
        }
        for write in writes.iter_mut().filter(|write| write.name == variable) {
            write.appended.clone_from(&appended);
            write.already_there = write.is_held_by(store.read(variable)?.as_ref());
        }
    }
    Ok(writes)
}

/// The `.auth` files of a key directory: our own, and those of others that it keeps.
pub(super) fn read_key_directory(keys: &Path) -> Result<Vec<Update>> {
    let mut updates = Vec::new();
    for variable in VariableName::ALL {
        updates.extend(read_auth(keys, variable)?);
    }
    let directory = KeyDirectory::unjudged(keys);
    for variable in VariableName::ALL {
        updates.extend(applied(&directory, variable)?.into_iter().map(|write| Update {
            variable,
            attributes: APPEND_ATTRIBUTES,
            auth: write.bytes,
            origin: keys.join(write.name).shown(),
        }));
    }
    Ok(updates)
}

/// The `.auth` file for a variable; none if there is no dbx.auth, which is the only one that may be missing.
fn read_auth(keys: &Path, variable: VariableName) -> Result<Option<Update>> {
    let file = keys.join(format!("{variable}.auth"));
    let hint = |error: Error| {
        error.hint("name the directory of a ceremony that holds PK.auth, KEK.auth and db.auth: --keys DIR")
    };
    let auth = if variable == VariableName::Dbx {
        match system::read_ours_if_there(&file, MAX_AUTH).map_err(hint)? {
            Some(auth) => auth,
            None => return Ok(None),
        }
    } else {
        system::read_ours(&file, MAX_AUTH).map_err(hint)?
    };
    // dbx only grows: the revocations of the firmware's vendor and of Microsoft stay.
    let attributes = match variable {
        VariableName::Dbx => APPEND_ATTRIBUTES,
        VariableName::Pk | VariableName::Kek | VariableName::Db => ATTRIBUTES,
    };
    Ok(Some(Update {
        variable,
        attributes,
        auth,
        origin: file.shown(),
    }))
}

fn planned(update: Update) -> Result<PlannedWrite> {
    let cannot = || cannot_enroll(&update.origin);
    let auth = AuthenticatedVariable::parse(&update.auth).or_refuse(cannot)?;
    let content = SignatureDatabase::parse(&auth.payload).or_refuse(cannot)?;
    Ok(PlannedWrite {
        variable: update.variable.name(),
        sha256: HashAlgorithm::Sha256.digest(&[&update.auth]).to_hex(),
        bytes: update.auth.len(),
        append: appends(update.attributes),
        time: auth.time,
        signed_by: recognise(&auth).ok().map(|recognised| recognised.signer.common_name()),
        already_there: false,
        name: update.variable,
        attributes: update.attributes,
        auth: update.auth,
        content,
        appended: SignatureDatabase::default(),
        origin: update.origin,
    })
}

/// Refuses a file of a key directory that is signed for another variable than its name says, or that is empty.
fn check_file(write: &PlannedWrite) -> Result<()> {
    let cannot = || cannot_enroll(&write.origin);
    let auth = AuthenticatedVariable::parse(&write.auth).or_refuse(cannot)?;
    let recognised = recognise(&auth).or_refuse(cannot)?;
    if (recognised.variable, recognised.attributes) != (write.name, write.attributes) {
        return Err(Error::refused(format!(
            "{} was signed to {} {}, not to {} {}",
            write.origin,
            verb(recognised.attributes),
            recognised.variable,
            verb(write.attributes),
            write.variable,
        )));
    }
    if write.content.is_empty() && !write.append {
        return Err(Error::refused(format!(
            "{} would empty {}",
            write.origin, write.variable
        )));
    }
    Ok(())
}

const fn verb(attributes: u32) -> &'static str {
    if appends(attributes) { "append to" } else { "replace" }
}
