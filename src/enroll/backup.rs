//! A copy of all variables from before the first write, in the format of efivarfs, with a manifest.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::system::variables::RawVariable;
use crate::system::{self, Context, NewFile, create_dir};

use super::plan::{Lists, Plan};
use super::request::Allow;
use super::store::Store;

/// Where backups go below the state directory, each in a directory named after its time.
const BACKUPS: &str = "backups";
/// What a backup holds.
const MANIFEST: &str = "manifest.json";
/// The manifest's form.
const SCHEMA: &str = "bootseal.backup/1";
/// Backups that may be made within one second.
const MAX_PER_SECOND: u32 = 100;
/// Largest manifest, and largest variable, that is read back, in bytes.
const MAX_FILE: u64 = 16 << 20;
/// Size of the attributes before the data of a file, in bytes.
const ATTRIBUTES: usize = 4;

/// What a backup holds: its `manifest.json`.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Backup {
    /// `bootseal.backup/1`.
    pub schema: String,
    /// When it was made, RFC 3339 UTC.
    pub time: String,
    /// The firmware: `live`, a directory or an image.
    pub store: String,
    /// Digest of the plan that was carried out afterwards.
    pub plan: String,
    /// What it was carried out in spite of.
    pub allow: Allow,
    /// All variables, the four of Secure Boot first.
    pub variables: Vec<SavedVariable>,
}

/// One variable of a backup.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct SavedVariable {
    /// Its name.
    pub name: String,
    /// Its vendor.
    pub vendor: String,
    /// Its file in the backup, attributes before the data; null if there was no such variable, or it could not be read.
    pub file: Option<String>,
    /// Its attributes.
    pub attributes: Option<u32>,
    /// Size of its data, in bytes.
    pub size: usize,
    /// SHA-256 of its data, lower-case hexadecimal.
    pub sha256: Option<String>,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Saves all variables below [`BACKUPS`], for the owner only, and says where. The four of Secure Boot have to be
/// readable; of others it is recorded if they are not.
pub(super) fn save(context: &Context, store: &Store, plan: &Plan) -> Result<PathBuf> {
    let time = context.date_time()?.to_string();
    let directory = fresh(&context.state()?.join(BACKUPS), &time)?;
    create_dir(context, &directory)?;
    let mut variables = Vec::new();
    for variable in VariableName::ALL {
        let raw = store.read(variable)?;
        variables.push(keep(context, &directory, variable.name(), &variable.vendor(), Ok(raw))?);
    }
    let mut others = store.names()?;
    others.retain(|(name, vendor)| known(name, vendor).is_none());
    others.sort_by_key(|(name, vendor)| (name.clone(), *vendor.as_bytes()));
    for (name, vendor) in others {
        let raw = store.read_any(&name, &vendor);
        variables.push(keep(context, &directory, &name, &vendor, raw)?);
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

/// What the four variables held when the backup was made. Refuses a backup that is not what its manifest says.
pub(super) fn load(directory: &Path) -> Result<Lists> {
    let path = directory.join(MANIFEST);
    let no_backup = || format!("{} is no backup of bootseal's", directory.display());
    let json = system::read_prefix(&path, Some(MAX_FILE))
        .map_err(|error| error.hint("backups are below /var/lib/bootseal/backups"))?;
    let backup: Backup = serde_json::from_slice(&json).or_refuse(no_backup)?;
    if backup.schema != SCHEMA {
        return Err(Error::refused(no_backup()).caused_by(format!("its schema is {:?}", backup.schema)));
    }
    let content = |variable: VariableName| -> Result<SignatureDatabase> {
        let is_it = |saved: &&SavedVariable| {
            saved
                .vendor
                .parse()
                .is_ok_and(|vendor| known(&saved.name, &vendor) == Some(variable))
        };
        let saved = backup.variables.iter().find(is_it);
        let saved =
            saved.ok_or_else(|| Error::refused(no_backup()).caused_by(format!("it does not tell of {variable}")))?;
        let Some(sha256) = &saved.sha256 else {
            return Ok(SignatureDatabase::default());
        };
        // The manifest does not lead elsewhere: the name follows from the variable.
        let path = directory.join(variable.full_name());
        let bytes = system::read_prefix(&path, Some(MAX_FILE))?;
        let data = bytes.get(ATTRIBUTES..).unwrap_or_default();
        if HashAlgorithm::Sha256.digest(&[data]).to_hex() != *sha256 {
            return Err(Error::refused(format!(
                "{} is not what was saved: its SHA-256 differs",
                path.display()
            )));
        }
        SignatureDatabase::parse(data).or_refuse(|| format!("{} is malformed", path.display()))
    };
    Ok(Lists {
        pk: content(VariableName::Pk)?,
        kek: content(VariableName::Kek)?,
        db: content(VariableName::Db)?,
        dbx: content(VariableName::Dbx)?,
    })
}

fn known(name: &str, vendor: &Guid) -> Option<VariableName> {
    VariableName::ALL
        .into_iter()
        .find(|known| known.name() == name && known.vendor() == *vendor)
}

/// Writes a variable's file, and says what the manifest says of it.
fn keep(
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
    // As efivarfs itself does with what no file name can hold.
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

/// A directory that does not exist yet; its name has no colons, so that it can be copied to any medium.
fn fresh(parent: &Path, time: &str) -> Result<PathBuf> {
    let name = time.replace(':', "-");
    (1..=MAX_PER_SECOND)
        .map(|number| match number {
            1 => parent.join(&name),
            _ => parent.join(format!("{name}.{number}")),
        })
        .find(|path| path.symlink_metadata().is_err())
        .ok_or_else(|| Error::could_not_run(format!("{} has too many backups of this second", parent.display())))
}
