//! The variables of a virtual machine, in the raw image of its firmware's variable store (`OVMF_VARS.fd`).

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use efivar::efi::{Variable, VariableFlags};
use efivar::{VarEnumerator, VarReader, VarWriter};

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::variable_image::{ImageVariable, VariableImage, VariableImageError};
use crate::formats::text::Shown;
use crate::system::context::Context;
use crate::system::files;
use crate::system::transaction::Transaction;

use super::access::{RawVariable, failed, found, listed, vendor};
use super::block::{self, is_block_device};

/// The kernel's list of file locks (`proc_locks(5)`).
const LOCKS: &str = "/proc/locks";

/// An image on disk, in a file or on a block device. Every read looks at it anew; every write replaces a file at once, and changes
/// the blocks of a device that differ.
#[derive(Debug, Clone)]
pub struct ImageFile {
    context: Context,
    path: PathBuf,
}

impl ImageFile {
    /// The image at `path`, which must be one.
    pub fn open(context: &Context, path: &Path) -> Result<Self> {
        let file = Self {
            context: context.clone(),
            path: path.to_path_buf(),
        };
        file.load()?;
        Ok(file)
    }

    /// The variable of this name with the time of its last write, if there is one.
    pub fn get(&self, name: &str, vendor: &Guid) -> Result<Option<ImageVariable>> {
        Ok(self.load()?.get(name, vendor).cloned())
    }

    fn list(&self) -> Result<Vec<(String, Guid)>> {
        let image = self.load()?;
        let names = image.variables().iter();
        Ok(names
            .map(|variable| (String::from_utf16_lossy(&variable.name), variable.vendor))
            .collect())
    }

    /// Bytes that are left for variables, their headers and names.
    pub fn free_space(&self) -> Result<u64> {
        Ok(self.load()?.free_space() as u64)
    }

    /// Changes the variables. Refuses while a virtual machine has the image open: neither would see the other's writes.
    pub fn change(&self, change: impl FnOnce(&mut VariableImage)) -> Result<()> {
        if self.context.dry_run() {
            return Ok(());
        }
        self.check_unused()?;
        let mut image = self.load()?;
        change(&mut image);
        let path = self.path.shown();
        let bytes = image
            .to_bytes()
            .or_refuse(|| format!("cannot write {path}"))
            .map_err(|error| error.hint("the image is too small for these variables: use the 4 MiB build of OVMF"))?;
        if is_block_device(&self.path)? {
            return block::write(&self.path, &bytes);
        }
        let transaction = Transaction::new(&self.context);
        transaction.stage_file(&self.path, &[&bytes])?;
        transaction.commit_all()
    }

    fn load(&self) -> Result<VariableImage> {
        let path = self.path.shown();
        let bytes = if is_block_device(&self.path)? {
            block::read(&self.path)?
        } else {
            files::read(&self.path)?
        };
        let parsed = VariableImage::parse(bytes);
        let is_qcow2 = parsed == Err(VariableImageError::Qcow2);
        let image = parsed.or_refuse(|| format!("{path} is no image of a firmware's variables"));
        let image = image.map_err(|error| {
            if is_qcow2 {
                return error
                    .hint(format!("qemu-img convert -O raw {path} {path}.raw"))
                    .hint(format!(
                        "and back afterwards: qemu-img convert -O qcow2 {path}.raw {path}"
                    ));
            }
            error
        })?;
        if image.is_authenticated() {
            return Ok(image);
        }
        Err(Error::refused(format!(
            "{path} is of a firmware that was built without authenticated variables, so it knows no Secure Boot"
        ))
        .hint("use an OVMF built with Secure Boot, such as OVMF_CODE_4M.secboot.fd with OVMF_VARS_4M.fd"))
    }

    /// QEMU locks the images that it has open.
    fn check_unused(&self) -> Result<()> {
        let path = self.path.shown();
        let metadata = fs::metadata(&self.path).or_could_not_run(|| format!("cannot read {path}"))?;
        let (major, minor) = (rustix::fs::major(metadata.dev()), rustix::fs::minor(metadata.dev()));
        let place = format!("{major:02x}:{minor:02x}:{}", metadata.ino());
        // Where the kernel does not tell, there is nothing to go by.
        let locks = fs::read_to_string(LOCKS).unwrap_or_default();
        if locks.split_whitespace().any(|word| word == place) {
            return Err(
                Error::could_not_run(format!("{path} is locked: a virtual machine is running with it"))
                    .hint("shut the virtual machine down, then run the command again"),
            );
        }
        Ok(())
    }
}

impl VarReader for ImageFile {
    fn read(&self, variable: &Variable) -> efivar::Result<(Vec<u8>, VariableFlags)> {
        let read = self.get(variable.name(), &vendor(variable));
        let raw = |ImageVariable { attributes, data, .. }| RawVariable { attributes, data };
        found(variable, read.map(|read| read.map(raw)))
    }
}

impl VarWriter for ImageFile {
    fn write(&mut self, variable: &Variable, attributes: VariableFlags, value: &[u8]) -> efivar::Result<()> {
        let new = ImageVariable::new(variable.name(), vendor(variable), attributes.bits(), value.to_vec());
        self.change(|image| image.set(new))
            .map_err(|error| failed(variable, error))
    }

    fn delete(&mut self, variable: &Variable) -> efivar::Result<()> {
        self.change(|image| {
            image.remove(variable.name(), &vendor(variable));
        })
        .map_err(|error| failed(variable, error))
    }
}

impl VarEnumerator for ImageFile {
    fn get_all_vars<'a>(&'a self) -> efivar::Result<Box<dyn Iterator<Item = Variable> + 'a>> {
        listed(self.list())
    }
}
