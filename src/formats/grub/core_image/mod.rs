//! GRUB's core image for EFI: the objects that `grub-mkimage` puts into its `mods` section (`include/grub/kernel.h`).
//!
//! The section is a `grub_module_info64`: magic `mimg` (4 bytes), padding (4), offset of the first object (8), end of
//! the last one (8), all little-endian and counted from the section's start. Each object is a type (4), its size with
//! these 8 bytes (4) and its content; the next one begins at the next multiple of 8. On 32-bit machines it is a
//! `grub_module_info32`: magic, offset and size of 4 bytes each, and multiples of 4. The types were numbered anew in
//! 2.14, and the image does not say which numbers it uses, so the meaning is told from the objects and the version.

mod module;
mod objects;

pub use module::{Module, ModuleError};
pub use objects::{ObjectError, Switch};

use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::sbat::Sbat;
use objects::{Objects, Scheme};

/// Name of the section that makes a PE image a GRUB core image.
pub const SECTION: &str = "mods";
/// Directory of the memory disk, in front of the prefix.
const MEMDISK: &str = "(memdisk)";

/// Why a GRUB core image cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoreImageError {
    /// The objects are malformed.
    #[error("section {SECTION}: {0}")]
    Objects(#[from] ObjectError),
    /// A module is no ELF object.
    #[error("section {SECTION}: module {number} at offset {offset:#x}: {reason}")]
    Module {
        /// The module's number, from 0.
        number: usize,
        /// Where its object begins in the section, in bytes.
        offset: usize,
        /// The reason.
        reason: ModuleError,
    },
    /// The memory disk is no tar archive.
    #[error("the memory disk is no tar archive: {0}")]
    MemoryDisk(String),
}

/// The parts of a GRUB core image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreImage<'a> {
    /// `PACKAGE_VERSION` of the `normal` module, such as `2.06-13+deb12u2`, or else the version in `.sbat`.
    pub version: Option<String>,
    /// Where GRUB looks for its files, unless the configuration says otherwise.
    pub prefix: Option<&'a str>,
    /// The modules, in the order in which they are started.
    pub modules: Vec<Module>,
    /// Files with OpenPGP keys, as given to `--pubkey`.
    pub keys: Vec<&'a [u8]>,
    /// X.509 certificates for appended signatures (2.14).
    pub certificates: usize,
    /// The configuration of `--config`, run first, by the rescue parser.
    pub configuration: Option<&'a [u8]>,
    /// `grub.cfg` of the memory disk, run by the `normal` module, where the prefix is there.
    pub memory_disk_configuration: Option<Vec<u8>>,
    /// The archive of the memory disk, whose files GRUB opens without looking at signatures.
    pub memory_disk: Option<&'a [u8]>,
    /// True if the shim lock is disabled: without shim, GRUB starts nothing under Secure Boot unless it is.
    pub shim_lock_disabled: Switch,
    /// True if the command line and the editing of entries are disabled.
    pub cli_disabled: Switch,
}

impl<'a> CoreImage<'a> {
    /// True if a PE image has the section of GRUB's modules.
    #[must_use]
    pub fn is_core_image(image: &Image<'a>) -> bool {
        image.section(SECTION).is_some_and(objects::has_magic)
    }

    /// Reads the objects of a PE image; `None` if it is no GRUB core image.
    pub fn parse(image: &Image<'a>) -> Result<Option<Self>, CoreImageError> {
        let section = image.section(SECTION).filter(|section| objects::has_magic(section));
        let sbat = image.section(".sbat");
        section.map(|section| Self::parse_section(section, sbat)).transpose()
    }

    /// Reads the `mods` section; `.sbat` tells the version of an image without `normal`.
    pub fn parse_section(section: &'a [u8], sbat: Option<&[u8]>) -> Result<Self, CoreImageError> {
        let objects = Objects::parse(section)?;
        let mut modules = Vec::new();
        let mut normal = None;
        for (number, object) in objects.modules().enumerate() {
            let module = Module::parse(object.content).map_err(|reason| CoreImageError::Module {
                number,
                offset: object.offset,
                reason,
            })?;
            if module.name == "normal" {
                normal = Some(object.content);
            }
            modules.push(module);
        }
        let version = normal
            .and_then(module::package_version)
            .or_else(|| sbat.and_then(version_in_sbat));
        let scheme = Scheme::from_objects(&objects, version.as_deref());
        let prefix = objects.prefix()?;
        let memory_disk = objects.memory_disk();
        let memory_disk_configuration = match (memory_disk, prefix.and_then(|prefix| prefix.strip_prefix(MEMDISK))) {
            (Some(archive), Some(directory)) => memory_disk_file(archive, directory, "grub.cfg")?,
            _ => None,
        };
        Ok(Self {
            version,
            prefix,
            modules,
            keys: objects.keys().collect(),
            certificates: objects.certificates(scheme),
            configuration: objects.configuration(),
            memory_disk_configuration,
            memory_disk,
            shim_lock_disabled: objects.shim_lock_disabled(scheme),
            cli_disabled: objects.cli_disabled(scheme),
        })
    }

    /// True if a module is in the image, and so started whatever the disk holds.
    #[must_use]
    pub fn has_module(&self, name: &str) -> bool {
        self.modules.iter().any(|module| module.name == name)
    }

    /// A file of the memory disk, by its path there; none if it is not there, or the disk is no tar archive.
    #[must_use]
    pub fn memory_disk_file(&self, path: &str) -> Option<Vec<u8>> {
        memory_disk_file(self.memory_disk?, "", path).ok()?
    }

    /// The scripts in the memory disk, by their paths.
    #[must_use]
    pub fn memory_disk_scripts(&self) -> Vec<(String, Vec<u8>)> {
        let Some(archive) = self.memory_disk else {
            return Vec::new();
        };
        let mut archive = tar::Archive::new(archive);
        let names = archive.entries().into_iter().flatten().filter_map(|entry| {
            let entry = entry.ok()?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            std::path::Path::new(&path)
                .extension()
                .is_some_and(|ending| ending == "cfg")
                .then_some(path)
        });
        let names: Vec<String> = names.collect();
        let read = |name: String| {
            let content = self.memory_disk_file(&name)?;
            Some((plain(&name), content))
        };
        names.into_iter().filter_map(read).collect()
    }
}

/// The version of the component `grub`.
fn version_in_sbat(section: &[u8]) -> Option<String> {
    let sbat = Sbat::parse(section).ok()?;
    let version = sbat.component("grub")?.version.clone();
    (!version.is_empty()).then_some(version)
}

/// A file of the memory disk, which is a tar archive.
fn memory_disk_file(archive: &[u8], directory: &str, name: &str) -> Result<Option<Vec<u8>>, CoreImageError> {
    let failed = |error: std::io::Error| CoreImageError::MemoryDisk(error.to_string());
    let wanted = plain(&format!("{}/{name}", directory.trim_matches('/')));
    for entry in tar::Archive::new(archive).entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let path = entry.path_bytes();
        let path = String::from_utf8_lossy(&path);
        if plain(&path) == wanted {
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content).map_err(failed)?;
            return Ok(Some(content));
        }
    }
    Ok(None)
}

/// A path without what does not lead anywhere.
fn plain(path: &str) -> String {
    let names = path.split('/').filter(|name| !name.is_empty() && *name != ".");
    names.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
