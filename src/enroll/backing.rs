//! The storage in which a simulated firmware keeps its variables: a directory or an image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use efivar::efi::{Variable, VariableFlags};
use efivar::{VarEnumerator, VarReader, VarWriter};

use crate::error::{Explain, Result};
use crate::formats::firmware::authenticated_variable::{ATTRIBUTES, EfiTime, VariableName};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::variable_image::ImageVariable;
use crate::formats::text::Shown;
use crate::system::variables::{Efivarfs, ImageFile, Variables};
use crate::system::{self, Context, Transaction};

use super::times;

/// The file with the time of each variable's last write, which efivarfs does not show: name to `EFI_TIME` in
/// hexadecimal.
const TIMES: &str = ".bootseal-firmware.json";
/// Attributes of `SetupMode` and `SecureBoot`: boot service and runtime access.
const STATE_ATTRIBUTES: u32 = 6;
/// Vendor of OVMF's own variables of Secure Boot (`gEfiSecureBootEnableDisableGuid`).
const SECURE_BOOT_ENABLE_VENDOR: Guid = Guid::from_fields(
    0xf0a3_0bc7,
    0xaf08,
    0x4556,
    [0x99, 0xc4, 0x00, 0x10, 0x09, 0xc9, 0x3a, 0x44],
);
/// The variable by which OVMF enforces Secure Boot once there is a platform key.
const SECURE_BOOT_ENABLE: &str = "SecureBootEnable";
/// Attributes of `SecureBootEnable`: non-volatile, boot service access.
const SECURE_BOOT_ENABLE_ATTRIBUTES: u32 = 3;

/// The variables of a firmware that does not run.
pub(super) trait Backing: Variables + std::fmt::Debug {
    /// The time of the last authenticated write.
    fn last_write(&self, variable: VariableName) -> Result<Option<EfiTime>>;
    /// Replaces one of the four variables; removes it if `data` is empty.
    fn store(&mut self, variable: VariableName, data: &[u8], time: EfiTime) -> Result<()>;
    /// Sets the variables that firmware sets when the platform key comes or goes.
    fn mode_changed(&mut self, setup_mode: bool) -> Result<()>;
    /// Bytes that are left for variables, if the storage is limited.
    fn free_space(&self) -> Result<Option<u64>>;
}

/// A directory in the format of efivarfs.
#[derive(Debug)]
pub(super) struct Directory {
    context: Context,
    variables: Efivarfs,
    times: PathBuf,
}

impl Directory {
    pub(super) fn open(context: &Context, directory: &Path) -> Result<Self> {
        let directory = Self {
            context: context.clone(),
            variables: Efivarfs::at(context, directory),
            times: directory.join(TIMES),
        };
        directory.times()?;
        Ok(directory)
    }

    fn times(&self) -> Result<BTreeMap<String, EfiTime>> {
        if !system::is_there(&self.times)? {
            return Ok(BTreeMap::new());
        }
        let json = system::read(&self.times)?;
        times::parse(&json).or_could_not_run(|| format!("{} is malformed", self.times.shown()))
    }

    fn store_times(&self, times: &BTreeMap<String, EfiTime>) -> Result<()> {
        let texts: BTreeMap<&String, String> = times
            .iter()
            .map(|(name, time)| (name, hex::encode(time.to_bytes())))
            .collect();
        let json = serde_json::to_vec_pretty(&texts).or_bug(|| "cannot write times as JSON".to_owned())?;
        let transaction = Transaction::new(&self.context);
        transaction.stage(&self.times, &[&json])?;
        transaction.commit_all()
    }
}

impl VarReader for Directory {
    fn read(&self, variable: &Variable) -> efivar::Result<(Vec<u8>, VariableFlags)> {
        self.variables.read(variable)
    }
}

impl VarWriter for Directory {
    fn write(&mut self, variable: &Variable, attributes: VariableFlags, value: &[u8]) -> efivar::Result<()> {
        self.variables.write(variable, attributes, value)
    }

    fn delete(&mut self, variable: &Variable) -> efivar::Result<()> {
        self.variables.delete(variable)
    }
}

impl VarEnumerator for Directory {
    fn get_all_vars<'a>(&'a self) -> efivar::Result<Box<dyn Iterator<Item = Variable> + 'a>> {
        self.variables.get_all_vars()
    }
}

impl Backing for Directory {
    fn last_write(&self, variable: VariableName) -> Result<Option<EfiTime>> {
        Ok(self.times()?.get(variable.name()).copied())
    }

    fn store(&mut self, variable: VariableName, data: &[u8], time: EfiTime) -> Result<()> {
        let (name, vendor) = (variable.name(), variable.vendor());
        let mut times = self.times()?;
        if data.is_empty() {
            times.remove(name);
            if self.read_raw(name, &vendor)?.is_some() {
                self.variables.remove_raw(name, &vendor)?;
            }
        } else {
            times.insert(name.to_owned(), time);
            self.variables.write_raw(name, &vendor, ATTRIBUTES, data)?;
        }
        self.store_times(&times)
    }

    /// Secure Boot follows at the next boot, which never comes here.
    fn mode_changed(&mut self, setup_mode: bool) -> Result<()> {
        let secure_boot = self.variables.flag("SecureBoot")?;
        let mut set = |name, value| {
            self.variables
                .write_raw(name, &Guid::GLOBAL, STATE_ATTRIBUTES, &[value])
        };
        set("SetupMode", u8::from(setup_mode))?;
        match secure_boot {
            None => set("SecureBoot", 0),
            Some(_) => Ok(()),
        }
    }

    fn free_space(&self) -> Result<Option<u64>> {
        self.variables.free_space()
    }
}

impl Backing for ImageFile {
    fn last_write(&self, variable: VariableName) -> Result<Option<EfiTime>> {
        let variable = self.get(variable.name(), &variable.vendor())?;
        Ok(variable.map(|variable| variable.time))
    }

    fn store(&mut self, variable: VariableName, data: &[u8], time: EfiTime) -> Result<()> {
        let (name, vendor) = (variable.name(), variable.vendor());
        self.change(|image| {
            if data.is_empty() {
                image.remove(name, &vendor);
                return;
            }
            image.set(ImageVariable {
                time,
                ..ImageVariable::new(name, vendor, ATTRIBUTES, data.to_vec())
            });
        })
    }

    /// `SetupMode` and `SecureBoot` are made at each start. With the platform key OVMF switches enforcement on, and
    /// forgets the switch without one.
    fn mode_changed(&mut self, setup_mode: bool) -> Result<()> {
        self.change(|image| {
            image.remove(SECURE_BOOT_ENABLE, &SECURE_BOOT_ENABLE_VENDOR);
            if !setup_mode {
                image.set(ImageVariable::new(
                    SECURE_BOOT_ENABLE,
                    SECURE_BOOT_ENABLE_VENDOR,
                    SECURE_BOOT_ENABLE_ATTRIBUTES,
                    vec![1],
                ));
            }
        })
    }

    fn free_space(&self) -> Result<Option<u64>> {
        self.free_space().map(Some)
    }
}
