//! What would be written, whether the firmware would take it, and what to know before.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Explain, Result};
use crate::formats::authenticated_variable::{
    APPEND, APPEND_ATTRIBUTES, ATTRIBUTES, AuthenticatedVariable, VariableName,
};
use crate::formats::hash::HashAlgorithm;
use crate::formats::signature_list::SignatureDatabase;
use crate::system::variables::RawVariable;
use crate::system::{self, Context};
use crate::trust::variable::{Firmware, judge, recognise};

use super::entries::{self, Entry};
use super::request::{Request, Source};
use super::store::{Store, StoreChoice};
use super::warnings::{self, Warning};

/// Order of the writes: PK ends Setup Mode, so everything else comes before it.
const ORDER: [VariableName; 4] = [VariableName::Dbx, VariableName::Db, VariableName::Kek, VariableName::Pk];
/// Largest `.auth` file that is read, in bytes.
const MAX_AUTH: u64 = 4 << 20;

/// What [`super::apply`] would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The directory of the `.auth` files.
    #[serde(serialize_with = "super::lossy")]
    pub keys: PathBuf,
    /// The firmware: `live` or a directory.
    pub store: StoreChoice,
    /// Whether the firmware is in Setup Mode.
    pub setup_mode: bool,
    /// Whether Secure Boot is on; null if the firmware does not tell.
    pub secure_boot: Option<bool>,
    /// The writes, in their order.
    pub writes: Vec<PlannedWrite>,
    /// What to know before.
    pub warnings: Vec<Warning>,
}

impl Plan {
    /// Whether everything is there already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.writes.iter().all(|write| write.already_there)
    }
}

/// One write to the firmware.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedWrite {
    /// PK, KEK, db or dbx.
    pub variable: &'static str,
    /// The `.auth` file.
    #[serde(serialize_with = "super::lossy")]
    pub file: PathBuf,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// Size of the file, which is what the firmware receives, in bytes.
    pub bytes: usize,
    /// Whether present entries stay and these are added; otherwise these replace them.
    pub append: bool,
    /// When it was signed, UTC.
    pub time: String,
    /// Common name of the certificate whose key signed it.
    pub signed_by: String,
    /// What the variable holds now.
    pub present: Vec<Entry>,
    /// What the file holds.
    pub wanted: Vec<Entry>,
    /// Whether the firmware holds all that already, so that nothing will be written.
    pub already_there: bool,
    /// The variable.
    #[serde(skip)]
    pub(super) name: VariableName,
    /// The attributes of the write.
    #[serde(skip)]
    pub(super) attributes: u32,
    /// The file's content, so that what was judged is what is written.
    #[serde(skip)]
    pub(super) auth: Vec<u8>,
    /// The new data.
    #[serde(skip)]
    pub(super) content: SignatureDatabase,
}

impl PlannedWrite {
    /// Whether the firmware holds what this write is about.
    pub(super) fn is_held_by(&self, present: Option<&RawVariable>) -> bool {
        let Some(present) = present else { return false };
        if present.attributes != ATTRIBUTES {
            return false;
        }
        if self.append {
            SignatureDatabase::parse(&present.data).is_ok_and(|held| held.contains_all(&self.content))
        } else {
            present.data == self.content.to_bytes()
        }
    }
}

/// Judges what the request asks for. Refuses outside Setup Mode, unless everything is there already, and when a file is
/// not what its name says or the firmware would not take it once the keys are in place.
pub fn plan(context: &Context, request: &Request) -> Result<Plan> {
    let store = Store::open(context, &request.store)?;
    let mut writes = Vec::new();
    let Source::Keys(keys) = &request.source else {
        return Err(Error::bug("single updates are not planned yet"));
    };
    for variable in ORDER {
        if let Some(write) = read(keys, variable, &store)? {
            writes.push(write);
        }
    }
    judge_all(&writes)?;
    let setup_mode = store.setup_mode()?;
    let mut plan = Plan {
        keys: keys.clone(),
        store: request.store.clone(),
        setup_mode,
        secure_boot: store.secure_boot()?,
        writes,
        warnings: Vec::new(),
    };
    if !setup_mode && !plan.is_done() {
        return Err(not_in_setup_mode(&request.store));
    }
    plan.warnings = warnings::of(&plan, &store)?;
    Ok(plan)
}

fn read(keys: &Path, variable: VariableName, store: &Store) -> Result<Option<PlannedWrite>> {
    let file = keys.join(format!("{variable}.auth"));
    if variable == VariableName::Dbx && !file.exists() {
        return Ok(None);
    }
    let auth_bytes = system::read_prefix(&file, Some(MAX_AUTH)).map_err(|error| {
        error.hint("name the directory of a ceremony that holds PK.auth, KEK.auth and db.auth: --keys DIR")
    })?;
    let cannot = || format!("{} cannot be enrolled", file.display());
    let auth = AuthenticatedVariable::parse(&auth_bytes).or_refuse(cannot)?;
    let recognised = recognise(&auth).or_refuse(cannot)?;
    // dbx only ever grows: what the firmware's maker or Microsoft revoked stays revoked.
    let attributes = match variable {
        VariableName::Dbx => APPEND_ATTRIBUTES,
        VariableName::Pk | VariableName::Kek | VariableName::Db => ATTRIBUTES,
    };
    if (recognised.variable, recognised.attributes) != (variable, attributes) {
        return Err(Error::refused(format!(
            "{} was signed to {} {}, not to {} {variable}",
            file.display(),
            verb(recognised.attributes),
            recognised.variable,
            verb(attributes),
        )));
    }
    let content = SignatureDatabase::parse(&auth.payload).or_refuse(cannot)?;
    if content.is_empty() {
        return Err(Error::refused(format!("{} would empty {variable}", file.display())));
    }
    let mut write = PlannedWrite {
        variable: variable.name(),
        sha256: HashAlgorithm::Sha256.digest(&[&auth_bytes]).to_hex(),
        bytes: auth_bytes.len(),
        append: attributes & APPEND != 0,
        time: auth.time.to_string(),
        signed_by: recognised.signer.common_name(),
        present: entries::describe(&store.database(variable)?),
        wanted: entries::describe(&content),
        already_there: false,
        name: variable,
        attributes,
        auth: auth_bytes,
        content,
        file,
    };
    write.already_there = write.is_held_by(store.read(variable)?.as_ref());
    Ok(Some(write))
}

const fn verb(attributes: u32) -> &'static str {
    if attributes & APPEND == 0 {
        "replace"
    } else {
        "append to"
    }
}

/// Checks the writes against each other, as a firmware that holds the new keys would: in Setup Mode the real one checks
/// next to nothing, and a KEK that cannot update db would come to light only years later.
fn judge_all(writes: &[PlannedWrite]) -> Result<()> {
    let new = |variable| {
        writes
            .iter()
            .find(|write| write.name == variable)
            .map(|write| write.content.clone())
            .unwrap_or_default()
    };
    let (pk, kek) = (new(VariableName::Pk), new(VariableName::Kek));
    for write in writes {
        let firmware = Firmware {
            pk: &pk,
            kek: &kek,
            setup_mode: write.name == VariableName::Pk,
            last_write: None,
        };
        let cannot = || format!("{} cannot be enrolled", write.file.display());
        let auth = AuthenticatedVariable::parse(&write.auth).or_refuse(cannot)?;
        judge(&firmware, write.name, write.attributes, &auth).or_refuse(cannot)?;
    }
    Ok(())
}

pub(super) fn not_in_setup_mode(store: &StoreChoice) -> Error {
    let refused = Error::refused("the firmware is not in Setup Mode, so it would not take these keys");
    match store {
        StoreChoice::Live => refused
            .hint("systemctl reboot --firmware-setup")
            .hint("there, under Secure Boot, choose \"Reset to Setup Mode\" or delete the platform key; do not restore factory keys"),
        StoreChoice::At(_) => refused
            .hint("name an empty directory, or the variables of a virtual machine without a platform key: --store PATH"),
    }
}
