//! Signatures by our keys that are in no ledger: somebody else has the key, or the ledger was cut.

use std::path::Path;

use crate::disk::{BootMedia, Packages, files_below};
use crate::error::{Explain, Result, quoted};
use crate::finding::{Finding, Kind, Level, Outcome};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::text::Shown;
use crate::keys::KeyName;
use crate::ledger::{Index, Kind as Signed};
use crate::sign::acceptance;
use crate::sign::efi::own_digest_of;
use crate::sign::grub::{existing_signature, signed_file};
use crate::system::{self, Content, OpenedFile};
use crate::trust::grub;

use crate::audit::files::file;
use crate::audit::images::Place;
use crate::audit::machine::Machine;
use crate::audit::reason::reason;

/// A signature by our key that is in no ledger.
pub(super) const UNRECORDED: Kind = Kind::error("unrecorded_signature");

pub(super) fn check(machine: &Machine<'_>) -> Outcome {
    let index = match machine.ledger() {
        Ok(ledger) if ledger.is_empty() => return Outcome::not_applicable("there is no ledger yet"),
        Ok(ledger) => ledger.index(),
        Err(error) => return Outcome::could_not_run(reason(error)),
    };
    let media = match BootMedia::of_machine(machine.context(), []) {
        Ok(media) => media,
        Err(error) => return Outcome::could_not_run(reason(&error)),
    };
    let mut search = Search {
        machine,
        index,
        media,
        packages: None,
        outcome: Outcome::default(),
    };
    if index.has(Signed::Efi) {
        search.images();
    }
    if index.has(Signed::Grub) {
        search.grub_files();
    }
    if search.outcome == Outcome::default() {
        return Outcome::not_applicable("no run has signed an EFI image or a file for GRUB yet");
    }
    search.outcome
}

/// The search for such signatures.
struct Search<'m> {
    machine: &'m Machine<'m>,
    index: &'m Index,
    media: BootMedia,
    /// The packages, read for the first file that needs them.
    packages: Option<Packages>,
    outcome: Outcome,
}

impl Search<'_> {
    /// Compares the EFI images with the ledger, by their Authenticode digests.
    fn images(&mut self) {
        let (images, certificate) = match (self.machine.images(Place::Anywhere), self.machine.directory()) {
            (Ok(images), Ok(directory)) => (images, directory.certificate(KeyName::Db)),
            (Err(missing), _) => return self.outcome.not_run.push(missing),
            (_, Err(missing)) => return self.outcome.not_run.push(missing.clone()),
        };
        let certificate = match certificate {
            Ok(certificate) => certificate,
            Err(error) => return self.outcome.not_run.push(reason(&error)),
        };
        self.outcome.not_run.extend(images.not_run);
        let text = format!("EFI images compared with the ledger: {}", images.found.len());
        self.outcome.evidence.push(text);
        for found in images.found {
            if self.index.by_digest(Signed::Efi, &found.sha256.to_hex()).is_some() {
                continue;
            }
            let read = found.open().and_then(|file| {
                let image = file.image(&[]);
                let image = image.or_could_not_run(|| format!("cannot read {}", found.shown))?;
                let digest = image.ok().and_then(|image| own_digest_of(&image, &certificate));
                if let Some(digest) = digest {
                    self.unrecorded(Signed::Efi, &found.path, file.content(), &digest.to_hex());
                }
                Ok(())
            });
            self.outcome.not_run.extend(read.err().map(|error| reason(&error)));
        }
    }

    /// Compares the files for GRUB with the ledger, by SHA-256.
    fn grub_files(&mut self) {
        let anchors = match self.machine.anchors() {
            Ok(anchors) => anchors,
            Err(missing) => return self.outcome.not_run.push(missing.clone()),
        };
        let mut unread = Vec::new();
        let directories = self.media.directories().iter();
        let files: Vec<_> = directories
            .flat_map(|directory| files_below(directory, &mut unread))
            .collect();
        self.outcome.not_run.append(&mut unread);
        let mut compared = 0_usize;
        for path in files.iter().filter_map(|path| signed_file(path)) {
            if let Err(error) = self.machine.context().check_interrupted() {
                return self.outcome.not_run.push(reason(&error));
            }
            match self.grub_file(&path, &anchors.grub) {
                Ok(is_signed) => compared = compared.saturating_add(usize::from(is_signed)),
                Err(error) => self.outcome.not_run.push(reason(&error)),
            }
        }
        let text = format!("signatures for GRUB compared with the ledger: {compared}");
        self.outcome.evidence.push(text);
    }

    /// Compares a file for GRUB with the ledger; false if it or its signature is no file.
    fn grub_file(&mut self, path: &Path, keys: &[GrubKey]) -> Result<bool> {
        let Some(real) = file(self.machine.context(), path) else {
            return Ok(false);
        };
        let Some(signature) = existing_signature(path)? else {
            return Ok(false);
        };
        let opened = OpenedFile::from(system::open(&real)?);
        let content = opened.content();
        let digest = content.digest(HashAlgorithm::Sha256);
        let digest = digest
            .or_could_not_run(|| format!("cannot read {}", path.shown()))?
            .to_hex();
        let is_recorded = self.index.by_digest(Signed::Grub, &digest).is_some();
        if !is_recorded && grub::judge_read(&mut content.open(), Some(&signature), keys).is_ok() {
            self.unrecorded(Signed::Grub, path, content, &digest);
        }
        Ok(true)
    }

    /// Tells of a signature by our key that is in no ledger. A file that a package holds was signed as that was built.
    fn unrecorded(&mut self, kind: Signed, path: &Path, bytes: Content<'_>, digest: &str) {
        let shown = path.shown();
        match self.owner(path, bytes) {
            Ok(Some(owner)) => {
                let text = format!("{shown}: equals {owner}, and was signed there");
                return self.outcome.evidence.push(text);
            }
            Ok(None) => {}
            Err(error) => self.outcome.not_run.push(reason(&error)),
        }
        let (level, since) = if self.index.taken_over {
            (Level::Warning, ", or it is older than the ledger")
        } else {
            (Level::Error, "")
        };
        let text = format!(
            "{shown} bears a signature by our {} key that is in no ledger ({digest}): somebody else has the key, or the ledger \
             was cut{since}",
            kind.key()
        );
        let accept = acceptance::command_for(kind.name(), path);
        let finding = Finding::new(UNRECORDED, path.shown(), text)
            .at(level)
            .remedy(format!("rm {}", quoted(path)))
            .remedy(format!(
                "if you signed it elsewhere: {accept}; else put another key in the place of this one: bootseal keys rotate {}",
                kind.key()
            ));
        self.outcome.findings.push(finding);
    }

    /// The file of the root file system that a file equals.
    fn owner(&mut self, path: &Path, bytes: Content<'_>) -> Result<Option<String>> {
        if self.packages.is_none() {
            let context = self.machine.context();
            let sources = &self.machine.config().sign.sources;
            let sources: Vec<_> = sources.iter().map(|source| context.path(source)).collect();
            self.packages = Some(Packages::read(context, &self.media, &sources)?);
        }
        let Some(packages) = &self.packages else {
            return Ok(None);
        };
        let owner = packages.owner(path, bytes)?;
        Ok(owner.map(|owner| owner.file.shown()))
    }
}
