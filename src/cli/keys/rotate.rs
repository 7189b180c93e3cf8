//! `bootseal keys rotate`: another key in the place of one, stage by stage, each of which can be run again.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::ceremony::life::rotation::{Place, Rotation};
use crate::cli::{Session, enroll, grub, sign};
use crate::enroll::{Update, Updater};
use crate::error::{Error, Explain, Result};
use crate::formats::backup::words::fingerprint_words;
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::kernel::running_kernel::{key_list, key_of};
use crate::formats::text::printable;
use crate::keys::{KeyDirectory, KeyName};
use crate::system;
use crate::ui::{Report, Style};

/// Where the kernel lists the keys that it trusts.
const KERNEL_KEYS: &str = "/proc/keys";
/// Most of it that is read, in bytes.
const MAX_KERNEL_KEYS: u64 = 1 << 20;

#[derive(Debug, Args)]
pub(in crate::cli) struct Rotate {
    /// PK, KEK, db, module or grub
    #[arg(value_name = "KEY")]
    name: KeyName,
    #[command(flatten)]
    key: sign::KeyArguments,
    /// Directory with the PK and KEK keys, which sign the change [default: the key directory]
    #[arg(long, value_name = "DIR")]
    authority: Option<PathBuf>,
    /// The kernel, or GRUB's image, knows the new key already
    #[arg(long)]
    trusted: bool,
    /// All files are signed again, by other means than `sign all`
    #[arg(long)]
    signed: bool,
    /// Write to the firmware without asking
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    target: enroll::Target,
}

/// What a rotation did.
struct Rotated {
    rotation: Rotation,
    retired: PathBuf,
    steps: Vec<String>,
    dry_run: bool,
}

impl Rotate {
    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        let keys = self.key.directory(session)?;
        let authority = match &self.authority {
            Some(path) => KeyDirectory::open(path)?,
            None => keys.clone(),
        };
        let place = Place {
            context: &session.context,
            keys: &keys,
            authority: &authority,
        };
        let ask = &mut |what: &str| self.key.unlock.existing(what);
        let rotation = place.prepare(self.name, ask)?;
        let mut done = Rotated {
            retired: place.retired(&rotation),
            steps: vec![format!("made \"{}\", and tried it", rotation.subject)],
            rotation,
            dry_run: session.context.dry_run(),
        };
        if done.dry_run {
            return Ok(Box::new(done));
        }
        let again = format!("bootseal keys rotate {} goes on from here", self.name);
        self.stages(session, &place, &mut done)
            .map_err(|error| error.hint(again))?;
        Ok(Box::new(done))
    }

    fn stages(&self, session: &Session, place: &Place<'_>, done: &mut Rotated) -> Result<()> {
        let ask = &mut |what: &str| self.key.unlock.existing(what);
        match self.name.variable() {
            Some(variable) => done.steps.push(self.overlap(session, place, variable)?),
            None => done.steps.push(self.known(session, place)?),
        }
        place.switch(&done.rotation, ask)?;
        done.steps.push(format!(
            "put it in its place; the old key is kept in {}",
            done.retired.display()
        ));
        if let Some(step) = self.sign_again(session)? {
            done.steps.push(step);
        }
        if let Some(variable) = self.name.variable() {
            done.steps.push(self.retire(session, place, variable, &done.rotation)?);
        }
        place.finish()
    }

    /// The firmware learns the new certificate beside the old one; the platform key, of which there is one, in its place.
    fn overlap(&self, session: &Session, place: &Place<'_>, variable: VariableName) -> Result<String> {
        let updater = Updater::open(&session.context, &self.target.store, place.authority)?;
        let new = place.new_certificate(self.name)?;
        if updater.holds_certificate(variable, &new)? {
            return Ok(format!("the firmware's {variable} holds it"));
        }
        let old = self.old_certificate(place)?;
        if !updater.holds_certificate(variable, &old)? {
            return Ok(format!(
                "the firmware's {variable} does not hold the old one, so it is left alone"
            ));
        }
        let mut entries = SignatureDatabase::default();
        entries.add_certificate(place.keys.owner()?, new.as_der());
        let ask = &mut |what: &str| self.key.unlock.existing(what);
        let update = if variable == VariableName::Pk {
            updater.replace_platform_key(&entries, ask)?
        } else {
            updater.add(variable, &entries, ask)?
        };
        self.write(session, update)?;
        Ok(format!("the firmware's {variable} holds it now"))
    }

    /// The certificate that gives way: in its place still, or kept already.
    fn old_certificate(&self, place: &Place<'_>) -> Result<Certificate> {
        let rotation = place
            .under_way()?
            .ok_or_else(|| Error::bug("no rotation is under way"))?;
        let kept = place.retired(&rotation).join(format!("{}.pem", self.name));
        let path = if kept.exists() {
            kept
        } else {
            place.keys.certificate_path(self.name)
        };
        Certificate::from_pem(&system::read(&path)?).or_refuse(|| format!("cannot use {}", path.display()))
    }

    fn write(&self, session: &Session, update: Update) -> Result<()> {
        enroll::write(session, &self.target, vec![update], self.yes)
    }

    /// The kernel and GRUB learn keys when they are built, which is not ours to do; before they know the new key, nothing
    /// may be signed with it alone.
    fn known(&self, session: &Session, place: &Place<'_>) -> Result<String> {
        if self.trusted {
            return Ok("it is trusted already, by your word".to_owned());
        }
        let folder = place.keys.path().join("rotation");
        if self.name == KeyName::Grub {
            let config = session.config()?.grub;
            let next = place
                .keys
                .next_grub_key()?
                .ok_or_else(|| Error::bug("a rotation without its key"))?;
            return grub::installed_with(session, &config, &next).map_err(|error| {
                error
                    .hint("bootseal grub install; restart; bootseal grub confirm; then this command again")
                    .hint("if GRUB was built elsewhere with both keys, add --trusted")
            });
        }
        let certificate = place.new_certificate(self.name)?;
        let path = session.context.path(KERNEL_KEYS);
        // Below another root there is none: whose kernel will run there, nobody here knows.
        let listed = system::read_if_there(&path, MAX_KERNEL_KEYS)?.unwrap_or_default();
        let listed = key_list(&String::from_utf8_lossy(&listed))
            .or_could_not_run(|| format!("cannot read {}", path.display()))?;
        let wanted = certificate
            .kernel_key_id()
            .or_refuse(|| "the new module certificate has no readable key identifier".to_owned())?;
        if key_of(&listed, &wanted).is_some() {
            return Ok("the running kernel trusts it".to_owned());
        }
        Err(
            Error::refused("the running kernel does not know the new module key, so it would refuse its modules").hint(
                format!(
                    "build a kernel whose CONFIG_SYSTEM_TRUSTED_KEYS names a file with both certificates, {} and {}, and start it; \
                     or add --trusted",
                    place.keys.certificate_path(self.name).display(),
                    folder.join(format!("{}.pem", self.name)).display()
                ),
            ),
        )
    }

    /// What the configuration names is signed with the new key, and seen to be.
    fn sign_again(&self, session: &Session) -> Result<Option<String>> {
        let config = session.config()?.sign;
        let names_files = match self.name {
            KeyName::Pk | KeyName::Kek => return Ok(None),
            KeyName::Db => !config.efi.is_empty(),
            KeyName::Module => !config.modules.is_empty(),
            KeyName::Grub => !config.grub.is_empty(),
        };
        if self.signed {
            return Ok(Some("all files are signed again, by your word".to_owned()));
        }
        if !names_files {
            return Err(Error::refused(format!(
                "the configuration names no files that {} signs, so none were signed again",
                self.name
            ))
            .hint("list them under [sign] in /etc/bootseal/config.toml, or sign them and add --signed"));
        }
        let signed = sign::everything(session, &self.key)?;
        let verified = Session {
            context: session.context.clone().with_dry_run(true),
            config_path: session.config_path.clone(),
            verbose: false,
            quiet: true,
        };
        let left = sign::everything(&verified, &self.key)?;
        if left > 0 {
            return Err(Error::refused(format!("{left} files are not signed by the new key")));
        }
        Ok(Some(format!("signed {signed} files again, and saw that all are")))
    }

    /// The firmware forgets the old certificate. That is refused while what starts next needs it.
    fn retire(
        &self,
        session: &Session,
        place: &Place<'_>,
        variable: VariableName,
        rotation: &Rotation,
    ) -> Result<String> {
        let updater = Updater::open(&session.context, &self.target.store, place.authority)?;
        let old = self.old_certificate(place)?;
        if variable == VariableName::Pk || !updater.holds_certificate(variable, &old)? {
            return Ok(format!("the firmware's {variable} does not hold the old one"));
        }
        let ask = &mut |what: &str| self.key.unlock.existing(what);
        let update = updater.remove(variable, std::slice::from_ref(&rotation.old), ask)?;
        self.write(session, update)?;
        Ok(format!("the firmware's {variable} does not hold the old one any more"))
    }
}

impl Report for Rotated {
    fn schema(&self) -> &'static str {
        "bootseal.keys.rotate/1"
    }

    fn json(&self) -> Value {
        json!({
            "key": self.rotation.key,
            "subject": self.rotation.subject,
            "old_fingerprint": self.rotation.old,
            "fingerprint": self.rotation.new,
            "retired": self.retired.to_string_lossy(),
            "steps": self.steps,
            "dry_run": self.dry_run,
        })
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        if self.dry_run {
            return writeln!(
                out,
                "{} would be replaced by \"{}\"",
                self.rotation.key,
                printable(&self.rotation.subject)
            );
        }
        for step in &self.steps {
            writeln!(out, "{} {}", style.tick(), printable(step))?;
        }
        let words = fingerprint_words(&hex::decode(&self.rotation.new).unwrap_or_default());
        writeln!(out, "{}: \"{}\"", self.rotation.key, printable(&self.rotation.subject))?;
        writeln!(out, "    {}\n    {words}", self.rotation.new)?;
        writeln!(
            out,
            "{} the new key is in no backup yet: copy its file to where the backup is",
            style.warn("!")
        )?;
        writeln!(
            out,
            "When all machines know the new key, the old one can go: {}",
            printable(&self.retired.to_string_lossy())
        )
    }
}
