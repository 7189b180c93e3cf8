//! The section `[grub]`: the content of GRUB's image, and its place.

use std::path::PathBuf;

use serde::Deserialize;

/// The settings for GRUB's own image: its content and its place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrubConfig {
    /// Its directory below `EFI`, and its name in the firmware's menu.
    pub name: String,
    /// The mount point of the EFI system partition; without one, the only partition that is mounted.
    pub esp: Option<PathBuf>,
    /// GRUB's directory.
    pub directory: PathBuf,
    /// The user of GRUB who may edit entries and get a command line.
    pub superuser: String,
    /// The password of that user, as `grub password` hashes it; without one, nobody may edit entries.
    pub password: Option<String>,
    /// True if shim starts GRUB.
    pub shim: bool,
    /// True if the path that firmware falls back to, `EFI/BOOT`, is to hold the image as well.
    pub removable: bool,
    /// More modules for the image.
    pub modules: Vec<String>,
}

impl Default for GrubConfig {
    fn default() -> Self {
        Self {
            name: "bootseal".to_owned(),
            esp: None,
            directory: PathBuf::from("/boot/grub"),
            superuser: "root".to_owned(),
            password: None,
            shim: false,
            removable: false,
            modules: Vec::new(),
        }
    }
}
