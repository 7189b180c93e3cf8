//! Where images go on the EFI system partition, and how a new one is tried before the old one is given up.
//!
//! With firmware variables at hand a new image is put beside the present one, and `BootNext` has the firmware start it
//! once. An image that starts nothing ends in a reboot, and the present one is started as ever. Only after a start by the
//! new image does [`confirm`] let it take the place of the present one, which stays as the previous one.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::disk::{Architecture, EfiPartition, efi_partitions};
use crate::error::{Error, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::core_image::CoreImage;
use crate::formats::text::Shown;
use crate::sign::record_made;
use crate::system::config::GrubConfig;
use crate::system::variables::Efivarfs;
use crate::system::{self, Context, Lock, Transaction, esp_partition};

use super::boot_entry::Entries;
use super::build::Built;
use super::configuration::KEPT_MENU;
use super::step::Step;

/// File in the state directory with the SHA-256 digest of an image that has taken its place without a trial.
const UNPROVEN: &str = "grub-unproven";
/// Its length, in bytes.
const MAX_DIGEST: u64 = 64;
/// The command that puts images in their places, as the ledger has it.
const COMMAND: &str = "grub install";
/// Largest image that is read, in bytes.
const MAX_IMAGE: u64 = 64 << 20;

/// A place on an EFI system partition.
#[derive(Debug, Clone)]
pub struct Place {
    /// The directory where the partition is mounted.
    pub esp: PathBuf,
    /// The directory below `EFI`, which is also the name in the firmware's menu.
    pub name: String,
    /// The processor of the machine that the image is for.
    pub architecture: Architecture,
    /// True if the path that firmware falls back to is ours as well.
    pub fallback: bool,
}

/// The result of an installation.
#[derive(Debug)]
pub struct Installed {
    /// The steps that were taken, in order.
    pub steps: Vec<Step>,
    /// True if the new image is on trial.
    pub on_trial: bool,
    /// The reason why the firmware's variables were left alone, if they were.
    pub variables_left: Option<String>,
}

/// The result of a trial.
#[derive(Debug)]
pub struct Confirmed {
    /// The steps that were taken, in order.
    pub steps: Vec<Step>,
}

impl Place {
    fn file(&self, suffix: &str) -> PathBuf {
        let name = self.architecture.loader("grub", suffix);
        self.esp.join("EFI").join(&self.name).join(name)
    }

    /// The image that is started.
    #[must_use]
    pub fn current(&self) -> PathBuf {
        self.file("")
    }

    /// The place of shim, which looks for the image beside itself, if shim starts it.
    #[must_use]
    pub fn shim(&self) -> PathBuf {
        self.current().with_file_name(self.architecture.loader("shim", ""))
    }

    /// The image on trial.
    #[must_use]
    pub fn trial(&self) -> PathBuf {
        self.file("-new")
    }

    /// The image of before.
    #[must_use]
    pub fn previous(&self) -> PathBuf {
        self.file("-previous")
    }

    fn fallback(&self, suffix: &str) -> PathBuf {
        let name = self.architecture.beside_removable_loader(suffix);
        self.esp.join("EFI/BOOT").join(name)
    }

    /// The path as firmware writes it.
    pub fn device_path(&self, file: &Path) -> Result<String> {
        let below = file
            .strip_prefix(&self.esp)
            .map_err(|_| Error::bug("a file outside of the partition"))?;
        Ok(format!("\\{}", below.to_string_lossy().replace('/', "\\")))
    }

    fn check(&self, context: &Context) -> Result<()> {
        context.guard(&self.esp);
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if self.name.is_empty() || self.name.starts_with('.') || !self.name.chars().all(is_plain) {
            return Err(Error::usage(format!(
                "\"{}\" is no name of letters, digits, - _ and .",
                self.name
            )));
        }
        if self.name.eq_ignore_ascii_case("BOOT") {
            return Err(Error::usage("EFI/BOOT is the place that firmware falls back to").hint("--removable"));
        }
        EfiPartition::named(&self.esp).map(|_| ())
    }
}

/// Puts an image in its place. `variables` are the firmware's, or why they are left alone.
pub fn install(
    context: &Context,
    place: &Place,
    built: &Built,
    variables: std::result::Result<Efivarfs, String>,
) -> Result<Installed> {
    place.check(context)?;
    let _lock = Lock::take(context, || {})?;
    let present = system::read_at_if_there(context, &place.current(), MAX_IMAGE)?;
    // Before anything is written.
    let variables = match variables {
        Ok(variables) => Ok((esp_partition(context, &place.esp)?, variables)),
        Err(reason) => Err(reason),
    };
    let mut steps = Vec::new();
    match (variables, present) {
        (Ok((partition, variables)), Some(present)) if present != built.bytes => {
            let mut entries = Entries::new(context, &variables);
            write_built(context, built, &[(place.trial(), &built.bytes)])?;
            steps.push(Step::Written(place.trial()));
            let label = format!("{} (trial)", place.name);
            let number = entries.ensure(&label, &partition, &place.device_path(&place.trial())?, &mut steps)?;
            entries.start_once(number, &mut steps)?;
            Ok(Installed {
                steps,
                on_trial: true,
                variables_left: None,
            })
        }
        (variables, present) => {
            let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
            if let Some(present) = present.filter(|present| *present != built.bytes) {
                // What was never seen to start anything does not push out what was.
                if !is_unproven(context, &present)? || !place.previous().exists() {
                    steps.push(Step::Kept(place.previous()));
                    files.push((place.previous(), present));
                }
                let digest = digest(&built.bytes);
                let unproven = context.state()?.join(UNPROVEN);
                system::replace_cache(context, &unproven, |file| file.write_all(digest.as_bytes()))?;
            }
            files.push((place.current(), built.bytes.clone()));
            steps.push(Step::Written(place.current()));
            if place.fallback {
                fallback(context, place, &built.bytes, &mut files, &mut steps)?;
            }
            let parts: Vec<(PathBuf, &Vec<u8>)> = files.iter().map(|(path, bytes)| (path.clone(), bytes)).collect();
            write_built(context, built, &parts)?;
            let variables_left = match variables {
                Ok((partition, variables)) => {
                    let mut entries = Entries::new(context, &variables);
                    let path = place.device_path(&place.current())?;
                    let number = entries.ensure(&place.name, &partition, &path, &mut steps)?;
                    entries.put_first(number, &mut steps)?;
                    None
                }
                Err(reason) => Some(reason),
            };
            Ok(Installed {
                steps,
                on_trial: false,
                variables_left,
            })
        }
    }
}

/// The images in their places, each with true if it knows of [`KEPT_MENU`]: without it, a menu that nobody has
/// signed yet starts nothing.
pub fn falls_back(context: &Context, config: &GrubConfig) -> Result<Vec<(PathBuf, bool)>> {
    let esps = match &config.esp {
        Some(esp) => vec![context.path(esp)],
        None => efi_partitions(context)?.into_iter().map(|esp| esp.directory).collect(),
    };
    let mut found = Vec::new();
    for (esp, architecture) in esps
        .iter()
        .flat_map(|esp| Architecture::ALL.map(|architecture| (esp, architecture)))
    {
        let place = Place {
            esp: esp.clone(),
            name: config.name.clone(),
            architecture,
            fallback: false,
        };
        let path = place.current();
        let bytes = system::read_if_there(&path, MAX_IMAGE)?.unwrap_or_default();
        let Ok(image) = Image::parse(&bytes) else { continue };
        if let Ok(Some(core)) = CoreImage::parse(&image) {
            let configuration = String::from_utf8_lossy(core.configuration.unwrap_or_default());
            found.push((path, configuration.contains(KEPT_MENU)));
        }
    }
    Ok(found)
}

/// Takes somebody's word that the present image has started the machine: from now on it may become the previous one.
pub fn confirm_by_word(context: &Context, place: &Place) -> Result<Confirmed> {
    place.check(context)?;
    let _lock = Lock::take(context, || {})?;
    let present = system::read_at_if_there(context, &place.current(), MAX_IMAGE)?;
    if !present.is_some_and(|present| is_unproven(context, &present).unwrap_or(false)) {
        return Err(Error::refused(format!(
            "{} is confirmed already, or not there",
            place.current().shown()
        ))
        .hint("bootseal grub install"));
    }
    system::remove_leftover(context, &context.state()?.join(UNPROVEN))?;
    Ok(Confirmed { steps: Vec::new() })
}

/// True if an image has taken its place without a trial, and nobody has confirmed it since.
pub fn is_unproven(context: &Context, image: &[u8]) -> Result<bool> {
    let recorded = system::read_ours_if_there(&context.state()?.join(UNPROVEN), MAX_DIGEST)?;
    Ok(recorded.is_some_and(|recorded| recorded == digest(image).as_bytes()))
}

fn digest(image: &[u8]) -> String {
    HashAlgorithm::Sha256.digest(&[image]).to_hex()
}

/// Lets the image on trial, by which the machine has been started, take the place of the present one.
pub fn confirm(context: &Context, place: &Place, variables: &Efivarfs) -> Result<Confirmed> {
    place.check(context)?;
    let _lock = Lock::take(context, || {})?;
    let mut entries = Entries::new(context, variables);
    let trial = place.device_path(&place.trial())?;
    let Some(new) = system::read_at_if_there(context, &place.trial(), MAX_IMAGE)? else {
        return Err(
            Error::refused(format!("no image is on trial: there is no {}", place.trial().shown()))
                .hint("bootseal grub install"),
        );
    };
    let (started, path) = entries.started()?;
    if !path.as_deref().is_some_and(|path| path.eq_ignore_ascii_case(&trial)) {
        return Err(Error::refused(format!(
            "this start came by {started}{}, not by the image on trial, {trial}",
            path.map(|path| format!(", {path}")).unwrap_or_default()
        ))
        .hint("restart; if that was done already, the new image starts nothing: look at its messages, mend, and install again")
        .hint("bootseal grub install"));
    }
    let mut steps = Vec::new();
    let present = system::read_at_if_there(context, &place.current(), MAX_IMAGE)?;
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    if let Some(present) = &present {
        steps.push(Step::Kept(place.previous()));
        files.push((place.previous(), present.clone()));
    }
    files.push((place.current(), new.clone()));
    steps.push(Step::Written(place.current()));
    let at_fallback = system::read_at_if_there(context, &place.fallback(""), MAX_IMAGE)?;
    if place.fallback || (at_fallback.is_some() && at_fallback == present) {
        fallback(context, place, &new, &mut files, &mut steps)?;
    }
    let parts: Vec<(PathBuf, &Vec<u8>)> = files.iter().map(|(path, bytes)| (path.clone(), bytes)).collect();
    write(context, &parts)?;
    let partition = esp_partition(context, &place.esp)?;
    let number = entries.ensure(
        &place.name,
        &partition,
        &place.device_path(&place.current())?,
        &mut steps,
    )?;
    entries.put_first(number, &mut steps)?;
    entries.remove(&trial, &mut steps)?;
    // Last: until here another confirmation goes on from the start.
    system::remove_leftover(context, &place.trial())?;
    steps.push(Step::Removed(place.trial()));
    Ok(Confirmed { steps })
}

/// Takes the path that firmware falls back to, unless another's loader is there.
fn fallback(
    context: &Context,
    place: &Place,
    new: &[u8],
    files: &mut Vec<(PathBuf, Vec<u8>)>,
    steps: &mut Vec<Step>,
) -> Result<()> {
    let path = place.fallback("");
    if let Some(there) = system::read_at_if_there(context, &path, MAX_IMAGE)?.filter(|there| there != new) {
        if !Image::parse(&there).is_ok_and(|image| CoreImage::is_core_image(&image)) {
            return Err(Error::refused(format!(
                "{} is no GRUB (SHA-256 {}), and stays",
                path.shown(),
                digest(&there)
            ))
            .hint("move it away if GRUB is to take its place"));
        }
        files.push((place.fallback("-previous"), there));
        steps.push(Step::Kept(place.fallback("-previous")));
    }
    files.push((path.clone(), new.to_vec()));
    steps.push(Step::Written(path));
    Ok(())
}

/// Writes an image to a file that is in no place of this machine.
pub fn write_image(context: &Context, path: &Path, built: &Built) -> Result<()> {
    let _lock = Lock::take(context, || {})?;
    let write = || {
        let transaction = Transaction::new(context);
        transaction.stage_file(path, &[&built.bytes])?;
        transaction.commit_all()
    };
    record_made(context, COMMAND, &built.certificate, &built.bytes, &[path], write)
}

/// Replaces files, and records those with the new image in the ledger.
fn write_built(context: &Context, built: &Built, files: &[(PathBuf, &Vec<u8>)]) -> Result<()> {
    let made = files.iter().filter(|(_, bytes)| **bytes == built.bytes);
    let made: Vec<&Path> = made.map(|(path, _)| path.as_path()).collect();
    let write = || write(context, files);
    record_made(context, COMMAND, &built.certificate, &built.bytes, &made, write)
}

/// Replaces files: the first one, and only then the others.
fn write(context: &Context, files: &[(PathBuf, &Vec<u8>)]) -> Result<()> {
    if context.dry_run() {
        return Ok(());
    }
    for (path, _) in files {
        if let Some(parent) = path.parent() {
            system::create_public_dir(context, parent)?;
        }
    }
    let transaction = Transaction::new(context);
    for (path, bytes) in files {
        match files.first() {
            Some((first, _)) if first != path => transaction.stage_after(first, path, &[bytes])?,
            _ => transaction.stage(path, &[bytes])?,
        }
    }
    transaction.commit_all()
}
