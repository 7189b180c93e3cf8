//! The plan of an enrollment: the writes, the firmware's judgement on them, and warnings.

use std::path::PathBuf;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::finding::{Finding, Level};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::system::Context;

use super::boot_files::{self, BootFile, Verdict};
use super::entries::{self, EntryChange, Owners};
use super::judge;
use super::lists::Lists;
use super::measured::{self, OptionRom, Pcr7};
use super::mode::Mode;
use super::module_key::module_that_needs;
use super::planned_write::PlannedWrite;
use super::quirks::{self, Quirk};
use super::request::{Allow, Request, Source, Update};
use super::store::{Store, StoreChoice};
use super::vendor_defaults::{VendorDefault, vendor_defaults};
use super::warnings;
use super::writes;

/// The work that [`super::apply`] would do.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The directory of the `.auth` files; null if the writes come from elsewhere.
    #[serde(serialize_with = "super::json::optional_path")]
    pub keys: Option<PathBuf>,
    /// The firmware: `live`, a directory or an image.
    pub store: StoreChoice,
    /// SHA-256 over the present content and the writes, lower-case hexadecimal: `apply --plan` takes it.
    pub digest: String,
    /// The mode that the firmware reports.
    pub mode: Mode,
    /// The variables, entry by entry.
    pub variables: Vec<PlannedVariable>,
    /// Bytes that the firmware has left for variables; null if it does not tell.
    pub free_space: Option<u64>,
    /// The writes, in the order in which they are made.
    pub writes: Vec<PlannedWrite>,
    /// The keys that the firmware restores as factory keys.
    pub vendor_defaults: Vec<VendorDefault>,
    /// Known faults of this firmware.
    pub quirks: Vec<Quirk>,
    /// The files that the firmware may start, each with its verdict.
    pub boot_files: Vec<BootFile>,
    /// The Option ROMs of the last start, each with the entry that admits it.
    pub option_roms: Vec<OptionRom>,
    /// The value of PCR 7 before and after.
    pub pcr7: Pcr7,
    /// The components for systemd-pcrlock that were written.
    pub pcrlock: Vec<PathBuf>,
    /// The warnings.
    #[serde(serialize_with = "warnings::serialize")]
    pub warnings: Vec<Finding>,
    /// The reasons to stop that are overruled.
    pub allow: Allow,
    /// The present content of the variables, as it was judged.
    #[serde(skip)]
    pub(super) before: Lists,
    /// The content of the variables afterwards.
    #[serde(skip)]
    pub(super) after: Lists,
}

impl Plan {
    /// True if the firmware holds the content of every write already.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.writes.iter().all(|write| write.already_there)
    }

    /// The variables that it writes to, apart from those that hold the content already.
    #[must_use]
    pub fn written(&self) -> Vec<VariableName> {
        let left = self.writes.iter().filter(|write| !write.already_there);
        left.map(|write| write.name).collect()
    }

    /// The signed writes.
    #[must_use]
    pub fn updates(&self) -> Vec<Update> {
        let update = |write: &PlannedWrite| Update {
            variable: write.name,
            attributes: write.attributes,
            auth: write.auth.clone(),
            origin: write.origin.clone(),
        };
        self.writes.iter().map(update).collect()
    }

    /// Refuses a plan that is not the one that was looked at, whose digest this is.
    pub fn check_reviewed(&self, digest: &str) -> Result<()> {
        if digest.eq_ignore_ascii_case(&self.digest) {
            return Ok(());
        }
        Err(Error::refused(format!(
            "the plan is no longer the one that was looked at: its digest is {}",
            self.digest
        ))
        .hint("look again: bootseal enroll plan"))
    }

    /// Refuses a plan that has a reason to stop, and names all of them.
    pub fn check_stops(&self) -> Result<()> {
        let stops: Vec<&Finding> = self
            .warnings
            .iter()
            .filter(|warning| warning.level == Level::Error)
            .collect();
        if stops.is_empty() {
            return Ok(());
        }
        let reasons: Vec<&str> = stops.iter().map(|stop| stop.text.as_str()).collect();
        let refused = Error::refused(format!("nothing is written: {}", reasons.join("; and ")));
        let hints = stops.iter().flat_map(|stop| &stop.remedies);
        Err(hints.fold(refused, Error::hint))
    }
}

/// A variable before and after.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedVariable {
    /// PK, KEK, db or dbx.
    pub variable: &'static str,
    /// Size of its data now, in bytes.
    pub bytes_before: usize,
    /// Size of its data afterwards, in bytes.
    pub bytes_after: usize,
    /// The added, kept and removed entries.
    pub entries: Vec<EntryChange>,
}

/// The plan for a request. Refuses a file that is signed for another variable than its name says, and a write that the
/// firmware would refuse, either now or with the new keys.
pub fn plan(context: &Context, request: &Request) -> Result<Plan> {
    let store = Store::open(context, &request.store)?;
    plan_on(context, &store, request)
}

/// The files that the firmware and its loaders may start now, and that firmware would refuse once a request is carried out: the path of
/// each, and the command or advice that has it accepted.
pub fn left_behind(context: &Context, request: &Request) -> Result<Vec<(String, String)>> {
    let store = Store::open(context, &request.store)?;
    let plan = plan_on(context, &store, request)?;
    let (now, _) = boot_files::check(context, &store, request, &plan.before)?;
    let is_accepted = |path: &str| {
        let accepted = |file: &BootFile| file.path == path && matches!(file.verdict, Verdict::Accepted(_));
        now.iter().any(accepted)
    };
    let mut left: Vec<(String, String)> = Vec::new();
    for file in &plan.boot_files {
        if matches!(file.verdict, Verdict::Refused(_))
            && is_accepted(&file.path)
            && !left.iter().any(|(path, _)| *path == file.path)
        {
            left.push((file.path.clone(), boot_files::remedy(request, file)));
        }
    }
    Ok(left)
}

/// The plan for an open firmware.
pub(super) fn plan_on(context: &Context, store: &Store, request: &Request) -> Result<Plan> {
    let mode = Mode::read(store)?;
    let before = Lists::read(store)?;
    let unordered = writes::planned_writes(&request.source, store)?;
    let (writes, after) = judge::in_order(store, &request.store, mode, &before, unordered)?;
    let keys = match &request.source {
        Source::Keys(keys) => Some(keys.clone()),
        Source::Updates(_) => None,
    };
    let vendor = vendor_defaults(store)?;
    let owners = Owners {
        own: keys.as_deref().and_then(Owners::owner_of),
        vendor: vendor.iter().map(|default| &default.content).collect(),
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
        free_space: store.free_space()?,
        writes,
        vendor_defaults: vendor,
        quirks: Vec::new(),
        boot_files: Vec::new(),
        option_roms: Vec::new(),
        pcr7: Pcr7::default(),
        pcrlock: Vec::new(),
        warnings: Vec::new(),
        allow: request.allow,
        before,
        after,
    };
    if !plan.is_done() {
        plan.warnings = warnings::of_writes(&plan.before, &plan.after, &plan.writes, plan.free_space);
        if request.store == StoreChoice::Live {
            let depends = |certificate: &Certificate| module_that_needs(context, certificate);
            plan.warnings
                .extend(warnings::module_key(&plan.before, &plan.after, &depends));
        }
        // Without a platform key the firmware starts every file.
        if !plan.after.pk.is_empty() {
            let (files, warnings) = boot_files::check(context, store, request, &plan.after)?;
            plan.boot_files = files;
            plan.warnings.extend(warnings);
        }
        let files_before = if plan.before.pk.is_empty() {
            Vec::new()
        } else {
            boot_files::check(context, store, request, &plan.before)?.0
        };
        let change = measured::Change {
            before: &plan.before,
            after: &plan.after,
            files_before: &files_before,
            files_after: &plan.boot_files,
        };
        let findings = measured::check(context, request, &change)?;
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

/// A digest over the present content and the writes, so that exactly the plan that a person has seen is applied.
fn digest(store: &StoreChoice, mode: Mode, before: &Lists, writes: &[PlannedWrite]) -> String {
    let sha256 = |bytes: &[u8]| HashAlgorithm::Sha256.digest(&[bytes]).to_hex();
    let present = VariableName::ALL
        .into_iter()
        .map(|variable| format!("has {variable} {}", sha256(&before.get(variable).to_bytes())));
    let planned = writes.iter().map(|write| {
        let verb = if write.append { "append" } else { "replace" };
        // Not the signature: a new one bears another time.
        format!("{verb} {} {}", write.variable, sha256(&write.content.to_bytes()))
    });
    let header = [
        "bootseal.plan/1".to_owned(),
        format!("store {store}"),
        format!("setup mode {}", mode.setup_mode),
    ];
    let lines: Vec<String> = header.into_iter().chain(present).chain(planned).collect();
    sha256(lines.join("\n").as_bytes())
}
