//! The checks of a specification.

use crate::error::{Error, Result};
use crate::formats::text::Shown;
use crate::keys::KeyName;

use super::parts::Place;
use super::specification::{SIZES, Spec, absolute};

/// Longest name of a ceremony, in characters; with what a certificate's subject adds it has up to 64.
const MAX_NAME: usize = 30;
impl Spec {
    /// Checks all that can be checked before anything is made.
    pub fn validate(&self) -> Result<()> {
        if let Some(fleet) = &self.fleet {
            return fleet.validate(self);
        }
        if self.makes(KeyName::Fleet) && self.keys.len() > 1 {
            return Err(Error::usage("the fleet key is made by the ceremony of a fleet alone")
                .hint("bootseal help ceremony run"));
        }
        let name = self.name.as_str();
        if name.trim().is_empty() || name.trim() != name || name.contains(char::is_control) {
            return Err(Error::usage(
                "a ceremony's name has at least one character, none of them a control character, and no spaces around it",
            ));
        }
        if name.chars().count() > MAX_NAME {
            return Err(Error::usage(format!(
                "a ceremony's name has at most {MAX_NAME} characters"
            )));
        }
        for name in self.names() {
            self.validate_key(name)?;
        }
        for name in self.imported_names()? {
            if !self.is_backed_up(name) {
                return Err(
                    Error::usage(format!("the {name} key is imported, so its token cannot make it"))
                        .hint(format!("[keys.{name}] token = \"import\" puts it there")),
                );
            }
        }
        self.validate_backup()?;
        self.validate_directories()
    }

    fn validate_key(&self, name: KeyName) -> Result<()> {
        let key = self.key(name);
        if !(1..=100).contains(&key.years) {
            return Err(Error::usage(format!(
                "certificates are valid for 1 to 100 years; {name} asks for {}",
                key.years
            )));
        }
        let range = name.least_bits()..=name.most_bits();
        if !SIZES.contains(&key.bits) || !range.contains(&key.bits) {
            let readers = match name {
                KeyName::Pcr => "every TPM verifies 2048, and few of them more",
                KeyName::Grub => "an image of GRUB embeds keys of 3072 and 4096",
                _ => "firmware and kernel read 2048, 3072 and 4096",
            };
            return Err(Error::usage(format!("the {name} key has {} bits; {readers}", key.bits)));
        }
        if key.place == Place::Offline && self.offline.is_none() {
            return Err(Error::usage(format!("the {name} key is to be offline, but no directory is named for that"))
                .hint(format!(
                    "name it: offline = \"/mnt/stick/keys\"; or say that the key belongs on the node: [keys.{name}] place = \"node\""
                )));
        }
        Ok(())
    }

    fn validate_backup(&self) -> Result<()> {
        match self.backup.as_ref().and_then(|backup| backup.shares) {
            Some(shares) => shares.validate(),
            None => Ok(()),
        }
    }

    fn validate_directories(&self) -> Result<()> {
        let mut seen = vec![absolute(&self.work_directory()?)?];
        for (_, path) in self.directories() {
            let absolute = absolute(&path)?;
            if let Some(other) = seen
                .iter()
                .find(|other| other.starts_with(&absolute) || absolute.starts_with(other))
            {
                return Err(Error::usage(format!(
                    "{} and {} lie in each other; each is a directory of its own",
                    other.shown(),
                    absolute.shown()
                )));
            }
            seen.push(absolute);
        }
        Ok(())
    }
}
