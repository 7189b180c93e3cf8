//! Holding a ceremony: the steps of its plan, one after the other.

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::system::{self, Context};

use super::observer::Observer;
use super::report::Report;
use super::spec::{Spec, Waiver};
use super::step::{RESTORE_DRILL, Step};
use super::transcript::Event;
use super::work::{self, Work};
use super::{amend, backup, check, make, places, preflight, publish, verify};

/// Holds the ceremony, or goes on with one that was cut short. A dry run makes nothing and reports the same.
pub fn run(context: &Context, spec: &Spec, observer: &dyn Observer) -> Result<Report> {
    spec.validate()?;
    places::check_places(context, spec)?;
    if context.dry_run() {
        spec.check_targets()?;
        return Report::planned(context, spec);
    }
    for name in spec.names() {
        spec.passphrase_of(name)?;
    }
    if spec.needs_passphrase() {
        spec.required_passphrase("keys or their backup are to be encrypted")?;
    }
    let path = spec.work_directory()?;
    let existed = system::is_there(&path)?;
    let result = Work::open(context, spec, observer).and_then(hold);
    let Err(error) = result else {
        return result;
    };
    let transcript = system::info_of_name(&path.join(TRANSCRIPT))?;
    if transcript.is_some_and(|info| info.size() > 0) {
        return Err(error
            .hint("run the same command again, and the ceremony goes on where it is")
            .hint(format!("bootseal ceremony abort {}", quoted(&path))));
    }
    if !existed && path.is_dir() {
        // The ceremony has not begun, so nothing of it stays.
        work::remove(context, &path)?;
    }
    Err(error)
}

/// Holds the ceremony with keys that say TEST in a directory that is thrown away. The places of the real one are tried
/// before: free, mounted, with room, writable.
pub fn rehearse(context: &Context, spec: Spec, observer: &dyn Observer) -> Result<Report> {
    spec.validate()?;
    places::check_places(context, &spec)?;
    places::touch(context, &spec)?;
    let directory = tempfile::Builder::new()
        .prefix("bootseal-rehearsal-")
        .tempdir()
        .or_could_not_run(|| "cannot make a temporary directory".to_owned())?;
    run(context, &spec.rehearse(directory.path()), observer)
}

/// Goes through the steps that are not done yet.
fn hold(mut work: Work<'_>) -> Result<Report> {
    let mut report = None;
    for step in work.steps()? {
        if step.is_done(&work.transcript)? {
            continue;
        }
        work.announce(&step)?;
        match step {
            Step::InspectMachine => inspect_machine(&mut work)?,
            Step::RecordWaiver(waiver) => record_waiver(&mut work, waiver)?,
            Step::Key(key) => make::key(&mut work, key)?,
            Step::Certificate { name, .. } => make::certificate(&mut work, name)?,
            Step::GrubKey => make::grub_key(&mut work)?,
            Step::Owner | Step::Lists(_) | Step::Revocations | Step::RemovalOfPk => make::files(&mut work, &step)?,
            Step::Examine(examinations) => check::examine(&mut work, examinations)?,
            Step::Backup(shares) => backup::make(&mut work, shares)?,
            Step::Seal => seal(&mut work)?,
            Step::Publish { place, path } => publish::publish(&work, place, &path)?,
            Step::Compare => {
                compare(&work)?;
                report = Some(Report::made(&work)?);
            }
            Step::ClearUp => work.remove()?,
        }
    }
    report.ok_or_else(|| Error::bug("a ceremony ended without a report"))
}

fn inspect_machine(work: &mut Work<'_>) -> Result<()> {
    let checks = work.machine_checks()?;
    let checks = checks.iter().map(preflight::Check::record).collect();
    work.record(Event::Preflight { checks })
}

fn record_waiver(work: &mut Work<'_>, waiver: Waiver) -> Result<()> {
    let Waiver { by, reason } = waiver;
    let what = RESTORE_DRILL.to_owned();
    work.record(Event::Waived { what, by, reason })
}

fn seal(work: &mut Work<'_>) -> Result<()> {
    let mut entry = work.unsealed()?;
    entry.event = amend::sealed(&entry, &amend::borrowed(work.signers()?))?;
    work.record_seal(entry)
}

/// Every directory holds the files that the transcript records, signatures included.
fn compare(work: &Work<'_>) -> Result<()> {
    for (_, directory) in work.spec.directories() {
        let verified = verify::verify(&directory, Some(work.transcript.head()))?;
        if let Some(finding) = verified.findings.first() {
            return Err(Error::refused(format!(
                "{}, after it was put in its place: {finding}",
                directory.shown()
            ))
            .hint("a stick with a FAT file system is mounted with umask=077, or its files are everybody's"));
        }
    }
    Ok(())
}
