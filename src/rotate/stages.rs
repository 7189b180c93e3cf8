//! The stages of a rotation, in their order. Each looks at the present state first, so a rotation that was cut short goes
//! on where it was.

use std::path::PathBuf;

use crate::ceremony::clock;
use crate::ceremony::transcript::End;
use crate::enroll::{self, Source, Update, Updater};
use crate::error::{Error, Result};
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::Shown;
use crate::grub;
use crate::keys::{KeyName, Passphrase};
use crate::sign::{self, Change, Job, SigningKeys, Summary, Vouchers, Watch, acceptance};
use crate::system::Context;
use crate::system::config::Config;
use crate::trust::running_keys::{RunningKeys, Signer};

use super::place::{Place, Rotation};

/// The rest of a rotation of the module key, which is not ours to do.
const INITRAMFS: &str = "each initramfs, and each unified image, still holds the modules that the old key signed: before a kernel \
                         starts that knows the new key alone, make them anew: dracut --force --regenerate-all, or emerge --config \
                         the kernel's package; and: bootseal hook run all VERSION";

/// The rest of a rotation of the pcr key: disks are bound to it, and images signed by it, elsewhere.
const DISKS: &str = "a disk that is bound to the old key opens for images that it signed alone: bind it to the new one as well \
                     (systemd-cryptenroll --tpm2-public-key, with the file of: bootseal keys export pcr --format public-key --output \
                     FILE), have ukify and Portage take the new private key (bootseal keys export pcr --format signing-key --output \
                     FILE), build the unified images anew, and wipe the old slot once one of them has started";

/// The rest once there is a first pcr key, which is left to people.
const FIRST_DISK: &str = "have ukify and Portage take the private key (bootseal keys export pcr --format signing-key --output FILE), build the \
                          unified images anew, and bind a disk to the key: systemd-cryptenroll --tpm2-public-key, with the file of: bootseal \
                          keys export pcr --format public-key --output FILE";

/// The person at the terminal, or the options that speak for one.
pub trait Attendant {
    /// Answers for a secret; the argument says for which, as "Passphrase of the db key".
    fn secret(&self, name: &str) -> Result<Passphrase>;
    /// Fails unless this may be written to the firmware.
    fn agree(&self, plan: &enroll::Plan) -> Result<()>;
    /// Told once if another run of bootseal has to end first.
    fn waiting(&self) {}
}

/// A rotation that is asked for.
#[allow(clippy::struct_excessive_bools)] // each is an option of its own on the command line
pub struct Request<'a> {
    /// The key.
    pub name: KeyName,
    /// The directories.
    pub place: Place<'a>,
    /// The configuration of the machine: the files to sign, and where GRUB is.
    pub config: &'a Config,
    /// The firmware, and the warnings in spite of which it is written to; each stage brings its own writes.
    pub firmware: &'a enroll::Request,
    /// True if somebody says that the kernel, or GRUB's image, knows the new key already.
    pub is_trusted: bool,
    /// True if somebody says that all files are signed again.
    pub is_signed: bool,
    /// True if the old key is to be worth nothing afterwards: its signatures are taken out.
    pub revokes: bool,
    /// True if somebody says that the clock is right, whatever records say.
    pub is_clock_right: bool,
    /// True if every file is verified, also those that the manifest knows to be signed.
    pub recheck: bool,
    /// Sees how the signing gets on.
    pub observer: &'a dyn sign::Observer,
    /// Is asked.
    pub attendant: &'a dyn Attendant,
}

/// The stages that a rotation went through.
#[derive(Debug)]
pub struct Rotated {
    /// The old key and the new one.
    pub rotation: Rotation,
    /// The directory that keeps the old key, if there was one.
    pub retired: Option<PathBuf>,
    /// The result of each stage, in order.
    pub steps: Vec<String>,
    /// The new ends of the transcripts: that of the key directory and that of the directory of PK and KEK, as far as there are
    /// any.
    pub ends: Vec<End>,
}

/// Refuses the key of a fleet: its nodes know it by the fingerprint that was typed there.
pub(super) fn check_stays(name: KeyName) -> Result<()> {
    if name != KeyName::Fleet {
        return Ok(());
    }
    Err(
        Error::usage("the key of a fleet stays: each node knows it by the fingerprint that was typed there")
            .hint("where others have it, hold the ceremony of a new fleet, and bring each node its bundle of that one"),
    )
}

/// Puts another key in the place of one: makes it, has firmware, kernel or GRUB know it, puts it in its place, signs
/// everything again, and has the firmware forget the old one. A dry run ends after the first of these. After a failure
/// the same call goes on from there.
pub fn rotate(request: &Request<'_>) -> Result<Rotated> {
    check_stays(request.name)?;
    let place = &request.place;
    let mut doubt = None;
    if place.under_way(request.name)?.is_none() {
        doubt = clock::check(place.context, &[place.keys, place.authority], request.is_clock_right)?;
        place.finish(request.name)?;
    }
    let rotation = place.prepare(request.name, &mut |name| request.attendant.secret(name))?;
    let mut rotated = Rotated {
        retired: place.retired(&rotation),
        steps: doubt
            .into_iter()
            .chain([format!("made \"{}\", and tried it", rotation.subject)])
            .collect(),
        rotation,
        ends: Vec::new(),
    };
    if place.context.dry_run() {
        return Ok(rotated);
    }
    request.stages(&mut rotated).map_err(|error| {
        let name = request.name;
        let error = error.hint(if request.revokes {
            format!("bootseal keys revoke {name} goes on from here")
        } else {
            format!("bootseal keys rotate {name} goes on from here")
        });
        if request.revokes || place.has_switched(&rotated.rotation).unwrap_or(true) {
            return error;
        }
        error.hint(format!("bootseal keys rotate {} --abort gives it up", request.name))
    })?;
    Ok(rotated)
}

impl Request<'_> {
    fn stages(&self, rotated: &mut Rotated) -> Result<()> {
        rotated.steps.push(match self.name.variable() {
            Some(variable) => self.enroll_new(variable, &rotated.rotation)?,
            None => self.check_known()?,
        });
        let ask = &mut |name: &str| self.attendant.secret(name);
        self.place.level()?;
        if !self.place.has_switched(&rotated.rotation)? {
            rotated.rotation = self.place.refreshed(&rotated.rotation, ask)?;
        }
        let rotation = &rotated.rotation;
        self.place.switch(rotation, ask)?;
        rotated.ends = self.place.ends()?;
        rotated.steps.push(match &rotated.retired {
            Some(retired) => format!("put it in its place; the old key is kept in {}", retired.shown()),
            None => "put it in its place".to_owned(),
        });
        rotated.steps.extend(self.sign_again(rotation)?);
        let rest = match self.name {
            KeyName::Module => Some(INITRAMFS),
            KeyName::Pcr if rotation.old.is_none() => Some(FIRST_DISK),
            KeyName::Pcr => Some(DISKS),
            _ => None,
        };
        rotated.steps.extend(rest.map(str::to_owned));
        if let Some(variable) = self.name.variable() {
            rotated.steps.push(self.remove_old(variable, rotation)?);
        }
        self.place.finish(self.name)
    }

    pub(super) fn context(&self) -> &Context {
        self.place.context
    }

    /// The firmware learns the new certificate beside the old one; the platform key, of which there is one, in its place.
    fn enroll_new(&self, variable: VariableName, rotation: &Rotation) -> Result<String> {
        let updater = Updater::open(self.context(), &self.firmware.store, self.place.authority)?;
        let new = self.place.new_certificate(self.name)?;
        if updater.holds_certificate(variable, &new)? {
            return Ok(format!("the firmware's {variable} holds it"));
        }
        let old = self.place.old_certificate(self.name, rotation)?;
        if !updater.holds_certificate(variable, &old)? {
            return Ok(format!(
                "the firmware's {variable} does not hold the old one, so it is left alone"
            ));
        }
        let mut entries = SignatureDatabase::default();
        entries.add_certificate(self.place.keys.owner()?, new.as_der());
        let ask = &mut |name: &str| self.attendant.secret(name);
        let update = if variable == VariableName::Pk {
            updater.replace_platform_key(&entries, ask)?
        } else {
            updater.add(variable, &entries, ask)?
        };
        self.write(update)?;
        Ok(format!("the firmware's {variable} holds it now"))
    }

    /// The firmware forgets the old certificate. That is refused while the image that starts next needs it.
    fn remove_old(&self, variable: VariableName, rotation: &Rotation) -> Result<String> {
        let updater = Updater::open(self.context(), &self.firmware.store, self.place.authority)?;
        let old = self.place.old_certificate(self.name, rotation)?;
        if variable == VariableName::Pk || !updater.holds_certificate(variable, &old)? {
            return Ok(format!("the firmware's {variable} does not hold the old one"));
        }
        let ask = &mut |name: &str| self.attendant.secret(name);
        let (update, _) = updater.remove(variable, rotation.old.as_slice(), ask)?;
        if let Some(update) = update {
            self.check_left_behind(&update)?;
            self.write(update)?;
        }
        Ok(format!("the firmware's {variable} does not hold the old one any more"))
    }

    /// No file that the firmware and its loaders may start is refused from now on which is accepted now: `[sign]` may not name all.
    fn check_left_behind(&self, update: &Update) -> Result<()> {
        let request = enroll::Request {
            source: Source::Updates(vec![update.clone()]),
            ..self.firmware.clone()
        };
        let left = enroll::left_behind(self.context(), &request)?;
        if left.is_empty() || self.firmware.allow.boot_files {
            return Ok(());
        }
        let paths: Vec<&str> = left.iter().map(|(path, _)| path.as_str()).collect();
        let error = Error::refused(format!(
            "without the old certificate the firmware would refuse what it accepts now, and [sign] does not name: {}",
            paths.join(", ")
        ));
        let error = left.into_iter().fold(error, |error, (_, remedy)| error.hint(remedy));
        Err(error
            .hint("or remove what is not to start any more: nobody signs an old kernel for whoever has laid it there"))
    }

    pub(super) fn write(&self, update: Update) -> Result<()> {
        let request = enroll::Request {
            source: Source::Updates(vec![update]),
            ..self.firmware.clone()
        };
        let plan = enroll::plan(self.context(), &request)?;
        plan.check_stops()?;
        if !plan.is_done() {
            self.attendant.agree(&plan)?;
        }
        enroll::apply(self.context(), &plan, || self.attendant.waiting()).map(drop)
    }

    /// The kernel and GRUB learn keys when they are built, which is not ours to do; before they know the new key, nothing
    /// may be signed with it alone.
    fn check_known(&self) -> Result<String> {
        if self.is_trusted {
            return Ok("it is trusted already, by your word".to_owned());
        }
        match self.name {
            KeyName::Grub => self.check_grub(),
            KeyName::Pcr => Ok("neither firmware nor kernel nor GRUB has to know it before".to_owned()),
            _ => self.check_kernel(),
        }
    }

    fn check_grub(&self) -> Result<String> {
        let next = self
            .place
            .keys
            .next_grub_key()?
            .ok_or_else(|| Error::bug("a rotation without its key"))?;
        let image = grub::check_embeds(self.context(), &self.config.grub, &next).map_err(|error| {
            error
                .hint("bootseal grub install; restart; bootseal grub confirm; then this command again")
                .hint("if GRUB was built elsewhere with both keys, add --trusted")
        })?;
        Ok(format!("{} embeds it", image.shown()))
    }

    fn check_kernel(&self) -> Result<String> {
        let certificate = self.place.new_certificate(self.name)?;
        // Below another root there is none: whose kernel will run there, nobody here knows.
        let keys = RunningKeys::read(self.context())?;
        let said = match keys.map(|keys| keys.signer(&certificate)).transpose()? {
            Some(Signer::Trusted(..)) => return Ok("the running kernel trusts it".to_owned()),
            Some(Signer::Elsewhere(why) | Signer::Unknown(why)) => why,
            Some(Signer::Missing) | None => {
                "the running kernel does not know the new module key, so it would refuse its modules".to_owned()
            }
        };
        Err(
            Error::refused(said).hint(
                format!(
                    "build a kernel whose CONFIG_SYSTEM_TRUSTED_KEYS names a file with both certificates, {} and {}, and start it; \
                     or add --trusted",
                    self.place.keys.certificate_path(self.name).shown(),
                    self.place.keys.rotation(self.name).join(format!("{}.pem", self.name)).shown()
                ),
            ),
        )
    }

    /// The files that the configuration names are signed with the new key, and seen to be. PK and KEK sign none.
    fn sign_again(&self, rotation: &Rotation) -> Result<Option<String>> {
        let config = &self.config.sign;
        let entries = match self.name {
            KeyName::Pk | KeyName::Kek | KeyName::Pcr | KeyName::Fleet => return Ok(None),
            KeyName::Db => &config.efi,
            KeyName::Module => &config.modules,
            KeyName::Grub => &config.grub,
        };
        if self.is_signed {
            return Ok(Some("all files are signed again, by your word".to_owned()));
        }
        if entries.is_empty() {
            return Err(Error::refused(format!(
                "the configuration names no files that {} signs, so none were signed again",
                self.name
            ))
            .hint("list them under [sign] in /etc/bootseal/config.toml, or sign them and add --signed"));
        }
        let job = Job::configured(self.context(), config)?;
        let doomed =
            (self.revokes && self.name == KeyName::Db).then(|| self.place.old_certificate(self.name, rotation));
        let doomed = doomed.transpose()?;
        let ask = &mut |name: &str| self.attendant.secret(name);
        let keys = SigningKeys::open(self.place.keys, &job.keys(), ask)?;
        self.context().heed_signals()?;
        let watch = Watch {
            command: &format!("keys rotate {}", self.name),
            recheck: self.recheck,
            vouchers: Vouchers::default(),
            new_kernel: None,
            without: doomed.as_ref(),
            observer: self.observer,
        };
        let summary = job.sign(self.context(), &keys, config, watch)?;
        let (signed, kept) = (complete(&summary)?, summary.count(Change::Kept));
        // Signs nothing, and tells what it would have signed.
        let trial = self.context().clone().with_dry_run(true);
        let watch = Watch {
            observer: &sign::Unobserved,
            ..watch
        };
        let left = complete(&job.sign(&trial, &keys, config, watch)?)?;
        if left > 0 {
            return Err(Error::refused(format!("{left} files are not signed by the new key")));
        }
        Ok(Some(match kept {
            0 => format!("signed {signed} files again, and saw that all are"),
            kept => format!(
                "signed {signed} files again; modules that keep the signature of another key, which their kernel holds: {kept}; once it \
                 holds the new certificate: bootseal sign all"
            ),
        }))
    }
}

/// The number of files that were signed, or in a dry run would be; fails if one could not be.
fn complete(summary: &Summary) -> Result<usize> {
    match sign::failure(&summary.outcomes).or_else(|| acceptance::refusal(&summary.outcomes)) {
        Some(error) => Err(error),
        None => Ok(summary.count(Change::Signed)),
    }
}
