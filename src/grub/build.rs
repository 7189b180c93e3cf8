//! A core image: made by `grub-mkimage`, judged, then signed.

use std::ffi::OsString;
use std::path::Path;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticode::Image;
use crate::formats::grub::core_image::CoreImage;
use crate::formats::grub::openpgp::GrubKey;
use crate::keys::{Identity, KeyName};
use crate::sign;
use crate::system::{self, Context, Workspace, process};
use crate::trust::grub_image::{self, GrubImage, VERIFIERS};

use super::configuration::{Superuser, embedded};
use super::file_system::FileSystem;
use super::menu::Menu;
use super::sbat::Lines;
use super::toolchain::Toolchain;

/// The modules that every image needs besides the verifiers and those that read the disk: to run the embedded
/// configuration, and to have a menu that starts Linux. Other files come from the disk, signed.
const BASE: [&str; 15] = [
    "boot",
    "chain",
    "configfile",
    "echo",
    "gcry_sha256",
    "halt",
    "linux",
    "loadenv",
    "minicmd",
    "normal",
    "reboot",
    "search",
    "search_fs_uuid",
    "sleep",
    "test",
];
/// The module that checks a password.
const PASSWORD: &str = "password_pbkdf2";
/// The module that measures files in the TPM. Alone it would lift the lockdown without checking any file.
const MEASURES: &str = "tpm";

/// The parts of an image.
#[derive(Debug)]
pub struct Recipe<'a> {
    /// The distribution's GRUB.
    pub toolchain: &'a Toolchain,
    /// The keys that it trusts.
    pub keys: &'a [GrubKey],
    /// Number of the keys, from the first on, that are being replaced: they are needed until then, weak or not.
    pub retiring: usize,
    /// The file system with GRUB's directory.
    pub file_system: &'a FileSystem,
    /// The user who may edit entries and get a command line.
    pub superuser: &'a Superuser,
    /// True if shim starts the image.
    pub with_shim: bool,
    /// The menu that it runs, if that is known.
    pub menu: Option<&'a Menu>,
    /// Further modules.
    pub modules: &'a [String],
    /// SBAT lines in place of the distribution's.
    pub sbat: Option<&'a Path>,
}

/// An image, signed by db.
#[derive(Debug)]
pub struct Built {
    /// The file.
    pub bytes: Vec<u8>,
    /// The judged parts of the image.
    pub image: GrubImage,
    /// Its SBAT lines.
    pub sbat: Lines,
    /// The certificate of the key that signed it.
    pub certificate: Certificate,
}

/// Builds, judges and signs an image. Refuses an image that would not enforce signatures.
pub fn build(context: &Context, recipe: &Recipe<'_>, identity: &Identity) -> Result<Built> {
    recipe.file_system.check()?;
    recipe.superuser.check()?;
    let least = KeyName::Grub.least_bits();
    let is_weak = |key: &&GrubKey| key.public_key().bits() < least;
    if let Some(weak) = recipe.keys.iter().skip(recipe.retiring).find(is_weak) {
        return Err(Error::refused(format!(
            "GRUB's key {} has {} bits; an image embeds keys of {least} and more",
            weak.fingerprint(),
            weak.public_key().bits()
        ))
        .hint("bootseal keys rotate grub makes a stronger one"));
    }
    let mut modules: Vec<String> = BASE.into_iter().chain(VERIFIERS).map(str::to_owned).collect();
    modules.extend(recipe.superuser.hash.is_some().then(|| PASSWORD.to_owned()));
    if let Some(menu) = recipe.menu {
        modules.extend(menu.modules(recipe.toolchain)?);
    }
    modules.extend(recipe.file_system.modules.iter().chain(recipe.modules).cloned());
    modules.sort();
    modules.dedup();
    // Verifiers first: modules that start before them start unchecked.
    modules.sort_by_key(|name| (!VERIFIERS.contains(&name.as_str()), name == MEASURES));
    recipe.toolchain.require(&modules)?;
    let configuration = embedded(recipe.file_system, recipe.superuser);
    let sbat = Lines::find(context, recipe.toolchain, recipe.sbat)?;
    let bytes = make(recipe, &modules, &configuration, &sbat)?;
    let image = judge(&bytes, recipe)?;
    let bytes = sign::efi::signed_image(&bytes, identity)?;
    Ok(Built {
        bytes,
        image,
        sbat,
        certificate: identity.certificate.clone(),
    })
}

fn make(recipe: &Recipe<'_>, modules: &[String], configuration: &str, sbat: &Lines) -> Result<Vec<u8>> {
    let work = Workspace::new()?;
    let output = work.path("grub.efi");
    let mut arguments: Vec<OsString> = Vec::new();
    let mut option = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    option("--format", recipe.toolchain.format()?.into());
    option("--directory", recipe.toolchain.modules.clone().into());
    option("--output", output.clone().into());
    option("--prefix", recipe.file_system.path.clone().into());
    option("--config", work.write("embedded.cfg", configuration.as_bytes())?.into());
    // A regular file: GRUB seeks in it.
    option("--sbat", work.write("sbat.csv", &sbat.bytes)?.into());
    for (number, key) in recipe.keys.iter().enumerate() {
        let packet = key
            .export("bootseal", &[])
            .or_bug(|| "cannot export GRUB's key".to_owned())?;
        option("--pubkey", work.write(&format!("key-{number}.gpg"), &packet)?.into());
    }
    if !recipe.with_shim {
        arguments.push("--disable-shim-lock".into());
    }
    if recipe.toolchain.can_disable_cli {
        arguments.push("--disable-cli".into());
    }
    arguments.extend(modules.iter().map(OsString::from));
    process::output(&recipe.toolchain.program, arguments)?;
    system::read(&output)
}

/// Judges an image by its own content, whoever made it.
fn judge(bytes: &[u8], recipe: &Recipe<'_>) -> Result<GrubImage> {
    let refused = || "the image that grub-mkimage has made is refused".to_owned();
    let image = Image::parse(bytes).or_refuse(refused)?;
    let core = CoreImage::parse(&image).or_refuse(refused)?;
    let core = core.ok_or_else(|| Error::refused(refused()).caused_by("it is no GRUB core image"))?;
    let judged = grub_image::judge(&core, recipe.keys, recipe.with_shim);
    if let Err(reason) = judged.verdict() {
        return Err(Error::refused(refused()).caused_by(reason));
    }
    for key in recipe.keys {
        if !judged
            .keys
            .iter()
            .any(|embedded| embedded.fingerprint() == key.fingerprint())
        {
            return Err(Error::refused(refused()).caused_by(format!("key {} is not in it", key.fingerprint())));
        }
    }
    Ok(judged)
}
