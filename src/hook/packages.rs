//! The outlook for the next package: the files that Portage's check has signed once one is merged.

use std::path::{Path, PathBuf};

use crate::error::Result;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::grub;
use crate::keys::{KeyDirectory, KeyName};
use crate::sign::Unobserved;
use crate::system::Context;
use crate::system::config::{Config, expand};
use crate::trust::kernel::Takes;

use super::entries::PORTAGE;
use super::kernels::{Installed, Kernel};
use super::key::has;
use super::loaders::copies;
use super::request::{Environment, Request, Slot};
use super::run::Hook;

/// The package whose merge has GRUB's image made anew as well.
pub const GRUB_PACKAGE: &str = "sys-boot/grub";

/// The outlook for the next package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages {
    /// The file that Portage reads, without the root; none if it is not there, so that nothing is signed.
    pub script: Option<PathBuf>,
    /// The modules of a package, for each kernel that is installed.
    pub modules: Vec<Modules>,
    /// The files and directories for firmware or GRUB that are signed where a package has changed them, or the reason why none would be.
    pub files: std::result::Result<Vec<PathBuf>, String>,
    /// GRUB's image that is made anew; none where none was installed, or the reason why it would stay as it is.
    pub image: std::result::Result<Option<PathBuf>, String>,
}

/// The modules of a package for one kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modules {
    /// The kernel's release.
    pub release: String,
    /// The hash that they are signed over, or the reason why they stay as they are.
    pub signed: std::result::Result<HashAlgorithm, String>,
}

/// The outlook for the next package; none where no package comes by Portage.
pub fn packages(
    context: &Context,
    config: &Config,
    keys: &Path,
    environment: &Environment,
    kernels: &Installed,
) -> Result<Option<Packages>> {
    if !PORTAGE.has_reader(context) {
        return Ok(None);
    }
    let keys = KeyDirectory::find(keys)?.map(|keys| keys.below(context.root()));
    let path = PORTAGE.path();
    let script = context.path(&path).is_file().then_some(path);
    let Some(keys) = keys.filter(|_| script.is_some()) else {
        return Ok(Some(Packages {
            script,
            modules: Vec::new(),
            files: Ok(Vec::new()),
            image: Ok(None),
        }));
    };
    Ok(Some(Packages {
        script,
        modules: kernels.kernels.iter().map(modules).collect(),
        files: files(context, config, &keys, environment).map_err(|error| error.in_one_line()),
        image: image(context, config, &keys).map_err(|error| error.in_one_line()),
    }))
}

fn modules(kernel: &Kernel) -> Modules {
    let signed = match &kernel.takes {
        Takes::No(obstacle) => Err(obstacle.to_string()),
        Takes::Yes | Takes::Unknown(_) => Ok(kernel.hash),
    };
    Modules {
        release: kernel.trust.release.clone(),
        signed,
    }
}

/// Those that the slot of Portage signs, by its own plan.
fn files(context: &Context, config: &Config, keys: &KeyDirectory, environment: &Environment) -> Result<Vec<PathBuf>> {
    let hook = Hook {
        context,
        config,
        keys: keys.path(),
        environment,
        accepted: &[],
        observer: &Unobserved,
    };
    let request = Request::parse(Slot::Portage, &[GRUB_PACKAGE.into()])?;
    let job = hook.planned(&request, keys)?;
    let mut paths = job.grub.paths;
    paths.extend(copies(context, keys)?);
    for entries in [job.efi.entries, job.grub.entries] {
        paths.extend(expand(context, entries).paths);
    }
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// The image that `grub install --if-installed` makes anew.
fn image(context: &Context, config: &Config, keys: &KeyDirectory) -> Result<Option<PathBuf>> {
    if !has(keys, KeyName::Grub) {
        return Ok(None);
    }
    grub::installed_image(context, &config.grub)
}
