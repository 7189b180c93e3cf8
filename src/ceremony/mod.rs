//! Layer 3: the one-time key ceremony. It makes every key of the chain, the certificates and signature lists that
//! firmware and kernel know them by, and the signed writes that put them there.
//!
//! All of it is made in a work directory, step by step. Each step is written into a transcript when its files are on the
//! disk, so a ceremony that was cut short goes on where it was. What was made is read back and tried as firmware, kernel
//! and GRUB will, backed up, sealed, and only then put in its place: nobody ever sees half a ceremony.

mod abort;
mod amend;
pub mod backup;
mod check;
mod import;
pub mod life;
mod make;
mod plan;
pub mod preflight;
mod publish;
mod report;
mod spec;
#[cfg(test)]
mod tests;
pub mod transcript;
pub mod verify;
mod work;

use crate::error::{Error, Explain, Result, quoted};
use crate::keys::{KeyName, Passphrase};
use crate::system::Context;

pub use abort::{Aborted, abort};
pub(crate) use amend::append as append_to_transcript;
pub use amend::note;
pub(crate) use make::purpose;
pub use plan::{Contents, Plan, PlannedFile, PlannedKey, PlannedShares};
pub(crate) use plan::{PUBLIC, SECRET};
pub use report::{KeyReport, Report};
pub use spec::{Backup, DEFAULT_YEARS, KeySpec, Place, Revocations, Shares, Spec, TokenPlace, Waiver};

use preflight::Check;
use work::Work;

/// Who watches a ceremony.
pub trait Observer {
    /// What a check of the machine saw.
    fn looked(&self, _check: &Check) {}

    /// What comes now.
    fn step(&self, _what: &str) {}

    /// Asked for a PIN that is named nowhere else, or for the passphrase of a key that is imported.
    fn ask(&self, what: &str) -> Result<Passphrase> {
        Err(Error::usage(format!("nobody is there to be asked for the {what}"))
            .hint("name a file that holds it: --pin-file FILE, or in a token's URI ?pin-source=file:PATH"))
    }
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {}

/// Holds the ceremony, or goes on with one that was cut short. A dry run makes nothing and reports what would be made.
pub fn run(context: &Context, spec: &Spec, observer: &dyn Observer) -> Result<Report> {
    spec.validate()?;
    if context.dry_run() {
        spec.check_targets()?;
        return Report::planned(context, spec);
    }
    for name in KeyName::ALL {
        spec.passphrase_of(name)?;
    }
    if spec.needs_passphrase() {
        spec.the_passphrase("keys or their backup are to be encrypted")?;
    }
    let path = spec.work_directory();
    let existed = path.exists();
    let result = Work::open(context, spec, observer).and_then(steps);
    let Err(error) = result else {
        return result;
    };
    if path
        .join(crate::keys::directory::TRANSCRIPT)
        .metadata()
        .is_ok_and(|metadata| metadata.len() > 0)
    {
        return Err(error
            .hint("run the same command again, and the ceremony goes on where it is")
            .hint(format!("bootseal ceremony abort {}", quoted(&path))));
    }
    if !existed && path.exists() {
        // It has not begun, so nothing of it stays.
        work::remove(&path)?;
    }
    Err(error)
}

/// Holds the ceremony with keys that say TEST in a directory that is thrown away.
pub fn rehearse(context: &Context, spec: Spec, observer: &dyn Observer) -> Result<Report> {
    let directory = tempfile::Builder::new()
        .prefix("bootseal-rehearsal-")
        .tempdir()
        .or_could_not_run(|| "cannot make a temporary directory".to_owned())?;
    run(context, &spec.rehearse(directory.path()), observer)
}

fn steps(mut work: Work<'_>) -> Result<Report> {
    if !work.is_sealed() {
        make::all(&mut work)?;
        check::all(&mut work)?;
        backup::make(&mut work)?;
        work.step("signing the transcript with every key")?;
        let mut entry = work.unsealed()?;
        entry.event = amend::sealed(&entry, work.signers()?)?;
        work.record_seal(entry)?;
    }
    let spec = work.spec;
    // A run that was cut short while it cleared up has left a part of what is in its place already.
    if !publish::is_complete(&work.transcript, &spec.directories())? {
        work.check_files()?;
        publish::all(&work)?;
    }
    for (_, directory) in spec.directories() {
        let verified = verify::verify(&directory, Some(work.transcript.head()))?;
        if let Some(finding) = verified.findings.first() {
            return Err(Error::refused(format!(
                "{}, after it was put in its place: {finding}",
                directory.display()
            ))
            .hint("a stick with a FAT file system is mounted with umask=077, or its files are everybody's"));
        }
    }
    let report = Report::made(&work)?;
    work.remove()?;
    Ok(report)
}
