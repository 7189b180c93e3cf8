//! The kernels in /boot, wherever a boot loader finds them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::quoted;
use crate::formats::authenticode::Image;
use crate::formats::certificate::printable;
use crate::system;
use crate::trust::image::Policy;
use crate::trust::loader::is_kernel;

use super::super::super::check::{Finding, Outcome, reason};
use super::super::super::images::policy;
use super::super::super::machine::Machine;

/// Where kernels are installed.
const BOOT: &str = "/boot";
/// How their names begin: the kernel's own installation, Debian's and Gentoo's.
const NAMES: [&str; 2] = ["vmlinuz", "kernel"];
/// Largest kernel that is read, in bytes.
const MAX_KERNEL: u64 = 512 << 20;

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    let policy = match (policy(machine), machine.anchors()) {
        (Ok(policy), _) => policy,
        (Err(_), Ok(meant)) => Policy::new(&meant.db, &meant.dbx),
        (Err(missing), Err(_)) => return Outcome::could_not_run(missing),
    };
    let kernels = match kernels(&machine.context().path(BOOT)) {
        Ok(kernels) if kernels.is_empty() => {
            return Outcome::not_applicable(format!("there is no kernel in {BOOT}"));
        }
        Ok(kernels) => kernels,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Outcome::not_applicable(format!("there is no {BOOT}"));
        }
        Err(error) => return Outcome::could_not_run(format!("{BOOT}: {error}")),
    };
    let mut outcome = Outcome::default();
    for path in kernels {
        look_at(&path, &policy, &mut outcome);
    }
    outcome
}

/// What may be a kernel, by its name: not its signature for GRUB, nor its directory of modules.
fn kernels(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_named_so = NAMES.iter().any(|beginning| name.starts_with(beginning));
        let is_signature = path.extension().is_some_and(|ending| ending == "sig");
        if is_named_so && !is_signature && !path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether somebody would take it for a kernel, broken as it may be. `kernel` begins other names as well.
fn is_meant_as_one(path: &Path, bytes: &[u8]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("vmlinuz") || is_kernel(bytes) || bytes.starts_with(b"MZ")
}

fn look_at(path: &Path, policy: &Policy, outcome: &mut Outcome) {
    let shown = printable(&path.display().to_string());
    let bytes = match system::read_prefix(path, Some(MAX_KERNEL)) {
        Ok(bytes) => bytes,
        Err(error) => return outcome.not_run.push(reason(&error)),
    };
    let judged = match Image::parse(&bytes) {
        Ok(image) => policy.judge(&image).map_err(|refusal| refusal.to_string()),
        Err(error) if is_meant_as_one(path, &bytes) => Err(format!("it is no image that can be signed: {error}")),
        Err(_) => return outcome.evidence.push(format!("{shown}: no kernel")),
    };
    match judged {
        Ok(let_in) => outcome
            .evidence
            .push(format!("{shown}: {}", printable(&let_in.to_string()))),
        Err(refusal) => outcome.findings.push(Finding::new(
            path.to_string_lossy(),
            format!("{shown} would not start: {}", printable(&refusal)),
            format!("bootseal sign efi {}, or remove it", quoted(path)),
        )),
    }
}
