//! The new key, and everything that it signs or that is signed for it, before it takes the place of the old one.

use crate::ceremony::transcript::Event;
use crate::ceremony::{PUBLIC, SECRET, purpose, verify};
use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::firmware::authenticated_variable::{APPEND_ATTRIBUTES, ATTRIBUTES, EfiTime, VariableName};
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::formats::grub::openpgp::{GrubKey, UnsignedSignature};
use crate::formats::text::{Shown, printable};
use crate::keys::certificate::{Request, self_signed};
use crate::keys::directory::{Ask, GRUB_PUBLIC_KEY, REMOVE_PK, TRANSCRIPT};
use crate::keys::grub_keys::read_grub_keys;
use crate::keys::{Identity, KeyName, Passphrase, Signer, SoftwareKey};
use crate::system::{self, create_dir};

use super::place::{Files, MAX_FILE, Place, Rotation, STATE};

impl Place<'_> {
    /// Makes the new key and all that is signed for it, or goes on with those that were made. Nothing else is touched.
    pub fn prepare(&self, name: KeyName, ask: &mut Ask<'_>) -> Result<Rotation> {
        self.context.guard(self.keys.path());
        self.context.guard(self.authority.path());
        self.check_others(name)?;
        if let Some(rotation) = self.under_way(name)? {
            return Ok(rotation);
        }
        self.level()?;
        let mut files = Files::new();
        if let Some(uri) = self.keys.token_uri(name)? {
            let old = self.keys.private(name, ask)?;
            let new = self.on_token(name, &uri, old.public_key(), &mut files, ask)?;
            let rotation = if name == KeyName::Grub {
                self.grub(old.public_key(), new.as_ref(), &mut files)?
            } else {
                self.certified(name, new, &mut files, ask)?
            };
            return self.begin(name, rotation, files);
        }
        let is_first = self.is_first(name)?;
        let from = if is_first { self.voucher_name()? } else { name };
        let mut passphrase = None;
        let old: Box<dyn Signer> = if is_first && self.keys.token_uri(from)?.is_some() {
            self.keys.private(from, ask)?
        } else {
            Box::new(self.keys.software_key(from, &mut |what| {
                let given = ask(what)?;
                passphrase = Some(given.duplicate());
                Ok(given)
            })?)
        };
        let bits = if is_first { 0 } else { old.public_key().bits() };
        let new = SoftwareKey::generate(self.context, bits.max(name.least_bits()))?;
        let wrap = passphrase.as_ref();
        let pem = new.to_pem(self.context, wrap)?;
        let again = SoftwareKey::parse(pem.as_bytes(), &self.keys.private_key_path(name), &mut || {
            wrap.map(Passphrase::duplicate)
                .ok_or_else(|| Error::bug("a plain key asks for a passphrase"))
        })?;
        prove(&new, &again)?;
        files.insert(format!("{name}.key"), (pem.as_bytes().to_vec(), SECRET));
        let rotation = if is_first {
            self.first(name, from, &new, &mut files)?
        } else if name == KeyName::Grub {
            self.grub(old.public_key(), &new, &mut files)?
        } else {
            self.certified(name, Box::new(new), &mut files, ask)?
        };
        self.begin(name, rotation, files)
    }

    /// Lays the new files down, with the record that the rotation is under way.
    fn begin(&self, name: KeyName, rotation: Rotation, mut files: Files) -> Result<Rotation> {
        let rotation = Rotation {
            files: files.keys().cloned().collect(),
            ..rotation
        };
        files.insert(STATE.to_owned(), (encoded(&rotation)?, PUBLIC));
        if !self.context.dry_run() {
            let folder = self.folder(name);
            if let Some(all) = folder.parent() {
                create_dir(self.context, all)?;
            }
            self.publish(&folder, &files)?;
        }
        Ok(rotation)
    }

    /// Refuses to begin between two files of another rotation, which a power cut left half in their places: its writes could not be made
    /// anew any more.
    fn check_others(&self, name: KeyName) -> Result<()> {
        for other in KeyName::CERTIFIED.into_iter().filter(|other| *other != name) {
            let Some(rotation) = self.under_way(other)? else {
                continue;
            };
            let folder = self.folder(other);
            if self.has_switched(&rotation)? && rotation.files.iter().any(|file| folder.join(file).exists()) {
                let text = format!("the rotation of {other} was cut short while its files were put in their places");
                return Err(Error::refused(text).hint(format!("bootseal keys rotate {other} ends it")));
            }
        }
        Ok(())
    }

    /// The rotation as it is to go on. Its writes are made anew if the files that they were made from have changed since: another
    /// key was rotated while this rotation waited.
    pub(super) fn refreshed(&self, rotation: &Rotation, ask: &mut Ask<'_>) -> Result<Rotation> {
        let name = rotation.name()?;
        if name.variable().is_none() || rotation.basis == self.basis()? {
            return Ok(rotation.clone());
        }
        let new = Identity {
            name: name.name().to_owned(),
            certificate: self.new_certificate(name)?,
            signer: self.new_private(name, ask)?,
        };
        let mut files = Files::new();
        self.writes(name, &self.keys.certificate(name)?, &new, &mut files, ask)?;
        let mut rotation = Rotation {
            basis: self.basis()?,
            ..rotation.clone()
        };
        rotation.files.extend(files.keys().cloned());
        rotation.files.sort();
        rotation.files.dedup();
        // The record comes last: until then the writes are still to be made.
        let record = (STATE.to_owned(), (encoded(&rotation)?, PUBLIC));
        for (file, (bytes, mode)) in files.into_iter().chain([record]) {
            system::replace_durably(self.context, &self.folder(name).join(file), &bytes, mode)?;
        }
        Ok(rotation)
    }

    /// SHA-256 of the files that writes are made from: the lists and the writes of all variables, and the certificates that the
    /// writes are signed by.
    fn basis(&self) -> Result<String> {
        let variables = [VariableName::Pk, VariableName::Kek, VariableName::Db, VariableName::Dbx];
        let lists = variables.map(|variable| self.keys.lists_path(variable));
        let writes = variables.map(|variable| self.keys.update_path(variable));
        let signers = [KeyName::Pk, KeyName::Kek].map(|name| self.authority.certificate_path(name));
        let mut digests = Vec::new();
        for path in lists.iter().chain(&writes).chain(&signers) {
            let bytes = system::read_ours_if_there(path, MAX_FILE)?.unwrap_or_default();
            digests.extend_from_slice(HashAlgorithm::Sha256.digest(&[&bytes]).as_bytes());
        }
        Ok(HashAlgorithm::Sha256.digest(&[&digests]).to_hex())
    }

    fn grub(&self, old: &RsaPublicKey, new: &dyn Signer, files: &mut Files) -> Result<Rotation> {
        let cannot = || "cannot make GRUB's OpenPGP key".to_owned();
        let known = read_grub_keys(&self.keys.file_path(GRUB_PUBLIC_KEY))?;
        let old = known.iter().find(|key| key.public_key() == old);
        let old = old.ok_or_else(|| Error::refused("grub.key is not the private key of grub.gpg"))?;
        let subject = successor(&self.grub_user_id()?, self.context.date_time()?.year());
        let created = u32::try_from(self.context.now()?).or_could_not_run(cannot)?;
        let key = GrubKey::new(new.public_key(), created).or_bug(cannot)?;
        let binding = UnsignedSignature::certification(&key, &subject, created).or_bug(cannot)?;
        let signature = new.sign(binding.to_be_signed())?;
        let exported = key
            .export(&subject, &binding.finish(&signature).or_bug(cannot)?)
            .or_bug(cannot)?;
        files.insert(GRUB_PUBLIC_KEY.to_owned(), (exported, PUBLIC));
        Ok(Rotation {
            key: KeyName::Grub.name().to_owned(),
            subject,
            old: Some(old.fingerprint()),
            new: key.fingerprint(),
            files: Vec::new(),
            basis: String::new(),
        })
    }

    /// The user ID of GRUB's present key, as the transcript has it.
    fn grub_user_id(&self) -> Result<String> {
        if !self.keys.file_path(TRANSCRIPT).exists() {
            return Ok("GRUB Key".to_owned());
        }
        let signed = verify::read(self.keys.path())?;
        let user_id = signed.transcript.events().rev().find_map(|event| match event {
            Event::Certified { key, subject, .. } if key == KeyName::Grub.name() => Some(subject.clone()),
            _ => None,
        });
        Ok(user_id.unwrap_or_else(|| "GRUB Key".to_owned()))
    }

    /// A certificate of the new key that is valid as long as this one, and its files.
    pub(super) fn certify(
        &self,
        name: KeyName,
        new: &dyn Signer,
        like: &Certificate,
        common_name: String,
        files: &mut Files,
    ) -> Result<Certificate> {
        let cannot = || format!("cannot issue a certificate to {name}");
        let (from, until) = (&like.fields().not_before, &like.fields().not_after);
        let years = until.year().zip(from.year()).map(|(until, from)| until - from);
        let years = years.and_then(|years| u16::try_from(years).ok()).ok_or_else(|| {
            let subject = printable(&like.common_name());
            Error::refused(format!(
                "the validity of the certificate \"{subject}\" ends before it begins"
            ))
        })?;
        let request = Request {
            common_name,
            organization: None,
            purpose: purpose(name),
            years: years.clamp(1, 100),
        };
        let certificate = self_signed(self.context, new, &request)?;
        let pem = certificate.to_pem().or_bug(cannot)?;
        files.insert(format!("{name}.pem"), (pem.into_bytes(), PUBLIC));
        files.insert(format!("{name}.der"), (certificate.as_der().to_vec(), PUBLIC));
        Ok(certificate)
    }

    fn certified(&self, name: KeyName, new: Box<dyn Signer>, files: &mut Files, ask: &mut Ask<'_>) -> Result<Rotation> {
        let old = self.keys.certificate(name)?;
        let certificate = self.certify(
            name,
            new.as_ref(),
            &old,
            successor(&old.common_name(), self.context.date_time()?.year()),
            files,
        )?;
        let rotation = Rotation {
            key: name.name().to_owned(),
            subject: certificate.common_name(),
            old: Some(old.fingerprint().to_hex()),
            new: certificate.fingerprint().to_hex(),
            files: Vec::new(),
            basis: if name.variable().is_some() {
                self.basis()?
            } else {
                String::new()
            },
        };
        let new = Identity {
            name: name.name().to_owned(),
            certificate,
            signer: new,
        };
        self.writes(name, &old, &new, files, ask)?;
        Ok(rotation)
    }

    /// The signature lists with the new certificate in the place of the old one, and everything that the new key has to
    /// sign from now on.
    fn writes(
        &self,
        name: KeyName,
        old: &Certificate,
        new: &Identity,
        files: &mut Files,
        ask: &mut Ask<'_>,
    ) -> Result<()> {
        let Some(variable) = name.variable() else {
            return Ok(());
        };
        let lists = self.successor_lists(variable, old, &new.certificate)?;
        let time = |variable: VariableName| self.time(variable);
        let mut put = |file: String, bytes: Vec<u8>| files.insert(file, (bytes, PUBLIC));
        let signed = match name {
            // In Setup Mode the platform key answers for itself.
            KeyName::Pk => new.sign_update(variable, ATTRIBUTES, time(variable)?, lists.to_bytes())?,
            KeyName::Kek => {
                let pk = self.authority.identity(KeyName::Pk, ask)?;
                pk.sign_update(variable, ATTRIBUTES, time(variable)?, lists.to_bytes())?
            }
            _ => {
                let kek = self.authority.identity(KeyName::Kek, ask)?;
                kek.sign_update(variable, ATTRIBUTES, time(variable)?, lists.to_bytes())?
            }
        };
        put(format!("{variable}.esl"), lists.to_bytes());
        put(format!("{variable}.auth"), signed.to_bytes());
        let below: &[(VariableName, u32)] = match name {
            KeyName::Pk => &[(VariableName::Kek, ATTRIBUTES)],
            KeyName::Kek => &[(VariableName::Db, ATTRIBUTES), (VariableName::Dbx, APPEND_ATTRIBUTES)],
            _ => &[],
        };
        for (below, attributes) in below {
            let content = self.keys.database(*below)?;
            if !content.is_empty() {
                let signed = new.sign_update(*below, *attributes, time(*below)?, content.to_bytes())?;
                put(format!("{below}.auth"), signed.to_bytes());
            }
        }
        if name == KeyName::Pk {
            let later = exceeded(time(variable)?)?;
            let removal = new.sign_update(variable, ATTRIBUTES, later, Vec::new())?;
            put(REMOVE_PK.to_owned(), removal.to_bytes());
        }
        Ok(())
    }

    fn later(&self, seconds: u64) -> Result<der::DateTime> {
        let later = self.context.now()?.checked_add(seconds);
        let later = later.ok_or_else(|| Error::could_not_run("the clock stands at the end of time"))?;
        self.context.clone().with_clock(system::Clock::Fixed(later)).date_time()
    }

    /// A moment after the write that the key directory has, even if the clock was ahead when that was made.
    pub(super) fn time(&self, variable: VariableName) -> Result<EfiTime> {
        let now = EfiTime::from(self.later(1)?);
        let made = self.keys.update_if_there(variable)?.map(|update| update.time);
        match made.filter(|made| !now.is_later_than(made)) {
            None => Ok(now),
            Some(made) => exceeded(made),
        }
    }

    fn successor_lists(
        &self,
        variable: VariableName,
        old: &Certificate,
        new: &Certificate,
    ) -> Result<SignatureDatabase> {
        let present = self.keys.database(variable)?;
        let owner = self.keys.owner()?;
        let mut lists = SignatureDatabase::default();
        lists.add_certificate(owner, new.as_der());
        let mut rest = present.clone();
        rest.retain(|kind, entry| kind != SignatureType::X509 || entry.data != old.as_der());
        if rest == present {
            return Err(Error::refused(format!(
                "{} does not hold the certificate of {}",
                self.keys.lists_path(variable).shown(),
                self.keys.path().shown()
            )));
        }
        lists.merge(&rest);
        Ok(lists)
    }
}

/// The digest of the new key that the old one signs.
pub(super) fn successor_digest(new: &dyn Signer) -> Digest {
    HashAlgorithm::Sha256.digest(&[new.public_key().spki_der()])
}

/// The record of a rotation, as its file has it.
fn encoded(rotation: &Rotation) -> Result<Vec<u8>> {
    serde_json::to_vec(rotation).or_bug(|| "cannot encode a rotation".to_owned())
}

/// Proves that a key and its copy are one: the copy signs, and the public half of the key verifies.
pub(super) fn prove(new: &dyn Signer, again: &dyn Signer) -> Result<()> {
    let digest = HashAlgorithm::Sha256.digest(&[new.public_key().spki_der(), b"proof"]);
    new.public_key()
        .verify(&digest, &again.sign(&digest)?)
        .or_bug(|| "the new key does not read back".to_owned())
}

/// The subject of the next certificate: the year at its end is this one, and a number tells two of one year apart.
fn successor(old: &str, year: u16) -> String {
    let is_year = |word: &str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    let (stem, last) = old.rsplit_once(' ').unwrap_or((old, ""));
    let (own, number) = last.split_once('.').unwrap_or((last, "1"));
    if !is_year(own) {
        return format!("{old} {year}");
    }
    if own != year.to_string() {
        return format!("{stem} {year}");
    }
    match number.parse().ok().and_then(|number: u32| number.checked_add(1)) {
        Some(next) => format!("{stem} {year}.{next}"),
        // No number, or one that has no successor: it stays a part of the name.
        None => format!("{old} {year}"),
    }
}

/// The time of a write that replaces one of this time.
pub(super) fn exceeded(time: EfiTime) -> Result<EfiTime> {
    let cannot = || format!("{time}, the time of the present write, cannot be exceeded");
    time.next_second().or_refuse(cannot)
}

#[cfg(test)]
mod tests {
    use super::successor;

    #[test]
    fn the_next_subject_says_its_year() {
        for (old, expected) in [
            ("home Platform Key 2026", "home Platform Key 2027"),
            ("home Platform Key 2027", "home Platform Key 2027.2"),
            ("home Platform Key 2027.2", "home Platform Key 2027.3"),
            ("sbctl PK", "sbctl PK 2027"),
            ("PK", "PK 2027"),
        ] {
            assert_eq!(successor(old, 2027), expected);
        }
    }
}
