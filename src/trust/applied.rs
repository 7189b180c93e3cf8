//! Signed writes of others that a key directory keeps: Microsoft's revocations, a vendor's addition. Whoever signed them is trusted by KEK
//! already, so no private key is needed to have other boards take them too.

use crate::error::{Explain, Result};
use crate::formats::firmware::authenticated_variable::{APPEND_ATTRIBUTES, AuthenticatedVariable, VariableName};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::Shown;
use crate::keys::KeyDirectory;
use crate::system;

use super::variable::{Firmware, Refusal, judge};

/// Largest such file that is read, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// A signed write that appends to a variable, and was applied.
#[derive(Debug, Clone)]
pub struct AppliedWrite {
    /// Its name in the key directory.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// The entries that it appends.
    pub content: SignatureDatabase,
}

/// Beginning of the names of such files of a variable.
fn prefix(variable: VariableName) -> String {
    format!("applied-{variable}-")
}

/// The name of the file that keeps a write; `sha256` is that of its bytes, lower-case hex.
#[must_use]
pub fn applied_name(variable: VariableName, sha256: &str) -> String {
    let digits: String = sha256.chars().take(16).collect();
    format!("{}{digits}.auth", prefix(variable))
}

/// The writes of others that a key directory keeps for a variable, as far as the KEK that it enrolls trusts their signers.
pub fn applied(keys: &KeyDirectory, variable: VariableName) -> Result<Vec<AppliedWrite>> {
    let prefix = prefix(variable);
    let mut writes = Vec::new();
    if !keys.path().is_dir() {
        return Ok(writes);
    }
    for entry in system::list_directory(keys.path())? {
        let name = entry
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let is_write = entry.path.extension().is_some_and(|ending| ending == "auth");
        if !name.starts_with(&prefix) || !is_write {
            continue;
        }
        let path = keys.file_path(&name);
        let bytes = system::read_ours(&path, MAX_FILE)?;
        // Its entries are in the lists that we have signed.
        if bytes.is_empty() {
            continue;
        }
        let write = AuthenticatedVariable::parse(&bytes)
            .or_refuse(|| format!("{} is no signed write of a variable", path.shown()))?;
        if trusts(keys, variable, &write)?.is_ok() {
            let content = SignatureDatabase::parse(&write.payload)
                .or_refuse(|| format!("cannot read signature lists from {}", path.shown()))?;
            writes.push(AppliedWrite { name, bytes, content });
        }
    }
    writes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(writes)
}

/// The verdict of a board that holds what the key directory enrolls, on a write that appends.
pub fn trusts(
    keys: &KeyDirectory,
    variable: VariableName,
    write: &AuthenticatedVariable,
) -> Result<std::result::Result<(), Refusal>> {
    let firmware = Firmware {
        pk: &keys.database(VariableName::Pk)?,
        kek: &keys.database(VariableName::Kek)?,
        setup_mode: false,
        last_write: None,
    };
    Ok(judge(&firmware, variable, APPEND_ATTRIBUTES, write).map(drop))
}

/// The content that a variable is meant to have: the lists of the key directory, and the entries of others' writes.
pub fn meant(keys: &KeyDirectory, variable: VariableName) -> Result<SignatureDatabase> {
    let mut content = keys.database(variable)?;
    for write in applied(keys, variable)? {
        content.merge(&write.content);
    }
    Ok(content)
}
