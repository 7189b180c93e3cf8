//! The images on EFI system partitions that are not mounted.

use std::path::PathBuf;

use crate::disk::{UnmountedPartition, unmounted_efi_partitions};
use crate::error::{Error, Result as Outcome};
use crate::system;
use crate::trust::Anchors;

use super::images::{Candidate, Found, Images, MAGIC, MAX_IMAGE, Places, Sources, judge};
use super::reason::reason;

/// Reads and judges those of every partition. What cannot be looked at is told. Fails if it is interrupted.
pub(super) fn read(sources: &Sources<'_>, images: &mut Images) -> Result<(), String> {
    let nobody = Anchors::default();
    let anchors = sources.anchors.unwrap_or(&nobody);
    let unmounted = unmounted_efi_partitions(sources.context).unwrap_or_else(|error| {
        images.not_run.push((Places::ESP, reason(&error)));
        Vec::new()
    });
    for partition in unmounted {
        sources.context.check_interrupted().map_err(|error| reason(&error))?;
        if let Err(why) = look_into(&partition, sources, anchors, images) {
            images.not_run.push((Places::ESP, why));
        }
    }
    Ok(())
}

fn look_into(
    partition: &UnmountedPartition,
    sources: &Sources<'_>,
    anchors: &Anchors,
    images: &mut Images,
) -> Result<(), String> {
    let fat = partition.open().map_err(|error| reason(&error))?;
    for (path, file) in fat.files() {
        let shown = partition.shown(&path);
        let candidate = Candidate::on_esp(&path);
        let read = |limit| fat.read(file, limit).map_err(|error| format!("{shown}: {error}"));
        let bytes = match read(MAGIC.len() as u64) {
            Ok(start) if start != MAGIC && !candidate.is_named_so => continue,
            Ok(_) => read(MAX_IMAGE),
            Err(why) => Err(why),
        };
        let place = PathBuf::from(&shown);
        match bytes {
            Ok(bytes) => {
                let before = images.found.len();
                judge(place, &bytes, &candidate, sources, anchors, images);
                for found in images.found.iter_mut().skip(before) {
                    found.unmounted = Some((partition.clone(), path.clone()));
                }
            }
            Err(why) => images.not_run.push((Places::ESP, why)),
        }
    }
    // What is not mounted was looked at all the same.
    images.no_esp = None;
    Ok(())
}

impl Found {
    /// Reads it once more.
    pub(super) fn read(&self) -> Outcome<Vec<u8>> {
        let Some((partition, path)) = &self.unmounted else {
            return system::read(&self.path);
        };
        let fat = partition.open()?;
        let gone = || Error::could_not_run(format!("{}: it is there no more", self.shown));
        let (_, file) = fat.find_file(path).ok_or_else(gone)?;
        fat.read(file, MAX_IMAGE)
            .map_err(|error| Error::could_not_run(format!("{}: {error}", self.shown)))
    }
}
