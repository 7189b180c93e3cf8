//! A copy of all variables from before the first write, in the format of efivarfs, with a manifest.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::Shown;
use crate::system::variables::{RawVariable, is_block_device};
use crate::system::{self, Context, NewFile, create_dir};

use super::lists::Lists;
use super::plan::Plan;
use super::request::Allow;
use super::store::{Store, StoreChoice};

/// The directory of the backups, below the state directory; each backup is a directory named after its time.
const BACKUPS: &str = "backups";
/// The file that describes a backup.
const MANIFEST: &str = "manifest.json";
/// The name and version of the manifest's format.
const SCHEMA: &str = "bootseal.backup/1";
/// Most backups that are made within one second.
const MAX_PER_SECOND: u32 = 100;
/// Largest manifest, and largest variable, that is read back, in bytes.
const MAX_FILE: u64 = 16 << 20;
/// Size of the attributes before the data of a file, in bytes.
const ATTRIBUTES: usize = 4;

/// The `manifest.json` of a backup.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Backup {
    /// `bootseal.backup/1`.
    pub schema: String,
    /// Time at which it was made, RFC 3339 UTC.
    pub time: String,
    /// The firmware: `live`, a directory or an image.
    pub store: String,
    /// Digest of the plan that was carried out afterwards.
    pub plan: String,
    /// The reasons to stop that were overruled.
    pub allow: Allow,
    /// The variables of the firmware, all of them; the four of Secure Boot come first.
    pub variables: Vec<SavedVariable>,
}

/// A variable of a backup.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct SavedVariable {
    /// The variable's name.
    pub name: String,
    /// The GUID of its vendor.
    pub vendor: String,
    /// Its file in the backup, attributes before the data; null if there was no such variable, or it could not be read.
    pub file: Option<String>,
    /// Its attributes.
    pub attributes: Option<u32>,
    /// Size of its data, in bytes.
    pub size: usize,
    /// SHA-256 of its data, lower-case hexadecimal.
    pub sha256: Option<String>,
    /// The error because of which it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Saves all variables to a new directory below [`BACKUPS`], or beside a simulated firmware, readable for its owner only, and returns that directory. The
/// four of Secure Boot have to be readable; for any other the error is recorded.
pub(super) fn save(context: &Context, store: &Store, plan: &Plan) -> Result<PathBuf> {
    let time = context.date_time()?.to_string();
    let backups = match &plan.store {
        StoreChoice::Live => context.state()?.join(BACKUPS),
        // Beside a device there are only devices.
        StoreChoice::At(store) if is_block_device(store)? => {
            let name = store.file_name().unwrap_or_default().to_string_lossy();
            context.state()?.join(format!("{name}.{BACKUPS}"))
        }
        StoreChoice::At(store) => beside(store),
    };
    let directory = unused_path(&backups, &time)?;
    create_dir(context, &directory)?;
    let mut variables = Vec::new();
    for variable in VariableName::ALL {
        let raw = store.read(variable)?;
        variables.push(save_variable(
            context,
            &directory,
            variable.name(),
            &variable.vendor(),
            Ok(raw),
        )?);
    }
    let mut others = store.names()?;
    others.retain(|(name, vendor)| secure_boot_variable(name, vendor).is_none());
    others.sort_by_key(|(name, vendor)| (name.clone(), *vendor.as_bytes()));
    for (name, vendor) in others {
        let raw = store.read_any(&name, &vendor);
        variables.push(save_variable(context, &directory, &name, &vendor, raw)?);
    }
    let backup = Backup {
        schema: SCHEMA.to_owned(),
        time,
        store: plan.store.to_string(),
        plan: plan.digest.clone(),
        allow: plan.allow,
        variables,
    };
    let manifest = serde_json::to_vec_pretty(&backup).or_bug(|| "cannot write the manifest as JSON".to_owned())?;
    create(context, &directory.join(MANIFEST), &manifest)?;
    Ok(directory)
}

/// The directory of the backups of a simulated firmware: `NAME.backups`, since the machine's own are not of it.
fn beside(store: &Path) -> PathBuf {
    let mut name = store.file_name().unwrap_or_default().to_os_string();
    name.push(".");
    name.push(BACKUPS);
    store.with_file_name(name)
}

/// The content of the four variables when the backup was made. Refuses a backup that differs from its manifest.
pub(super) fn load(directory: &Path) -> Result<Lists> {
    let path = directory.join(MANIFEST);
    let no_backup = || format!("{} is no backup made by bootseal", directory.shown());
    let json = system::read_ours(&path, MAX_FILE).map_err(|error| {
        error.hint("backups are below /var/lib/bootseal/backups; those of a simulated firmware beside it")
    })?;
    let backup: Backup = serde_json::from_slice(&json).or_refuse(no_backup)?;
    if backup.schema != SCHEMA {
        return Err(Error::refused(no_backup()).caused_by(format!("its schema is {:?}", backup.schema)));
    }
    let content = |variable: VariableName| -> Result<SignatureDatabase> {
        let is_it = |saved: &&SavedVariable| {
            saved
                .vendor
                .parse()
                .is_ok_and(|vendor| secure_boot_variable(&saved.name, &vendor) == Some(variable))
        };
        let saved = backup.variables.iter().find(is_it);
        let saved = saved
            .ok_or_else(|| Error::refused(no_backup()).caused_by(format!("its manifest does not list {variable}")))?;
        let Some(sha256) = &saved.sha256 else {
            return Ok(SignatureDatabase::default());
        };
        // The manifest does not lead elsewhere: the name follows from the variable.
        let path = directory.join(variable.full_name());
        let bytes = system::read_ours(&path, MAX_FILE)?;
        let data = bytes
            .get(ATTRIBUTES..)
            .ok_or_else(|| Error::refused(format!("{} ends within its attributes", path.shown())))?;
        if HashAlgorithm::Sha256.digest(&[data]).to_hex() != *sha256 {
            return Err(Error::refused(format!(
                "{} has changed since it was saved: its SHA-256 differs from the manifest's",
                path.shown()
            )));
        }
        SignatureDatabase::parse(data).or_refuse(|| format!("{} is malformed", path.shown()))
    };
    Ok(Lists {
        pk: content(VariableName::Pk)?,
        kek: content(VariableName::Kek)?,
        db: content(VariableName::Db)?,
        dbx: content(VariableName::Dbx)?,
    })
}

/// The one of the four variables with this name and vendor.
fn secure_boot_variable(name: &str, vendor: &Guid) -> Option<VariableName> {
    VariableName::ALL
        .into_iter()
        .find(|known| known.name() == name && known.vendor() == *vendor)
}

/// Writes a variable's file, and returns its entry in the manifest.
fn save_variable(
    context: &Context,
    directory: &Path,
    name: &str,
    vendor: &Guid,
    raw: Result<Option<RawVariable>>,
) -> Result<SavedVariable> {
    let (raw, error) = match raw {
        Ok(raw) => (raw, None),
        Err(error) => (None, Some(error.to_string())),
    };
    // efivarfs replaces the characters that no file name can hold in the same way.
    let file = format!("{name}-{vendor}").replace(['/', '\0'], "!");
    if let Some(raw) = &raw {
        create(context, &directory.join(&file), &raw.to_bytes())?;
    }
    Ok(SavedVariable {
        name: name.to_owned(),
        vendor: vendor.to_string(),
        file: raw.as_ref().map(|_| file),
        attributes: raw.as_ref().map(|raw| raw.attributes),
        size: raw.as_ref().map_or(0, |raw| raw.data.len()),
        sha256: raw.map(|raw| HashAlgorithm::Sha256.digest(&[&raw.data]).to_hex()),
        error,
    })
}

fn create(context: &Context, path: &Path, bytes: &[u8]) -> Result<()> {
    let mode = 0o600;
    NewFile { path, bytes, mode }.create(context)
}

/// The path of a backup made at `time`, where nothing exists yet. It has no colons, so that the backup can be copied to
/// any medium.
fn unused_path(parent: &Path, time: &str) -> Result<PathBuf> {
    let name = time.replace(':', "-");
    for number in 1..=MAX_PER_SECOND {
        let path = match number {
            1 => parent.join(&name),
            _ => parent.join(format!("{name}.{number}")),
        };
        if !system::is_there(&path)? {
            return Ok(path);
        }
    }
    Err(Error::could_not_run(format!(
        "{} has too many backups of the present second",
        parent.shown()
    )))
}
