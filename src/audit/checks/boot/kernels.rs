//! The kernels in the boot directories: all that the hooks would sign.

use std::path::Path;

use crate::error::quoted;
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::text::{Shown, printable};

use crate::audit::images::Place;
use crate::audit::machine::Machine;

/// A kernel that db does not let in.
pub(super) const KERNEL_REFUSED: Kind = Kind::warning("kernel_refused");

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    let kernels = match machine.images(Place::Kernels) {
        Ok(kernels) => kernels,
        Err(missing) => return Outcome::could_not_run(missing),
    };
    if kernels.found.is_empty() && kernels.none.is_empty() && kernels.not_run.is_empty() {
        return Outcome::not_applicable("there is no kernel in the boot directories");
    }
    if let Err(missing) = machine.policy() {
        return Outcome::could_not_run(missing);
    }
    let mut outcome = Outcome {
        not_run: kernels.not_run,
        ..Outcome::default()
    };
    // Those on an EFI system partition are findings of `boot.images`.
    for none in kernels.none.into_iter().filter(|none| !none.places.on_esp) {
        if none.is_packed {
            let text = "it is compressed, and was not judged: firmware starts no such file, and a loader may unpack it";
            outcome.not_run.push(format!("{}: {text}", none.shown));
        } else if none.is_certainly_kernel {
            // No signature makes an image of it.
            let remedy = if none.holds_kernel {
                "build it with CONFIG_EFI=y and CONFIG_EFI_STUB=y, or remove it"
            } else {
                "install the kernel again, or remove it"
            };
            outcome
                .findings
                .push(refused(&none.path, &none.shown, &none.why).remedy(remedy));
        } else {
            outcome.evidence.push(format!("{}: no kernel", none.shown));
        }
    }
    for found in kernels.found {
        match &found.judged {
            Some(Ok(let_in)) => {
                let because = printable(&let_in.to_string());
                outcome.evidence.push(format!("{}: {because}", found.shown));
            }
            Some(Err(refusal)) => {
                let why = printable(&refusal.to_string());
                let remedy = format!("bootseal sign efi {}, or remove it", quoted(&found.path));
                outcome
                    .findings
                    .push(refused(&found.path, &found.shown, &why).remedy(remedy));
            }
            None => {}
        }
    }
    outcome
}

fn refused(path: &Path, shown: &str, why: &str) -> Finding {
    Finding::new(KERNEL_REFUSED, path.shown(), format!("{shown} would not start: {why}"))
}
