//! SBAT of the images, against the level that shim holds.

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::firmware::sbat::{LEVEL_VARIABLE, SHIM, Sbat, SbatError};
use crate::formats::text::{Shown, printable};
use crate::trust::loader::Loader;

use crate::audit::images::{Found, Place};
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// The components that count; `sbat` itself is the version of the format.
const FORMAT: &str = "sbat";

/// A loader is older than shim still starts.
pub(super) const SBAT_TOO_OLD: Kind = Kind::warning("sbat_too_old");
/// The SBAT of a loader cannot be read.
pub(super) const SBAT_MALFORMED: Kind = Kind::warning("sbat_malformed");

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    let images = match machine.images(Place::Esps) {
        Ok(images) => images.found,
        Err(missing) => return Outcome::could_not_run(missing),
    };
    let mut outcome = Outcome::default();
    let levels = match levels(machine) {
        Ok(levels) => levels,
        Err(missing) => {
            outcome.not_run.push(missing);
            None
        }
    };
    match &levels {
        Some(levels) => outcome.evidence.push(format!("{LEVEL_VARIABLE}: {}", named(levels))),
        None => outcome
            .evidence
            .push(format!("the firmware has no {LEVEL_VARIABLE}: no shim has run")),
    }
    let by_shim = images.iter().copied().any(is_shim_let_in);
    judge(&images, levels.as_ref(), by_shim, &mut outcome);
    outcome
}

/// The SBAT level that shim asks for; none if shim never ran.
fn levels(machine: &Machine<'_>) -> Result<Option<Sbat>, String> {
    let store = machine.store().map_err(Clone::clone)?;
    let raw = store.read_any(LEVEL_VARIABLE, &SHIM).map_err(|error| reason(&error))?;
    let parsed = raw.map(|raw| Sbat::parse(&raw.data)).transpose();
    parsed.map_err(|error| format!("{LEVEL_VARIABLE} cannot be read: {error}"))
}

/// True for a shim that firmware starts: only that refuses anything, whatever is configured. One that cannot be judged counts.
fn is_shim_let_in(found: &Found) -> bool {
    matches!(found.loader, Loader::Shim { .. }) && !matches!(found.judged, Some(Err(_)))
}

fn judge(images: &[&Found], levels: Option<&Sbat>, by_shim: bool, outcome: &mut Outcome) {
    for found in images {
        let shown = &found.shown;
        let sbat = match &found.sbat {
            Some(Ok(sbat)) => sbat,
            Some(Err(error)) => {
                wrong(SBAT_MALFORMED, found, &broken(error), by_shim, outcome);
                continue;
            }
            None => {
                outcome.evidence.push(format!("{shown}: no SBAT"));
                continue;
            }
        };
        let below: Vec<String> = levels
            .iter()
            .flat_map(|levels| sbat.components_below(levels))
            .map(|(component, level)| format!("{} {} and not {level}", component.name, component.generation))
            .collect();
        if below.is_empty() {
            outcome.evidence.push(format!("{shown}: {}", named(sbat)));
        } else {
            wrong(
                SBAT_TOO_OLD,
                found,
                &format!("it is too old for shim: {}", below.join(", ")),
                by_shim,
                outcome,
            );
        }
    }
}

/// Adds a finding, or evidence where there is no shim: nobody else minds.
fn wrong(kind: Kind, found: &Found, why: &str, by_shim: bool, outcome: &mut Outcome) {
    let text = printable(&format!("{}: {why}", found.shown));
    if by_shim {
        let remedy = "update it; shim does not start it";
        outcome
            .findings
            .push(Finding::new(kind, found.path.shown(), text).remedy(remedy));
    } else {
        outcome.evidence.push(format!("{text}; there is no shim to refuse it"));
    }
}

fn broken(error: &SbatError) -> String {
    format!("its SBAT cannot be read: {error}")
}

/// Components with their generations.
fn named(sbat: &Sbat) -> String {
    let components = sbat.components().iter().filter(|component| component.name != FORMAT);
    let all: Vec<String> = components
        .map(|component| format!("{} {}", component.name, component.generation))
        .collect();
    printable(&all.join(", "))
}
