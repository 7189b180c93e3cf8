//! The modules of the running kernel.

use std::path::Path;

use rayon::prelude::*;

use crate::formats::certificate::{Certificate, printable};
use crate::formats::compression::Compression;
use crate::formats::hash::HashAlgorithm;
use crate::system;
use crate::trust::module;

use super::super::check::{Check, Finding, Group, Level, Outcome, reason};
use super::super::machine::Machine;
use super::files_below;

/// Where modules are, below which each kernel has a directory.
const MODULES: &str = "/lib/modules";
/// What modules are to be signed over.
const HASH: HashAlgorithm = HashAlgorithm::Sha3_512;

pub(super) const CHECKS: &[Check] = &[Check {
    id: "modules.files",
    group: Group::Modules,
    title: "Every module of the running kernel is signed by the module key over SHA3-512",
    level: Level::Error,
    proves: "Each file of /lib/modules/VERSION is unpacked and verified against the certificate of the module key, whatever \
             any record says; the kernel can unpack it by itself; the hash is SHA3-512.",
    remedy: "bootseal sign modules /lib/modules/VERSION, and build the initramfs anew",
    run: files,
}];

fn files(machine: &Machine<'_>) -> Outcome {
    let (release, anchors) = match (machine.release(), machine.anchors()) {
        (Ok(release), Ok(anchors)) => (release, anchors),
        (Err(missing), _) => return Outcome::could_not_run(missing),
        (_, Err(missing)) => return Outcome::could_not_run(missing.clone()),
    };
    let directory = machine.context().path(MODULES).join(&release);
    if !directory.is_dir() {
        return Outcome::not_applicable(format!(
            "there is no {}: the kernel has no modules",
            directory.display()
        ));
    }
    let paths = match files_below(&directory, is_module) {
        Ok(paths) => paths,
        Err(error) => return Outcome::could_not_run(format!("{}: {error}", directory.display())),
    };
    let judged: Vec<Answer> = paths.par_iter().map(|path| judge(path, &anchors.modules)).collect();
    let mut outcome = Outcome::default();
    let mut right = 0_usize;
    let remedy = format!("bootseal sign modules {}", crate::error::quoted(&directory));
    for (path, answer) in paths.iter().zip(judged) {
        let shown = printable(&path.display().to_string());
        let subject = path.to_string_lossy().into_owned();
        match answer {
            Answer::Right => right = right.saturating_add(1),
            Answer::OtherHash(hash) => {
                let text = format!("{shown} is signed over {}, not {}", hash.name(), HASH.name());
                outcome.findings.push(Finding::new(subject, text, &remedy));
            }
            Answer::Refused(reason) => {
                let text = format!("{shown}: {}", printable(&reason));
                outcome.findings.push(Finding::new(subject, text, &remedy));
            }
            Answer::Unread(reason) => outcome.not_run.push(reason),
        }
    }
    outcome
        .evidence
        .push(format!("{right} of {} modules of {release}", paths.len()));
    outcome
}

/// What the kernel would say to a module, and we to its hash.
enum Answer {
    Right,
    OtherHash(HashAlgorithm),
    Refused(String),
    Unread(String),
}

fn judge(path: &Path, trusted: &[Certificate]) -> Answer {
    let file = match system::read(path) {
        Ok(file) => file,
        Err(error) => return Answer::Unread(reason(&error)),
    };
    let compression = Compression::of(&file);
    let module = match compression.unpack(&file) {
        Ok(module) => module,
        Err(error) => return Answer::Refused(format!("it cannot be unpacked: {error}")),
    };
    match module::judge(&module, trusted) {
        Err(refusal) => Answer::Refused(refusal.to_string()),
        Ok(_) if compression.kernel_unpacks(&file).is_err() => {
            Answer::Refused("it is signed, but packed so that the kernel refuses it".to_owned())
        }
        Ok(signature) if signature.hash != HASH => Answer::OtherHash(signature.hash),
        Ok(_) => Answer::Right,
    }
}

fn is_module(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = ["gz", "xz", "zst"]
        .iter()
        .find_map(|ending| name.strip_suffix(&format!(".{ending}")))
        .unwrap_or(&name);
    Path::new(name).extension().is_some_and(|ending| ending == "ko")
}
