//! The new key takes the place of the old one, which retires, and the transcript says so.

use std::collections::BTreeMap;
use std::path::Path;

use crate::ceremony::transcript::{End, Event, FileRecord};
use crate::ceremony::{PUBLIC, SECRET, append_to_transcript, level, verify};
use crate::error::Result;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::keys::directory::{Ask, REMOVE_PK, RETIRED, TRANSCRIPT};
use crate::keys::{KeyDirectory, KeyName, Protection, Signer, SoftwareKey};
use crate::system::{self, create_dir, operator};

use super::new_key::successor_digest;
use super::place::{MAX_FILE, Place, Rotation};
use super::token::TOKEN;

impl Place<'_> {
    /// Puts the new files in the places of the old ones, which are kept in `retired/`; both keys sign that.
    pub fn switch(&self, rotation: &Rotation, ask: &mut Ask<'_>) -> Result<()> {
        let name = rotation.name()?;
        let folder = self.folder(name);
        let waiting = |file: &String| folder.join(file).exists();
        if !rotation.files.iter().any(waiting) {
            return Ok(());
        }
        // Both keys open before the first file moves: an unlocked key is what the record needs at the end.
        let voucher = if let Some(retired) = self.retired(rotation) {
            self.retire(rotation, &retired)?;
            (name, KeyDirectory::unjudged(&retired).private(name, ask)?)
        } else {
            self.voucher(ask)?
        };
        let mut records = Vec::new();
        for file in &rotation.files {
            let (from, to) = (folder.join(file), self.keys.path().join(file));
            let bytes = system::read_ours(if from.exists() { &from } else { &to }, MAX_FILE)?;
            let secret = is_private(file);
            // The removal of PK goes where its private key is, and nowhere else.
            let beside_key = secret || file == REMOVE_PK;
            let other = self.authority.path().join(file);
            // Nobody but a ceremony puts what is new into a directory.
            let is_public_there =
                other.exists() || (rotation.old.is_none() && other.with_file_name(TRANSCRIPT).exists());
            if !beside_key && self.authority.path() != self.keys.path() && is_public_there {
                system::replace_durably(self.context, &other, &bytes, PUBLIC)?;
            }
            records.push(FileRecord {
                place: if beside_key { "node" } else { "keys" }.to_owned(),
                name: file.clone(),
                mode: format!("{:04o}", if secret { SECRET } else { PUBLIC }),
                sha256: HashAlgorithm::Sha256.digest(&[&bytes]).to_hex(),
            });
        }
        self.record(rotation, name, records, voucher, ask)?;
        for file in &rotation.files {
            let (from, to) = (folder.join(file), self.keys.path().join(file));
            if from.exists() {
                system::rename_over(self.context, &from, &to)?;
            }
        }
        system::sync_directory(self.keys.path())
    }

    /// Brings each of the two directories to what the other one knows: lines that are added to each by itself would part them, and lists
    /// that are behind would take the place of newer ones.
    pub(super) fn level(&self) -> Result<()> {
        let [own, other] = [self.keys, self.authority];
        let has_transcripts = own.file_path(TRANSCRIPT).exists() && other.file_path(TRANSCRIPT).exists();
        if own.path() == other.path() || !has_transcripts || self.context.dry_run() {
            return Ok(());
        }
        level(self.context, &[own.path(), other.path()])
    }

    /// Keeps the files of the old key, unless that is done.
    fn retire(&self, rotation: &Rotation, retired: &Path) -> Result<()> {
        if retired.exists() {
            return Ok(());
        }
        let mut kept = BTreeMap::new();
        for file in &rotation.files {
            let path = self.keys.path().join(file);
            let mode = if is_private(file) { SECRET } else { PUBLIC };
            kept.insert(file.clone(), (system::read_ours(&path, MAX_FILE)?, mode));
        }
        create_dir(self.context, &self.keys.path().join(RETIRED))?;
        self.publish(retired, &kept)
    }

    /// Writes the rotation into the transcript, unless that is done. The old key signs for the new one; a first key is vouched for by
    /// another, which signs the lines.
    fn record(
        &self,
        rotation: &Rotation,
        name: KeyName,
        records: Vec<FileRecord>,
        (voucher, old): (KeyName, Box<dyn Signer>),
        ask: &mut Ask<'_>,
    ) -> Result<()> {
        if !self.keys.file_path(TRANSCRIPT).exists() {
            return Ok(());
        }
        let signed = verify::read(self.keys.path())?;
        let is_recorded = |event: &Event| rotation.is_told_by(event);
        if signed.transcript.events().any(is_recorded) {
            return Ok(());
        }
        let path = self.new_file(name, &format!("{name}.key"));
        let new = self.new_private(name, ask)?;
        let protection = if system::is_there(&path)? {
            SoftwareKey::protection(&path).map(Protection::name)?
        } else {
            TOKEN
        };
        let place = signed
            .transcript
            .events()
            .flat_map(Event::files)
            .filter(|record| record.name == format!("{voucher}.key"))
            .map(|record| record.place.clone())
            .next_back();
        let mut records = records;
        for record in &mut records {
            if let (Some(place), "node") = (&place, record.place.as_str()) {
                record.place.clone_from(place);
            }
        }
        let (private, public): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| is_private(&record.name));
        let certificate = (name != KeyName::Grub)
            .then(|| self.new_certificate(name))
            .transpose()?;
        let retired = rotation.old.as_ref().map(|fingerprint| -> Result<Event> {
            Ok(Event::Retired {
                key: rotation.key.clone(),
                fingerprint: fingerprint.clone(),
                // By the old key, over the new one: who trusted the one may trust the other.
                successor: hex::encode(old.sign(&successor_digest(new.as_ref()))?),
                by: Some(operator()),
            })
        });
        let mut events: Vec<Event> = retired.transpose()?.into_iter().collect();
        events.extend([
            Event::KeyMade {
                key: rotation.key.clone(),
                bits: new.public_key().bits(),
                protection: protection.to_owned(),
                public_key: hex::encode(new.public_key().spki_der()),
                files: private,
            },
            Event::Certified {
                key: rotation.key.clone(),
                subject: rotation.subject.clone(),
                fingerprint: rotation.new.clone(),
                not_after: certificate.map(|certificate| certificate.not_after()),
                files: public,
            },
        ]);
        let mut signers: BTreeMap<KeyName, Box<dyn Signer>> = BTreeMap::new();
        if voucher != name {
            signers.insert(voucher, old);
        }
        signers.insert(name, new);
        if self.authority.path() != self.keys.path() && self.authority.file_path(TRANSCRIPT).exists() {
            let directory = self.authority.path();
            let other = verify::read(directory)?.transcript;
            let is_one = other == signed.transcript;
            let other = if other.events().any(is_recorded) {
                other
            } else {
                append_to_transcript(self.context, directory, other, events.clone(), &signers)?
            };
            // Two that are one stay one: lines of two moments would part them.
            if is_one {
                let path = self.keys.path().join(TRANSCRIPT);
                return system::replace_durably(self.context, &path, other.as_bytes(), PUBLIC);
            }
        }
        append_to_transcript(self.context, self.keys.path(), signed.transcript, events, &signers).map(drop)
    }

    /// The ends of the transcripts that a rotation adds lines to, as far as there are any.
    pub(super) fn ends(&self) -> Result<Vec<End>> {
        let own = self.keys.path();
        let other = Some(self.authority.path()).filter(|path| *path != own);
        let directories = [Some(own), other].into_iter().flatten();
        let with_transcript = directories.filter(|path| path.join(TRANSCRIPT).exists());
        with_transcript
            .map(|path| End::new(path, &verify::read(path)?.transcript))
            .collect()
    }

    /// The rotation is over; the old key stays where it is kept. Whatever an earlier end that was cut short has left goes too.
    pub(super) fn finish(&self, name: KeyName) -> Result<()> {
        let folder = self.folder(name);
        system::remove_tree(self.context, &folder)?;
        match folder.parent() {
            Some(all) if system::list_directory_if_there(all)?.is_empty() && all.is_dir() => {
                system::remove_empty_dir(self.context, all)
            }
            _ => Ok(()),
        }
    }
}

/// True if a file of a key directory is a private key.
fn is_private(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|ending| ending == "key")
}
