//! The writes of a plan carried out: a backup first, each write read back, and a state that can be explained at every
//! stop.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result, quoted};
use crate::finding::{Finding, Kind};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::system::{Context, Lock};

use super::backup;
use super::lists::Lists;
use super::plan::Plan;
use super::planned_write::PlannedWrite;
use super::store::{Store, StoreChoice};
use super::times;
use super::warnings;

/// The firmware answered a write with an error, but did it.
const STORED_IN_SPITE_OF_ERROR: Kind = Kind::warning("stored_in_spite_of_error");
/// The times of the writes could not be recorded.
const TIMES_NOT_RECORDED: Kind = Kind::note("times_not_recorded");

/// The result of carrying out a plan.
#[derive(Debug, Clone, Serialize)]
pub struct Applied {
    /// The firmware: `live`, a directory or an image.
    pub store: StoreChoice,
    /// True if nothing was changed, only checked.
    pub dry_run: bool,
    /// The directory of the backup; null if there was nothing to write.
    #[serde(serialize_with = "super::json::optional_path")]
    pub backup: Option<PathBuf>,
    /// The writes with their outcomes, in order.
    pub steps: Vec<Step>,
    /// True if the firmware was in Setup Mode before.
    pub was_setup_mode: bool,
    /// True if the firmware is in Setup Mode now.
    pub setup_mode: bool,
    /// True if Secure Boot is on; it changes at the next boot.
    pub secure_boot: Option<bool>,
    /// The plan's warnings.
    #[serde(serialize_with = "warnings::serialize")]
    pub warnings: Vec<Finding>,
    /// The next steps: commands, or choices in the firmware's setup.
    pub next_steps: Vec<String>,
}

/// A write with its outcome.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// PK, KEK, db or dbx.
    pub variable: &'static str,
    /// Size of the data that the firmware receives, in bytes.
    pub bytes: usize,
    /// The outcome.
    pub outcome: Outcome,
}

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Written, read back and found right.
    Written,
    /// The firmware held it already.
    AlreadyThere,
    /// Not written, because of `--dry-run`.
    WouldWrite,
}

/// Carries the plan out. It may run again after a failure: writes that are done already are skipped. `waiting` is called
/// once if another run has the lock.
pub fn apply(context: &Context, plan: &Plan, waiting: impl FnOnce()) -> Result<Applied> {
    plan.check_stops()?;
    let _lock = if plan.is_done() {
        None
    } else {
        Lock::take(context, waiting)?
    };
    apply_to(context, &mut Store::open(context, &plan.store)?, plan)
}

/// Carries the plan out on an open firmware; the caller holds the lock.
pub(super) fn apply_to(context: &Context, store: &mut Store, plan: &Plan) -> Result<Applied> {
    if Lists::read(store)? != plan.before {
        return Err(
            Error::refused("the firmware's variables have changed since the plan was made")
                .hint("look again: bootseal enroll plan"),
        );
    }
    let backup = if plan.is_done() || context.dry_run() {
        None
    } else {
        Some(backup::save(context, store, plan)?)
    };
    let mut warnings = plan.warnings.clone();
    let mut steps: Vec<Step> = Vec::new();
    for write in &plan.writes {
        let done = check_steps(store, plan, &steps, write).and_then(|()| carry_out(context, store, write));
        let (outcome, complaint) =
            done.map_err(|error| stopped(store, plan, backup.as_deref(), &steps, write, error))?;
        warnings.extend(complaint.map(|error| {
            let message = format!(
                "the firmware answered the write of {} with an error ({error}), but holds the new content",
                write.variable
            );
            Finding::new(STORED_IN_SPITE_OF_ERROR, write.variable, message)
        }));
        steps.push(Step {
            variable: write.variable,
            bytes: write.bytes,
            outcome,
        });
    }
    let setup_mode = store.setup_mode()?;
    if setup_mode && !plan.after.pk.is_empty() && !context.dry_run() {
        return Err(
            Error::refused("the firmware holds all keys, but says that it is still in Setup Mode")
                .hint("reboot, and look again: bootseal enroll plan"),
        );
    }
    let secure_boot = store.secure_boot()?;
    warnings.extend(remember_times(context, plan, &steps).err().map(|error| {
        Finding::new(TIMES_NOT_RECORDED, "times of writes",
            format!("the times of these writes could not be recorded, so a clock that is behind may make later writes fail: {error}"),
        )
    }));
    Ok(Applied {
        store: plan.store.clone(),
        dry_run: context.dry_run(),
        backup,
        steps,
        was_setup_mode: plan.mode.setup_mode,
        setup_mode,
        secure_boot,
        warnings,
        next_steps: next_steps(context, plan, secure_boot),
    })
}

/// efivarfs does not show when a variable was written, and the next write has to be later.
fn remember_times(context: &Context, plan: &Plan, steps: &[Step]) -> Result<()> {
    if plan.store != StoreChoice::Live || context.dry_run() {
        return Ok(());
    }
    for (write, step) in plan.writes.iter().zip(steps) {
        if step.outcome == Outcome::Written {
            times::remember(context, write.name, write.time)?;
        }
    }
    Ok(())
}

/// Checks, before the platform key ends Setup Mode, that the firmware still holds all earlier writes: some firmware
/// forgets them.
fn check_steps(store: &Store, plan: &Plan, steps: &[Step], next: &PlannedWrite) -> Result<()> {
    if next.name != VariableName::Pk || next.already_there {
        return Ok(());
    }
    for (write, step) in plan.writes.iter().zip(steps) {
        if step.outcome != Outcome::WouldWrite && !write.is_held_by(store.read(write.name)?.as_ref()) {
            return Err(Error::refused(format!(
                "the firmware no longer holds the content that was written to {}",
                write.variable
            ))
            .hint("this is a fault of the firmware: look for an update, or enroll in its own setup"));
        }
    }
    Ok(())
}

/// Writes, and reads back whatever the firmware answered. Returns the firmware's error as well if it holds the new
/// content nevertheless.
fn carry_out(context: &Context, store: &mut Store, write: &PlannedWrite) -> Result<(Outcome, Option<Error>)> {
    if write.is_held_by(store.read(write.name)?.as_ref()) {
        return Ok((Outcome::AlreadyThere, None));
    }
    if context.dry_run() {
        return Ok((Outcome::WouldWrite, None));
    }
    let complaint = store.write(write.name, write.attributes, &write.auth).err();
    match (store.read(write.name), complaint) {
        (Ok(held), complaint) if write.is_held_by(held.as_ref()) => Ok((Outcome::Written, complaint)),
        (_, Some(complaint)) => Err(complaint),
        (Err(error), None) => Err(Error::could_not_run(format!(
            "the firmware answered that it wrote {}, but it cannot be read back",
            write.variable
        ))
        .caused_by(error)),
        (Ok(_), None) => Err(Error::refused(format!(
            "the firmware answered that it wrote {}, but does not hold the new content",
            write.variable
        ))
        .hint("this is a fault of the firmware: look for an update, or enroll in its own setup")),
    }
}

/// The error of a write that failed: the state of the machine, and the way on.
fn stopped(
    store: &Store,
    plan: &Plan,
    backup: Option<&Path>,
    steps: &[Step],
    failed: &PlannedWrite,
    cause: Error,
) -> Error {
    let done: Vec<&str> = steps.iter().map(|step| step.variable).collect();
    let left: Vec<&str> = plan
        .writes
        .iter()
        .map(|write| write.variable)
        .filter(|variable| !done.contains(variable))
        .collect();
    let held = match done.as_slice() {
        [] => "nothing is written".to_owned(),
        done => format!("{} in place", is_or_are(done)),
    };
    let mode = match store.setup_mode() {
        Ok(true) => "the firmware is still in Setup Mode, does not enforce Secure Boot, and boots as before",
        Ok(false) if plan.mode.setup_mode => "the firmware has left Setup Mode",
        Ok(false) => "the firmware enforces what it holds",
        Err(_) => "the firmware does not tell whether it is still in Setup Mode",
    };
    let message = format!(
        "stopped at {}: {held}, {} not; {mode}",
        failed.variable,
        is_or_are(&left)
    );
    let error =
        Error::new(cause.kind(), message).hint(format!("when the cause is removed, continue with: {}", command(plan)));
    let size = plan.after.get(failed.name).to_bytes().len();
    let error = match warnings::without_too_large(failed.name, size) {
        Some(remedy) => error.hint(remedy),
        None => error,
    };
    let error = match backup {
        Some(backup) => error.hint(format!(
            "to go back: bootseal enroll revert {} --store {}",
            quoted(backup),
            argument(&plan.store)
        )),
        None => error,
    };
    error.caused_by(cause)
}

fn is_or_are(variables: &[&str]) -> String {
    let verb = if variables.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", variables.join(", "))
}

/// The command that carries out this plan.
fn command(plan: &Plan) -> String {
    let store = argument(&plan.store);
    match &plan.keys {
        Some(keys) => {
            let options: Vec<String> = plan.allow.options().map(|option| format!(" {option}")).collect();
            format!(
                "bootseal enroll apply --keys {} --store {store}{}",
                quoted(keys),
                options.concat()
            )
        }
        None => format!("the same command again, with --store {store}"),
    }
}

/// The firmware as an argument of `--store`.
fn argument(store: &StoreChoice) -> String {
    match store {
        StoreChoice::Live => "live".to_owned(),
        StoreChoice::At(path) => quoted(path),
    }
}

fn next_steps(context: &Context, plan: &Plan, secure_boot: Option<bool>) -> Vec<String> {
    let text = |text: &str| text.to_owned();
    if context.dry_run() {
        return vec![command(plan)];
    }
    match &plan.store {
        StoreChoice::Live => {}
        StoreChoice::At(path) if path.is_file() => {
            return vec![text(
                "sign the files that the virtual machine boots from, then start it: from now on its firmware starts signed files only",
            )];
        }
        StoreChoice::At(_) => {
            return vec![text(
                "this was a simulated firmware; to enroll in the machine's own, run the same command with --store live",
            )];
        }
    }
    if plan.after.pk.is_empty() {
        return vec![text(
            "enroll keys again before anybody else does: bootseal enroll apply --keys DIR",
        )];
    }
    if secure_boot == Some(true) {
        return vec![text("bootseal enroll plan shows the keys that the firmware holds then")];
    }
    vec![
        text("bootseal sign all, and bootseal verify FILE for each file that the machine boots from"),
        text("systemctl reboot --firmware-setup, and turn Secure Boot on there if it is off"),
        text("bootseal enroll plan shows the keys that the firmware holds then"),
    ]
}
