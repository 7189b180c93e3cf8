//! `[grub]`: how GRUB's image is made, and where it goes.

use std::path::PathBuf;

use serde::Deserialize;

/// How GRUB's own image is made, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrubConfig {
    /// Its directory below `EFI`, and its name in the firmware's menu.
    pub name: String,
    /// Where the EFI system partition is mounted; if it is not said, the one that is.
    pub esp: Option<PathBuf>,
    /// GRUB's directory.
    pub directory: PathBuf,
    /// Who may edit entries and get a command line.
    pub superuser: String,
    /// That one's password, as `grub password` hashes it; without one, nobody may.
    pub password: Option<String>,
    /// Whether shim starts GRUB.
    pub shim: bool,
    /// Whether the path that firmware falls back to, `EFI/BOOT`, is to hold it as well.
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
