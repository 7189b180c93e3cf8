//! A key that has fallen into other hands: another one takes its place, nothing that starts bears its signature any more, and then
//! firmware is told to refuse it.
//!
//! The key that is being revoked stands in a file of the key directory until all is done, so that the same call goes on wherever it was cut
//! short: after its rotation nothing else would say which key was meant.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::ceremony::PUBLIC;
use crate::enroll::Updater;
use crate::error::{Error, Explain, Result};
use crate::finding::{Finding, Level};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::text::Shown;
use crate::grub;
use crate::keys::KeyName;
use crate::keys::directory::{GRUB_PUBLIC_KEY, RETIRED};
use crate::keys::grub_keys::read_grub_keys;
use crate::start::{self, Scene};
use crate::system;
use crate::trust::Anchors;
use crate::trust::running_keys::{RunningKeys, Signer};

use super::lists::{ListChange, ListsChanged, NewLists};
use super::place::{MAX_FILE, retired_name};
use super::stages::{Request, Rotated, check_stays, rotate};

/// A key that is being revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    /// Fingerprint of the key: SHA-256 of the certificate, or OpenPGP's.
    old: String,
    /// The reason, for people.
    reason: String,
}

/// The stages that a revocation went through.
#[derive(Debug)]
pub struct Revoked {
    /// The key.
    pub name: KeyName,
    /// Fingerprint of the key that is worth nothing any more.
    pub old: String,
    /// The rotation, unless an earlier call had ended it.
    pub rotated: Option<Rotated>,
    /// The results of the stages after it, in order.
    pub steps: Vec<String>,
    /// The lists of the ceremony that have it in dbx.
    pub lists: ListsChanged,
}

/// Revokes a key. `more` are directories of the ceremony that learn it, beside those of the request. A dry run ends after the new key. After
/// a failure the same call goes on from there.
pub fn revoke(request: &Request<'_>, reason: Option<&str>, more: &[PathBuf]) -> Result<Revoked> {
    let name = request.name;
    check_stays(name)?;
    let again = |error: Error| error.hint(format!("bootseal keys revoke {name} goes on from here"));
    let revocation = request.begun(reason)?;
    let mut revoked = Revoked {
        name,
        old: revocation.old.clone(),
        rotated: None,
        steps: Vec::new(),
        lists: ListsChanged::default(),
    };
    if request.place.under_way(name)?.is_some() || request.fingerprint()? == revocation.old {
        revoked.rotated = Some(rotate(request)?);
    }
    if request.place.context.dry_run() {
        return Ok(revoked);
    }
    request.distrust(&revocation, more, &mut revoked).map_err(again)?;
    request.place.finish(name)?;
    system::remove_file(request.place.context, &request.record())?;
    Ok(revoked)
}

impl Request<'_> {
    /// The file that says which key is being revoked.
    fn record(&self) -> PathBuf {
        self.place.keys.path().join(format!("revocation-{}.json", self.name))
    }

    /// The revocation that is under way, or one that begins.
    fn begun(&self, reason: Option<&str>) -> Result<Revocation> {
        let path = self.record();
        if let Some(bytes) = system::read_ours_if_there(&path, MAX_FILE)? {
            return serde_json::from_slice(&bytes).or_refuse(|| format!("{} is damaged", path.shown()));
        }
        let under_way = self.place.under_way(self.name)?;
        let old = match under_way {
            Some(rotation) => rotation.old.ok_or_else(|| {
                let name = self.name;
                Error::refused(format!("the first {name} key is being made: there is none to revoke"))
                    .hint(format!("bootseal keys rotate {name} ends it"))
            })?,
            None => self.fingerprint()?,
        };
        let reason = reason.map_or_else(|| format!("the {} key was revoked", self.name), str::to_owned);
        let revocation = Revocation { old, reason };
        if !self.place.context.dry_run() {
            self.place.context.guard(self.place.keys.path());
            let bytes = serde_json::to_vec(&revocation).or_bug(|| "cannot encode a revocation".to_owned())?;
            system::replace_durably(self.place.context, &path, &bytes, PUBLIC)?;
        }
        Ok(revocation)
    }

    /// The fingerprint of the key in use.
    fn fingerprint(&self) -> Result<String> {
        match self.name {
            KeyName::Grub => Ok(self.place.keys.grub_public_key()?.fingerprint()),
            name => Ok(self.place.keys.certificate(name)?.fingerprint().to_hex()),
        }
    }

    /// Has whoever judges the key's signatures refuse them.
    fn distrust(&self, revocation: &Revocation, more: &[PathBuf], revoked: &mut Revoked) -> Result<()> {
        let retired = self
            .place
            .keys
            .path()
            .join(RETIRED)
            .join(retired_name(self.name, &revocation.old));
        let by_word = |who: &str| format!("{who} does not know the old key any more, by your word");
        match self.name {
            KeyName::Module if self.is_trusted => revoked.steps.push(by_word("the kernel")),
            KeyName::Grub if self.is_trusted => revoked.steps.push(by_word("GRUB's image")),
            KeyName::Db => self.forbid(&retired.join("db.pem"), revocation, more, revoked)?,
            KeyName::Module => {
                self.check_kernel_forgot(&read(&retired.join("module.pem"))?)?;
                revoked
                    .steps
                    .push("the running kernel does not know the old key".to_owned());
            }
            KeyName::Grub => {
                let shown = self.check_grub_forgot(&revocation.old)?;
                revoked.steps.push(format!("{shown} does not embed the old key"));
            }
            // No list has it: a TPM knows it by what a disk was bound to.
            KeyName::Pcr | KeyName::Fleet => {}
            KeyName::Kek | KeyName::Pk => {
                self.check_firmware_forgot(&read(&retired.join(format!("{}.pem", self.name)))?)?;
            }
        }
        let elsewhere = match self.name {
            KeyName::Db => {
                "other boards: the same entry is in what the key directory enrolls; bootseal enroll apply brings it to each"
            }
            KeyName::Kek | KeyName::Pk => {
                "other boards still trust it: on each, enroll the new one, or sign the change here: bootseal enroll rotate NEW-KEYS --output UPDATE"
            }
            KeyName::Module => {
                "other machines still trust it until their kernels are built with the new certificate alone"
            }
            KeyName::Grub => "other machines still trust it until: bootseal grub install",
            KeyName::Pcr => {
                "each disk that is bound to the old key, here and elsewhere, opens for whatever it signs until its slot is wiped: \
                 systemd-cryptenroll --wipe-slot=tpm2 --tpm2-device=auto --tpm2-public-key=FILE"
            }
            KeyName::Fleet => "no machine follows a new key of its fleet",
        };
        revoked.steps.push(elsewhere.to_owned());
        Ok(())
    }

    /// Brings the certificate into dbx, once the next start holds without it.
    fn forbid(&self, path: &Path, revocation: &Revocation, more: &[PathBuf], revoked: &mut Revoked) -> Result<()> {
        let old = read(path)?;
        let mut entries = SignatureDatabase::default();
        entries.add_certificate(self.place.keys.owner()?, old.as_der());
        self.check_next_start(&entries)?;
        revoked
            .steps
            .push("the next start holds under the dbx to be".to_owned());
        let change = ListChange {
            variable: VariableName::Dbx,
            written: None,
            added: entries.clone(),
            removed: SignatureDatabase::default(),
            reason: Some(revocation.reason.clone()),
        };
        let ask = &mut |name: &str| self.attendant.secret(name);
        let authority = self.place.authority;
        let updater = Updater::open(self.context(), &self.firmware.store, authority)?;
        let update = updater.add(VariableName::Dbx, &entries, ask)?;
        let mut directories = vec![self.place.keys.path().to_owned()];
        directories.extend(more.iter().cloned());
        let lists = NewLists::sign(self.context(), authority, &directories, &[change], ask)?;
        self.write(update)?;
        revoked
            .steps
            .push("the firmware's dbx holds the old certificate".to_owned());
        revoked.lists = lists.publish(self.context())?;
        Ok(())
    }

    /// Refuses a dbx under which the machine would not start.
    fn check_next_start(&self, forbidden: &SignatureDatabase) -> Result<()> {
        let mut anchors = Anchors::from_directory(self.place.keys)?;
        anchors.with_shim = self.config.grub.shim;
        anchors.dbx.merge(forbidden);
        let scene = Scene {
            context: self.context(),
            config: self.config,
            anchors: &anchors,
        };
        let walked = start::next_start(scene)?;
        let stops: Vec<&Finding> = walked
            .findings
            .iter()
            .filter(|finding| finding.level == Level::Error)
            .collect();
        let Some(first) = stops.first() else { return Ok(()) };
        let text = format!(
            "without the old key the next start does not hold: {}: {}",
            first.subject, first.text
        );
        Err(first.remedies.iter().fold(Error::refused(text), Error::hint))
    }

    fn check_firmware_forgot(&self, old: &Certificate) -> Result<()> {
        let Some(variable) = self.name.variable() else {
            return Ok(());
        };
        let updater = Updater::open(self.context(), &self.firmware.store, self.place.authority)?;
        if updater.holds_certificate(variable, old)? {
            return Err(Error::refused(format!(
                "the firmware's {variable} still holds the old certificate"
            )));
        }
        Ok(())
    }

    fn check_kernel_forgot(&self, old: &Certificate) -> Result<()> {
        let keys = RunningKeys::read(self.context())?;
        let said = match keys.map(|keys| keys.signer(old)).transpose()? {
            Some(Signer::Trusted(..)) => "the running kernel still trusts the old module key".to_owned(),
            Some(Signer::Unknown(why)) => why,
            Some(Signer::Missing | Signer::Elsewhere(_)) | None => return Ok(()),
        };
        Err(Error::refused(said).hint(format!(
            "build a kernel whose CONFIG_SYSTEM_TRUSTED_KEYS names {} alone, remove the older kernels, and start it",
            self.place.keys.certificate_path(KeyName::Module).shown()
        )))
    }

    fn check_grub_forgot(&self, old: &str) -> Result<String> {
        let kept = self
            .place
            .keys
            .path()
            .join(RETIRED)
            .join(retired_name(KeyName::Grub, old))
            .join(GRUB_PUBLIC_KEY);
        let keys = read_grub_keys(&kept)?;
        let (image, embedded) = grub::embedded(self.context(), &self.config.grub)?;
        let is_old = |key: &GrubKey| key.fingerprint() == old;
        if keys.iter().any(is_old) && embedded.iter().any(is_old) {
            let text = format!("{} still embeds the old key, and opens what it signs", image.shown());
            return Err(Error::refused(text).hint("bootseal grub install"));
        }
        Ok(image.shown())
    }
}

fn read(path: &Path) -> Result<Certificate> {
    Certificate::from_pem(&system::read_ours(path, MAX_FILE)?).or_refuse(|| format!("cannot use {}", path.shown()))
}
