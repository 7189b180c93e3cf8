//! A simulated firmware, in a directory or in the variables of a virtual machine: it judges, strips and stores
//! authenticated writes as EDK2 does, on the same code as the live one.

use std::path::Path;

use efivar::efi::{Variable, VariableFlags};
use efivar::{VarEnumerator, VarReader, VarWriter};

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::authenticated_variable::{APPEND, AuthenticatedVariable, EfiTime, VariableName};
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::text::Shown;
use crate::system::Context;
use crate::system::variables::{ImageFile, Variables, failed, vendor};
use crate::trust::variable::{Firmware as Rules, judge};

use super::backing::{Backing, Directory};
use super::firmware::Firmware;

/// A simulated firmware.
#[derive(Debug)]
pub struct Simulated {
    backing: Box<dyn Backing>,
}

impl Simulated {
    /// The firmware at `path`: a directory, or an image such as `OVMF_VARS.fd`. One without a platform key is in Setup
    /// Mode.
    pub fn open(context: &Context, path: &Path) -> Result<Self> {
        let backing: Box<dyn Backing> = if path.is_dir() {
            Box::new(Directory::open(context, path)?)
        } else if path.exists() {
            Box::new(ImageFile::open(context, path)?)
        } else {
            let path = path.shown();
            return Err(
                Error::could_not_run(format!("{path} is neither a directory nor an image of variables"))
                    .hint(format!("mkdir -p {path}")),
            );
        };
        Ok(Self { backing })
    }

    fn database(&self, variable: VariableName) -> Result<SignatureDatabase> {
        let data = self.backing.read_raw(variable.name(), &variable.vendor())?;
        let data = data.map(|raw| raw.data).unwrap_or_default();
        SignatureDatabase::parse(&data).or_could_not_run(|| format!("the stored {variable} is malformed"))
    }

    /// Writes a variable as firmware does in `SetVariable()`.
    fn set(&mut self, variable: VariableName, attributes: u32, auth: &[u8]) -> Result<()> {
        let refused = || format!("the firmware would refuse to write {variable}");
        let auth = AuthenticatedVariable::parse(auth).or_refuse(refused)?;
        let last_write = self.backing.last_write(variable)?;
        let firmware = Rules {
            pk: &self.database(VariableName::Pk)?,
            kek: &self.database(VariableName::Kek)?,
            setup_mode: self.setup_mode()?,
            last_write,
        };
        judge(&firmware, variable, attributes, &auth).or_refuse(refused)?;
        let append = attributes & APPEND != 0;
        let content = SignatureDatabase::parse(&auth.payload).or_refuse(refused)?;
        let kept = if append {
            let mut present = self.database(variable)?;
            present.merge(&content);
            present.to_bytes()
        } else {
            auth.payload
        };
        // An append may be older than what is there.
        let time = last_write
            .filter(|last| !auth.time.is_later_than(last))
            .unwrap_or(auth.time);
        self.backing.store(variable, &kept, time)?;
        if variable == VariableName::Pk {
            self.backing.mode_changed(kept.is_empty())?;
        }
        Ok(())
    }
}

impl VarReader for Simulated {
    fn read(&self, variable: &Variable) -> efivar::Result<(Vec<u8>, VariableFlags)> {
        self.backing.read(variable)
    }
}

impl VarWriter for Simulated {
    /// PK, KEK, db and dbx go through the firmware's rules.
    fn write(&mut self, variable: &Variable, attributes: VariableFlags, value: &[u8]) -> efivar::Result<()> {
        match secure_boot_variable(variable) {
            Some(known) => self
                .set(known, attributes.bits(), value)
                .map_err(|error| failed(variable, error)),
            None => self.backing.write(variable, attributes, value),
        }
    }

    fn delete(&mut self, variable: &Variable) -> efivar::Result<()> {
        match secure_boot_variable(variable) {
            Some(known) => {
                let unsigned = format!("the firmware would refuse to remove {known}: that takes a signed write");
                Err(failed(variable, Error::refused(unsigned)))
            }
            None => self.backing.delete(variable),
        }
    }
}

impl VarEnumerator for Simulated {
    fn get_all_vars<'a>(&'a self) -> efivar::Result<Box<dyn Iterator<Item = Variable> + 'a>> {
        self.backing.get_all_vars()
    }
}

fn secure_boot_variable(variable: &Variable) -> Option<VariableName> {
    let is_it = |known: &VariableName| known.name() == variable.name() && known.vendor() == vendor(variable);
    VariableName::ALL.into_iter().find(is_it)
}

impl Firmware for Simulated {
    /// True if `SetupMode` says so; where there is no such variable, true if there is no platform key.
    fn setup_mode(&self) -> Result<bool> {
        match self.flag("SetupMode")? {
            Some(setup_mode) => Ok(setup_mode),
            None => Ok(self.database(VariableName::Pk)?.is_empty()),
        }
    }

    fn last_write(&self, variable: VariableName) -> Result<Option<EfiTime>> {
        self.backing.last_write(variable)
    }

    /// Bytes that are left for variables, if that is known.
    fn free_space(&self) -> Result<Option<u64>> {
        self.backing.free_space()
    }
}
