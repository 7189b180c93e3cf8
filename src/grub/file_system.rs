//! The file system with GRUB's files, and the modules that GRUB needs to read it.

use std::path::Path;

use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::system::process;

/// The modules of partition tables that every image has.
const PARTITION_TABLES: [&str; 2] = ["part_gpt", "part_msdos"];
/// The modules of file systems that an image has if its file system is not known.
const USUAL: [&str; 4] = ["fat", "ext2", "xfs", "btrfs"];

/// The file system with GRUB's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// Its UUID in GRUB's spelling.
    pub uuid: String,
    /// GRUB's directory on it, from its root.
    pub path: String,
    /// The modules that read it.
    pub modules: Vec<String>,
    /// UUIDs of the encrypted devices below it.
    pub encrypted: Vec<String>,
}

impl FileSystem {
    /// A file system of another machine.
    #[must_use]
    pub fn of_other_machine(uuid: &str, path: &str) -> Self {
        Self {
            uuid: uuid.to_owned(),
            path: path.to_owned(),
            modules: PARTITION_TABLES.into_iter().chain(USUAL).map(str::to_owned).collect(),
            encrypted: Vec::new(),
        }
    }

    /// The file system that a directory of this machine is on, by the distribution's `grub-probe` and `grub-mkrelpath`.
    pub fn of_directory(directory: &Path) -> Result<Self> {
        let probe = |target: &str| -> Result<Vec<String>> {
            let target = format!("--target={target}");
            let said = process::output(Path::new(process::GRUB_PROBE), [target.as_ref(), directory.as_os_str()])
                .map_err(|error| error.hint("name the file system: --fs-uuid UUID --grub-path PATH-ON-IT"))?;
            Ok(said.split_whitespace().map(str::to_owned).collect())
        };
        let probe_one = |target: &str| -> Result<String> {
            let found = probe(target)?.into_iter().next();
            found.ok_or_else(|| Error::could_not_run(format!("grub-probe finds no {target} of {}", directory.shown())))
        };
        let mut modules: Vec<String> = PARTITION_TABLES.into_iter().map(str::to_owned).collect();
        modules.push(probe_one("fs")?);
        modules.extend(probe("abstraction")?);
        let encrypted = probe("cryptodisk_uuid")?;
        if !encrypted.is_empty() {
            modules.extend(["gcry_rijndael", "pbkdf2"].map(str::to_owned));
        }
        modules.sort();
        modules.dedup();
        let path = process::output(Path::new(process::GRUB_MKRELPATH), [directory])?;
        Ok(Self {
            uuid: probe_one("fs_uuid")?,
            path: path.trim_end_matches('\n').to_owned(),
            modules,
            encrypted,
        })
    }

    /// Refuses values that would have another meaning in GRUB's script.
    pub(super) fn check(&self) -> Result<()> {
        let is_uuid = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if let Some(wrong) = [&self.uuid]
            .into_iter()
            .chain(&self.encrypted)
            .find(|uuid| !is_uuid(uuid))
        {
            return Err(Error::usage(format!(
                "\"{wrong}\" is no UUID of a file system or device"
            )));
        }
        let is_plain = |c: char| c.is_alphanumeric() || "/-_.@+".contains(c);
        if !self.path.starts_with('/') || !self.path.chars().all(is_plain) {
            return Err(Error::usage(format!(
                "GRUB's directory \"{}\" is no absolute path of letters, digits and / - _ . @ +",
                self.path
            )));
        }
        Ok(())
    }
}
