//! Files beside boot loaders and unified images that decide what is started, and that no firmware verifies: settings of systemd-boot,
//! and what systemd-stub(7) hands to the system.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::disk::{UnmountedPartition, entries, files_below, no_efi_partition};
use crate::finding::{Finding, Kind, Outcome};
use crate::formats::text::{Shown, loader_entry, printable};
use crate::system::{self, resolve};

use crate::audit::files::{file, has_ending};
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// Whoever sits at the machine may change command lines.
pub(super) const EDITOR_OPEN: Kind = Kind::warning("editor_open");
/// systemd-boot enrolls keys from the partition by itself.
const ENROLLS_KEYS: Kind = Kind::warning("loader_enrolls_keys");
/// A file that nobody verifies is handed to the system.
const UNVERIFIED_COMPANION: Kind = Kind::warning("unverified_companion");

/// The settings of systemd-boot (loader.conf(5)).
const LOADER_CONF: &str = "loader/loader.conf";
/// Directories whose files every unified image gets (systemd-stub(7)).
const GLOBAL: [&str; 4] = [
    "loader/credentials",
    "loader/extensions",
    "loader/confexts",
    "loader/extra.d",
];
/// Directories in which unified images are.
const IMAGES: &str = "EFI";
/// The ending of the directory with the files of one image.
const EXTRA: &str = "extra.d";
/// Largest file of settings that is read, in bytes.
const MAX_SETTINGS: u64 = 1 << 20;
/// The words by which a setting is on.
const ON: [&str; 6] = ["1", "yes", "y", "true", "t", "on"];

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    let directories = match machine.boot_directories() {
        Ok(directories) => directories,
        Err(missing) => return Outcome::could_not_run(missing.clone()),
    };
    let mut outcome = Outcome::default();
    let unmounted = machine.unmounted_esps().map_or_else(
        |missing| {
            outcome.not_run.push(missing.clone());
            &[][..]
        },
        Vec::as_slice,
    );
    match machine.esps() {
        Ok(esps) if esps.is_empty() && unmounted.is_empty() => {
            outcome.not_run.push(no_efi_partition(machine.context()));
        }
        Ok(_) => {}
        Err(missing) => outcome.not_run.push(missing.clone()),
    }
    let root = machine.context().root();
    let real: BTreeSet<PathBuf> = directories.iter().filter_map(|path| resolve(root, path).ok()).collect();
    for directory in &real {
        if let Some(settings) = file(machine.context(), &directory.join(LOADER_CONF)) {
            match system::read_prefix(&settings, Some(MAX_SETTINGS)) {
                Ok(bytes) => judge_settings(&settings.shown(), &bytes, &mut outcome),
                Err(error) => outcome.not_run.push(reason(&error)),
            }
        }
        let mut files: Vec<PathBuf> = Vec::new();
        for global in GLOBAL {
            files.extend(entries(&directory.join(global), &mut outcome.not_run));
        }
        let of_images = files_below(&directory.join(IMAGES), &mut outcome.not_run);
        files.extend(of_images.into_iter().filter(|path| path.parent().is_some_and(is_extra)));
        for path in files {
            judge(&path.shown(), &path, &mut outcome);
        }
    }
    for partition in unmounted {
        if let Err(why) = look_into(partition, &mut outcome) {
            outcome.not_run.push(why);
        }
    }
    if outcome.findings.is_empty() && outcome.not_run.is_empty() && outcome.evidence.is_empty() {
        return Outcome::pass("there are no settings of systemd-boot, and nothing lies beside unified images");
    }
    outcome
}

/// Judges those on a partition that is not mounted.
fn look_into(partition: &UnmountedPartition, outcome: &mut Outcome) -> Result<(), String> {
    let fat = partition.open().map_err(|error| reason(&error))?;
    if let Some((path, settings)) = fat.find_file(LOADER_CONF) {
        let shown = partition.shown(&path);
        let bytes = fat
            .read(settings, MAX_SETTINGS)
            .map_err(|error| format!("{shown}: {error}"))?;
        judge_settings(&shown, &bytes, outcome);
    }
    let global = GLOBAL.iter().flat_map(|global| fat.files_in(global, false));
    // No short name has this ending.
    let of_images = fat.files_in(IMAGES, true);
    let of_images = of_images.filter(|(path, _)| Path::new(path).parent().is_some_and(is_extra));
    let files: BTreeSet<String> = global.chain(of_images).map(|(path, _)| path).collect();
    for path in files {
        judge(&partition.shown(&path), Path::new(&path), outcome);
    }
    Ok(())
}

fn is_extra(directory: &Path) -> bool {
    let name = directory
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    name.ends_with(&format!(".{EXTRA}"))
}

fn judge_settings(shown: &str, bytes: &[u8], outcome: &mut Outcome) {
    let text = String::from_utf8_lossy(bytes);
    let setting = |name: &str| {
        loader_entry::values(&text, name)
            .last()
            .map(|value| value.to_lowercase())
    };
    match setting("editor") {
        Some(value) if ON.contains(&value.as_str()) => {
            let text = format!(
                "{shown}: \"editor {}\" lets whoever sits there change the command line",
                printable(&value)
            );
            let remedy =
                "editor no, in that file; of unified images systemd-boot takes no other command line under Secure Boot";
            outcome
                .findings
                .push(Finding::new(EDITOR_OPEN, shown, text).remedy(remedy));
        }
        Some(value) => outcome.evidence.push(format!("{shown}: editor {}", printable(&value))),
        None => outcome
            .evidence
            .push(format!("{shown}: it does not set \"editor\", which is on by default")),
    }
    if setting("secure-boot-enroll").is_some_and(|value| value == "force") {
        let text =
            format!("{shown}: \"secure-boot-enroll force\" has systemd-boot enroll keys that lie on the partition");
        let remedy = "secure-boot-enroll manual, in that file: keys of yours are enrolled by bootseal enroll apply";
        outcome
            .findings
            .push(Finding::new(ENROLLS_KEYS, shown, text).remedy(remedy));
    }
}

/// Judges a file by what its reader does with it.
fn judge(shown: &str, path: &Path, outcome: &mut Outcome) {
    let effect = if has_ending(path, "cred") {
        "systemd-stub hands this credential to the system, which takes it if it is encrypted for this machine; one that is not \
         encrypted only where Secure Boot is off"
    } else if has_ending(path, "raw") {
        "systemd-stub puts this extension into the initramfs, and systemd merges it over /usr, /opt or /etc if its image policy \
         takes it: one without a signed root hash by the policy's own choice"
    } else if has_ending(path, "efi") {
        return outcome
            .evidence
            .push(format!("{shown}: an addon, judged by boot.images and boot.uki"));
    } else {
        return outcome
            .evidence
            .push(format!("{shown}: no kind that systemd-stub takes"));
    };
    let text = format!("{shown}: {effect}. No firmware verifies it; it is measured into PCR 12 or 13");
    let remedy =
        "if it is not yours, remove it; if it is, accept it in the baseline, and seal secrets to these registers too";
    outcome
        .findings
        .push(Finding::new(UNVERIFIED_COMPANION, shown, text).remedy(remedy));
}
