//! What would be written, whether the firmware would take it, and what to know before.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{APPEND, ATTRIBUTES, EfiTime, VariableName};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::system::Context;
use crate::system::variables::RawVariable;

use super::boot_files::{self, BootFile};
use super::entries::{self, EntryChange, Owners};
use super::judge;
use super::measured::{self, OptionRom, Pcr7};
use super::mode::{Mode, VendorDefault, vendor_defaults};
use super::quirks::{self, Quirk};
use super::request::{Allow, Request, Source};
use super::store::{Store, StoreChoice};
use super::warnings::{self, Level, Warning};
use super::writes;

/// What [`super::apply`] would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The directory of the `.auth` files; null if the writes come from elsewhere.
    #[serde(serialize_with = "super::lossy_if_any")]
    pub keys: Option<PathBuf>,
    /// The firmware: `live`, a directory or an image.
    pub store: StoreChoice,
    /// SHA-256 over what is there and what is to be written, lower-case hexadecimal: `apply --plan` takes it.
    pub digest: String,
    /// What the firmware says of itself.
    pub mode: Mode,
    /// The variables, entry by entry.
    pub variables: Vec<PlannedVariable>,
    /// Bytes that the firmware has left for variables; null if it does not tell.
    pub free_space: Option<u64>,
    /// The writes, in their order.
    pub writes: Vec<PlannedWrite>,
    /// What the vendor would put back.
    pub vendor_defaults: Vec<VendorDefault>,
    /// Known faults of this firmware.
    pub quirks: Vec<Quirk>,
    /// What the firmware may start, and what it will say to it.
    pub boot_files: Vec<BootFile>,
    /// The Option ROMs of the last start, and whether they will be let in.
    pub option_roms: Vec<OptionRom>,
    /// What becomes of PCR 7.
    pub pcr7: Pcr7,
    /// What to know before.
    pub warnings: Vec<Warning>,
    /// What is done in spite of a reason to stop.
    pub allow: Allow,
    /// What the variables hold now, as it was judged.
    #[serde(skip)]
    pub(super) before: Lists,
    /// What the variables hold afterwards.
    #[serde(skip)]
    pub(super) after: Lists,
}

impl Plan {
    /// Whether everything is there already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.writes.iter().all(|write| write.already_there)
    }

    /// Fails with all that stops this plan.
    pub fn check_stops(&self) -> Result<()> {
        let stops: Vec<&Warning> = self
            .warnings
            .iter()
            .filter(|warning| warning.level == Level::Stop)
            .collect();
        if stops.is_empty() {
            return Ok(());
        }
        let reasons: Vec<&str> = stops.iter().map(|stop| stop.message.as_str()).collect();
        let refused = Error::refused(format!("nothing is written: {}", reasons.join("; and ")));
        let hints = stops.iter().flat_map(|stop| &stop.hints);
        Err(hints.fold(refused, Error::hint))
    }
}

/// The content of the four variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Lists {
    pub(super) pk: SignatureDatabase,
    pub(super) kek: SignatureDatabase,
    pub(super) db: SignatureDatabase,
    pub(super) dbx: SignatureDatabase,
}

impl Lists {
    pub(super) fn of(store: &Store) -> Result<Self> {
        Ok(Self {
            pk: store.database(VariableName::Pk)?,
            kek: store.database(VariableName::Kek)?,
            db: store.database(VariableName::Db)?,
            dbx: store.database(VariableName::Dbx)?,
        })
    }

    pub(super) const fn get(&self, variable: VariableName) -> &SignatureDatabase {
        match variable {
            VariableName::Pk => &self.pk,
            VariableName::Kek => &self.kek,
            VariableName::Db => &self.db,
            VariableName::Dbx => &self.dbx,
        }
    }

    /// What the firmware holds once it has taken this write.
    pub(super) fn take(&mut self, write: &PlannedWrite) {
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

/// One of the four variables, before and after.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedVariable {
    /// PK, KEK, db or dbx.
    pub variable: &'static str,
    /// Size of its data now, in bytes.
    pub bytes_before: usize,
    /// Size of its data afterwards, in bytes.
    pub bytes_after: usize,
    /// What is added, kept and removed.
    pub entries: Vec<EntryChange>,
}

/// One write to the firmware.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedWrite {
    /// PK, KEK, db or dbx.
    pub variable: &'static str,
    /// The `.auth` file, or what made the write.
    pub origin: String,
    /// SHA-256 of the signed write, lower-case hexadecimal.
    pub sha256: String,
    /// Size of the signed write, which is what the firmware receives, in bytes.
    pub bytes: usize,
    /// Whether present entries stay and these are added; otherwise these replace them.
    pub append: bool,
    /// When it was signed, UTC.
    #[serde(serialize_with = "super::as_text")]
    pub time: EfiTime,
    /// Common name of the certificate whose key signed it; null if its signature holds for nothing.
    pub signed_by: Option<String>,
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
        let Some(present) = present else {
            return self.content.is_empty() && !self.append;
        };
        if present.attributes != ATTRIBUTES {
            return false;
        }
        if self.append {
            SignatureDatabase::parse(&present.data).is_ok_and(|held| held.contains_all(&self.content))
        } else {
            !self.content.is_empty() && present.data == self.content.to_bytes()
        }
    }
}

/// Judges what the request asks for. Refuses when a file is not what its name says, when the firmware as it is would not
/// take it, and when it would not take it once the keys are in place.
pub fn plan(context: &Context, request: &Request) -> Result<Plan> {
    let store = Store::open(context, &request.store)?;
    plan_on(context, &store, request)
}

/// The same on an open firmware.
pub(super) fn plan_on(context: &Context, store: &Store, request: &Request) -> Result<Plan> {
    let mode = Mode::of(store)?;
    let before = Lists::of(store)?;
    let unordered = writes::of(&request.source, store)?;
    let (writes, after) = judge::in_order(store, &request.store, mode, &before, unordered)?;
    let keys = match &request.source {
        Source::Keys(keys) => Some(keys.clone()),
        Source::Updates(_) => None,
    };
    let vendor = vendor_defaults(store)?;
    let owners = Owners {
        own: keys.as_deref().and_then(Owners::owner_of),
        vendor: &vendor,
    };
    let variables = VariableName::ALL
        .into_iter()
        .map(|variable| PlannedVariable {
            variable: variable.name(),
            bytes_before: before.get(variable).to_bytes().len(),
            bytes_after: after.get(variable).to_bytes().len(),
            entries: entries::changes(before.get(variable), after.get(variable), &owners),
        })
        .collect();
    let vendor_db = vendor.iter().find(|default| default.name == VariableName::Db);
    let vendor_db = vendor_db.map(|default| default.content.clone()).unwrap_or_default();
    let mut plan = Plan {
        keys,
        store: request.store.clone(),
        digest: digest(&request.store, mode, &before, &writes),
        mode,
        variables,
        free_space: store.free_space(),
        writes,
        vendor_defaults: vendor,
        quirks: Vec::new(),
        boot_files: Vec::new(),
        option_roms: Vec::new(),
        pcr7: Pcr7::default(),
        warnings: Vec::new(),
        allow: request.allow,
        before,
        after,
    };
    if !plan.is_done() {
        plan.warnings = warnings::of(&plan);
        // Without a platform key everything starts.
        if !plan.after.pk.is_empty() {
            let (files, warnings) = boot_files::check(context, store, request, &plan.after)?;
            plan.boot_files = files;
            plan.warnings.extend(warnings);
        }
        let findings = measured::check(context, request, &plan.after, &plan.boot_files)?;
        plan.option_roms = findings.option_roms;
        plan.pcr7 = findings.pcr7;
        plan.warnings.extend(findings.warnings);
        if request.store == StoreChoice::Live {
            let (met, warnings) = quirks::check(context, &plan.before, &plan.after, &vendor_db, request.allow.quirks)?;
            plan.quirks = met;
            plan.warnings.extend(warnings);
        }
    }
    Ok(plan)
}

/// A digest of what is there and what is to be written, so that nothing else is applied than what was looked at.
fn digest(store: &StoreChoice, mode: Mode, before: &Lists, writes: &[PlannedWrite]) -> String {
    let sha256 = |bytes: &[u8]| HashAlgorithm::Sha256.digest(&[bytes]).to_hex();
    let has = VariableName::ALL
        .into_iter()
        .map(|variable| format!("has {variable} {}", sha256(&before.get(variable).to_bytes())));
    let does = writes.iter().map(|write| {
        let verb = if write.append { "append" } else { "replace" };
        // Not the signature: what is signed anew bears another time.
        format!("{verb} {} {}", write.variable, sha256(&write.content.to_bytes()))
    });
    let what = [
        "bootseal.plan/1".to_owned(),
        format!("store {store}"),
        format!("setup mode {}", mode.setup_mode),
    ];
    let lines: Vec<String> = what.into_iter().chain(has).chain(does).collect();
    sha256(lines.join("\n").as_bytes())
}

/// Whether a write adds to what is there.
pub(super) const fn appends(attributes: u32) -> bool {
    attributes & APPEND != 0
}
