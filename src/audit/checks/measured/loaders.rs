//! The programs that the firmware started, compared with the files on the disk.

use crate::finding::{Finding, Kind, Outcome};
use crate::formats::crypto::hash::Digest;
use crate::formats::firmware::device_path::DevicePath;
use crate::formats::firmware::event_log::{Event, EventLog, EventType};
use crate::formats::text::printable;

use super::event_log::with_log;
use crate::audit::images::{Found, Place};
use crate::audit::machine::Machine;

/// The register of boot loaders.
const PCR: u32 = 4;

/// An image was started that is no file on the disk.
pub(in super::super) const UNKNOWN_IMAGE: Kind = Kind::error("unknown_image_started");

/// An EFI application that was started.
pub(in super::super) struct Started<'m> {
    /// Its origin: its device path, or else its hash.
    pub(in super::super) from: String,
    /// Its Authenticode hash.
    pub(in super::super) digest: &'m Digest,
    /// The device path that it was started from, if the log has it.
    path: Option<DevicePath>,
    /// True if it is part of the firmware: its own menu, or its own shell.
    is_of_firmware: bool,
    /// The files on the disk with its hash.
    pub(in super::super) files: Vec<&'m Found>,
}

impl Started<'_> {
    /// True if it is neither part of the firmware nor a file on the disk.
    pub(in super::super) fn is_unknown(&self) -> bool {
        self.files.is_empty() && !self.is_of_firmware
    }
}

/// The applications, in the order of their start, with the files on the EFI system partitions and in /boot that they are.
pub(in super::super) fn started<'m>(
    machine: &'m Machine<'_>,
    log: &'m EventLog,
    outcome: &mut Outcome,
) -> Vec<Started<'m>> {
    let files = match machine.images(Place::Anywhere) {
        Ok(images) => {
            // What lies on a partition that is not mounted is not found.
            let missing = machine.images(Place::Esps).err();
            let missing = missing.filter(|missing| !images.not_run.contains(missing));
            outcome.not_run.extend(images.not_run.into_iter().chain(missing));
            images.found
        }
        Err(missing) => {
            outcome.not_run.push(missing);
            Vec::new()
        }
    };
    let algorithm = log.algorithm();
    let is_application = |event: &&Event| event.pcr == PCR && event.kind == EventType::BOOT_SERVICES_APPLICATION;
    let events = log.events().iter().filter(is_application);
    let started = events.filter_map(|event| {
        let path = event.image().map(|image| image.device_path);
        let Some(digest) = algorithm.and_then(|algorithm| event.digest(algorithm)) else {
            let why = "the log has no bank of SHA-2, by which files could be told";
            if !outcome.not_run.iter().any(|told| told == why) {
                outcome.not_run.push(why.to_owned());
            }
            return None;
        };
        // Of what a loader started from memory, the path says nothing that is the same at the next start.
        let file = path
            .as_ref()
            .filter(|path| path.file().is_some() || path.is_firmware_file());
        Some(Started {
            from: file.map_or_else(|| digest.to_hex(), |path| printable(&path.to_string())),
            digest,
            is_of_firmware: path.as_ref().is_some_and(DevicePath::is_firmware_file),
            path,
            files: files
                .iter()
                .copied()
                .filter(|file| file.was_measured_as(digest))
                .collect(),
        })
    });
    started.collect()
}

/// The partition that a program was started from, if nothing that is mounted is that one.
pub(in super::super) fn missing_partition(machine: &Machine<'_>, started: &Started<'_>) -> Option<String> {
    let partition = started.path.as_ref()?.partition()?;
    let esps = machine.esps().ok()?;
    let is_seen = esps.iter().any(|esp| esp.partition.may_be(Some(&partition)));
    (!is_seen).then(|| format!("the partition {partition}, which is not mounted: mount it, and ask again"))
}

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    with_log(machine, |log| {
        let mut outcome = Outcome::default();
        for started in started(machine, log, &mut outcome) {
            let Started { from, digest, .. } = &started;
            let digest = digest.to_hex();
            if !started.files.is_empty() {
                let files: Vec<&str> = started.files.iter().map(|file| file.shown.as_str()).collect();
                outcome
                    .evidence
                    .push(format!("{from}: {} ({digest})", files.join(", ")));
            } else if started.is_of_firmware {
                outcome
                    .evidence
                    .push(format!("{from}: part of the firmware ({digest})"));
            } else if let Some(missing) = missing_partition(machine, &started) {
                // What starts may lie on a partition that is not mounted: that is no failure, and no pass either.
                outcome
                    .not_run
                    .push(format!("{from} was started, and may be a file on {missing}"));
            } else {
                let text = format!(
                    "{from} was started with the Authenticode hash {digest}, which no file on an EFI system partition and no \
                     kernel in /boot has"
                );
                let remedy = "if it was updated since, restart; else find out what was started";
                outcome
                    .findings
                    .push(Finding::new(UNKNOWN_IMAGE, from, text).remedy(remedy));
            }
        }
        if outcome.evidence.is_empty() && outcome.findings.is_empty() && outcome.not_run.is_empty() {
            let text = "the log names no EFI application in PCR 4: whoever started this system did not measure it";
            outcome.not_run.push(text.to_owned());
        }
        outcome
    })
}
