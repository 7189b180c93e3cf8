//! The `efivar` crate's traits over every store: what is written for it works on a virtual machine's variables too.

use std::io;

use efivar::efi::{Variable, VariableFlags};
use efivar::{VarEnumerator, VarManager, VarReader, VarWriter};

use crate::error::Error;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::guid::Guid;

use super::Store;

/// Name and vendor as we write them.
fn parts(variable: &Variable) -> efivar::Result<(&str, Guid)> {
    let vendor = variable.vendor().to_string().parse();
    let vendor = vendor.map_err(|_| efivar::Error::VarParseError)?;
    Ok((variable.name(), vendor))
}

fn failed(variable: &Variable, error: &Error) -> efivar::Error {
    efivar::Error::VarUnknownError {
        var: variable.clone(),
        error: io::Error::other(error.in_one_line()),
    }
}

impl VarReader for Store {
    fn read(&self, variable: &Variable) -> efivar::Result<(Vec<u8>, VariableFlags)> {
        let (name, vendor) = parts(variable)?;
        match self.read_any(name, &vendor).map_err(|error| failed(variable, &error))? {
            Some(raw) => Ok((raw.data, VariableFlags::from_bits_retain(raw.attributes))),
            None => Err(efivar::Error::VarNotFound { var: variable.clone() }),
        }
    }
}

impl VarWriter for Store {
    fn write(&mut self, variable: &Variable, attributes: VariableFlags, value: &[u8]) -> efivar::Result<()> {
        let (name, vendor) = parts(variable)?;
        let known = VariableName::ALL
            .into_iter()
            .find(|known| known.name() == name && known.vendor() == vendor);
        let written = match known {
            Some(known) => Self::write(self, known, attributes.bits(), value),
            None => self.firmware.put(name, &vendor, attributes.bits(), value),
        };
        written.map_err(|error| failed(variable, &error))
    }

    fn delete(&mut self, variable: &Variable) -> efivar::Result<()> {
        let (name, vendor) = parts(variable)?;
        let deleted = self.firmware.put(name, &vendor, 0, &[]);
        deleted.map_err(|error| failed(variable, &error))
    }
}

impl VarEnumerator for Store {
    /// Names that the crate cannot hold are passed over.
    fn get_all_vars<'a>(&'a self) -> efivar::Result<Box<dyn Iterator<Item = Variable> + 'a>> {
        let names = self
            .names()
            .map_err(|error| efivar::Error::UnknownIoError(io::Error::other(error.to_string())))?;
        Ok(Box::new(
            names
                .into_iter()
                .filter_map(|(name, vendor)| format!("{name}-{vendor}").parse().ok()),
        ))
    }
}

impl VarManager for Store {}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use efivar::boot::BootVarReader;

    use super::*;
    use crate::enroll::StoreChoice;
    use crate::system::Context;

    #[test]
    fn attributes_names_and_boot_order_come_through_on_every_store() {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("OVMF_VARS.fd");
        // Written by nobody yet: the authenticated store that OVMF is shipped with.
        std::fs::copy("/usr/share/OVMF/OVMF_VARS_4M.fd", &image).expect("apt-get install ovmf");
        let simulated: PathBuf = directory.path().join("simulated");
        std::fs::create_dir(&simulated).unwrap();
        for path in [image, simulated] {
            let mut store = Store::open(&Context::host(), &StoreChoice::At(path)).unwrap();
            let order = Variable::new("BootOrder");
            let flags = VariableFlags::from_bits_retain(7);
            VarWriter::write(&mut store, &order, flags, &[1, 0, 0, 0]).unwrap();
            assert_eq!(VarReader::read(&store, &order).unwrap(), (vec![1, 0, 0, 0], flags));
            assert_eq!(store.get_boot_order().unwrap(), [1, 0]);
            assert!(store.get_all_vars().unwrap().any(|variable| variable == order));
            store.delete(&order).unwrap();
            assert!(matches!(
                VarReader::read(&store, &order),
                Err(efivar::Error::VarNotFound { .. })
            ));
            // One of the four goes through the firmware's rules.
            let pk = Variable::new("PK");
            assert!(VarWriter::write(&mut store, &pk, flags, b"not signed").is_err());
        }
    }
}
