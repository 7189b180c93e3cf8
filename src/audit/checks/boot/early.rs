//! Programs and drivers that the firmware starts before and beside boot options.

use std::path::PathBuf;

use crate::disk::fat_partitions;
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::firmware::load_option::LoadOption;
use crate::formats::text::printable;
use crate::system::resolve;

use crate::audit::images::{Found, Place};
use crate::audit::load_options::{Family, StartOption};
use crate::audit::machine::Machine;

/// The firmware starts a program or driver before any boot loader.
pub(super) const STARTED_EARLY: Kind = Kind::warning("started_early");

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    let options = match machine.load_options() {
        Ok(options) => options,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let mut outcome = Outcome::default();
    let images = match machine.images(Place::Esps) {
        Ok(images) => images.found,
        Err(missing) => {
            outcome.not_run.push(missing);
            Vec::new()
        }
    };
    // Boot options are for `boot.entries`.
    let mut others = options.iter().filter(|option| option.family != Family::Boot).peekable();
    if others.peek().is_none() {
        return Outcome::pass("there is none: no SysPrep####, Driver####, PlatformRecovery#### or OsRecovery####");
    }
    for option in others {
        look_at(machine, option, &images, &mut outcome);
    }
    outcome
}

fn look_at(machine: &Machine<'_>, option: &StartOption, images: &[&Found], outcome: &mut Outcome) {
    let name = &option.name;
    let Some(loaded) = &option.option else {
        return outcome
            .evidence
            .push(format!("{name}: malformed, so the firmware passes over it"));
    };
    let is_early = matches!(option.family, Family::SysPrep | Family::Driver);
    let place = format!(
        "{name} \"{}\" ({})",
        printable(&loaded.description),
        printable(&loaded.device_path.to_string())
    );
    if is_early && !loaded.is_active() {
        return outcome.evidence.push(format!("{place}: not active"));
    }
    let Some(path) = find(machine, loaded, images) else {
        if is_nowhere(machine, loaded) {
            let text = format!("{place}: the partition that it names is on no disk, so the firmware passes over it");
            return outcome.evidence.push(text);
        }
        let text = format!("{place}: there is no such file on an EFI system partition");
        // A recovery option of the firmware itself leads where it will.
        return if is_early {
            &mut outcome.not_run
        } else {
            &mut outcome.evidence
        }
        .push(text);
    };
    let found = images.iter().find(|found| found.path == path);
    match found.map(|found| &found.judged) {
        Some(Some(Ok(let_in))) if is_early => {
            let because = printable(&let_in.to_string());
            let text = format!("{place} is started before any boot loader, and db lets it in: {because}");
            let remedy = "if it is not yours, remove the option by efibootmgr (its options --driver and --sysprep), and its file";
            outcome
                .findings
                .push(Finding::new(STARTED_EARLY, name, text).remedy(remedy));
        }
        Some(Some(Ok(let_in))) => outcome
            .evidence
            .push(format!("{place}: {}", printable(&let_in.to_string()))),
        Some(Some(Err(refusal))) => {
            outcome.evidence.push(format!(
                "{place}: the firmware refuses it: {}",
                printable(&refusal.to_string())
            ));
        }
        Some(None) => outcome.not_run.push(format!("{place}: db cannot be read")),
        None => outcome
            .evidence
            .push(format!("{place}: no image, which the firmware does not start")),
    }
}

/// True if no disk has the partition that an option names.
fn is_nowhere(machine: &Machine<'_>, option: &LoadOption) -> bool {
    let (Some(wanted), Ok(unmounted)) = (option.device_path.partition(), machine.unmounted_esps()) else {
        return false;
    };
    let mounted = fat_partitions(machine.context());
    mounted.is_ok_and(|mounted| !mounted.iter().any(|fat| fat.partition.may_be(Some(&wanted))))
        && !unmounted
            .iter()
            .any(|unmounted| unmounted.partition.may_be(Some(&wanted)))
}

/// The file that an option leads to, without symbolic links.
fn find(machine: &Machine<'_>, option: &LoadOption, images: &[&Found]) -> Option<PathBuf> {
    let file = option.device_path.file()?.replace('\\', "/");
    let partition = option.device_path.partition();
    let esps = machine.esps().ok()?;
    let wanted = partition.as_ref();
    let unmounted = machine.unmounted_esps().map(Vec::as_slice).unwrap_or_default();
    let is_unmounted = unmounted.iter().any(|unmounted| unmounted.partition.is(wanted));
    let mounted = esps
        .iter()
        .filter(|esp| esp.partition.is(wanted) || !is_unmounted && esp.partition.may_be(wanted))
        .find_map(|esp| esp.find(&file));
    if let Some(path) = mounted {
        return resolve(machine.context().root(), &path).ok();
    }
    let is_meant = |found: &&&Found| {
        let unmounted = found.unmounted.as_ref();
        unmounted.is_some_and(|found| found.partition.partition.may_be(wanted) && found.is_at(&file))
    };
    images.iter().find(is_meant).map(|found| found.path.clone())
}
