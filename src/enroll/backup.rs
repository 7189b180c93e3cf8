//! A copy of the variables from before the first write, in the format of efivarfs, with a manifest.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Explain, Result};
use crate::formats::authenticated_variable::VariableName;
use crate::formats::hash::HashAlgorithm;
use crate::system::variables::RawVariable;
use crate::system::{Context, NewFile, create_dir};

use super::store::{Store, StoreChoice};

/// Where backups go below the state directory, each in a directory named after its time.
const BACKUPS: &str = "backups";
/// Backups that may be made within one second.
const MAX_PER_SECOND: u32 = 100;

/// What a backup holds: its `manifest.json`.
#[derive(Debug, Clone, Serialize)]
pub struct Backup {
    /// `bootseal.backup/1`.
    pub schema: &'static str,
    /// When it was made, RFC 3339 UTC.
    pub time: String,
    /// The firmware: `live` or a directory.
    pub store: StoreChoice,
    /// Where it is.
    pub directory: PathBuf,
    /// The four variables.
    pub variables: Vec<SavedVariable>,
}

/// One variable of a backup.
#[derive(Debug, Clone, Serialize)]
pub struct SavedVariable {
    /// PK, KEK, db or dbx.
    pub name: &'static str,
    /// Its file in the backup, attributes before the data; null if there was no such variable.
    pub file: Option<String>,
    /// Its attributes.
    pub attributes: Option<u32>,
    /// Size of its data, in bytes.
    pub size: usize,
    /// SHA-256 of its data, lower-case hexadecimal.
    pub sha256: Option<String>,
}

/// Saves the four variables below [`BACKUPS`], for the owner only.
pub(super) fn save(context: &Context, store: &Store, choice: &StoreChoice) -> Result<Backup> {
    let time = context.date_time()?.to_string();
    let directory = fresh(&context.state()?.join(BACKUPS), &time)?;
    create_dir(context, &directory)?;
    let mut variables = Vec::new();
    for variable in VariableName::ALL {
        let raw = store.read(variable)?;
        if let Some(raw) = &raw {
            create(context, &directory.join(variable.full_name()), &raw.to_bytes())?;
        }
        variables.push(describe(variable, raw.as_ref()));
    }
    let backup = Backup {
        schema: "bootseal.backup/1",
        time,
        store: choice.clone(),
        directory,
        variables,
    };
    let manifest = serde_json::to_vec_pretty(&backup).or_bug(|| "cannot write the manifest as JSON".to_owned())?;
    create(context, &backup.directory.join("manifest.json"), &manifest)?;
    Ok(backup)
}

fn describe(variable: VariableName, raw: Option<&RawVariable>) -> SavedVariable {
    SavedVariable {
        name: variable.name(),
        file: raw.map(|_| variable.full_name()),
        attributes: raw.map(|raw| raw.attributes),
        size: raw.map_or(0, |raw| raw.data.len()),
        sha256: raw.map(|raw| HashAlgorithm::Sha256.digest(&[&raw.data]).to_hex()),
    }
}

fn create(context: &Context, path: &Path, bytes: &[u8]) -> Result<()> {
    let mode = 0o600;
    NewFile { path, bytes, mode }.create(context)
}

/// A directory that does not exist yet; its name has no colons, so that it can be copied to any medium.
fn fresh(parent: &Path, time: &str) -> Result<PathBuf> {
    let name = time.replace(':', "-");
    (1..=MAX_PER_SECOND)
        .map(|number| match number {
            1 => parent.join(&name),
            _ => parent.join(format!("{name}.{number}")),
        })
        .find(|path| !path.exists())
        .ok_or_else(|| Error::could_not_run(format!("{} has too many backups of this second", parent.display())))
}
