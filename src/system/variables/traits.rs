//! The `efivar` crate's traits for our stores: boot entries and their parsing come with them.

use std::fs;

use efivar::efi::{Variable, VariableFlags};
use efivar::{VarEnumerator, VarManager, VarReader, VarWriter};

use super::{Efivarfs, RawVariable, WriteFailure, read_file};

fn failed(variable: &Variable, failure: WriteFailure) -> efivar::Error {
    efivar::Error::for_variable(failure.source, variable)
}

impl VarReader for Efivarfs {
    /// Unknown attribute bits are kept.
    fn read(&self, variable: &Variable) -> efivar::Result<(Vec<u8>, VariableFlags)> {
        let file = read_file(&self.path(&variable.to_string()));
        match file.map_err(|error| efivar::Error::for_variable(error, variable))? {
            Some(raw) => Ok((raw.data, VariableFlags::from_bits_retain(raw.attributes))),
            None => Err(efivar::Error::VarNotFound { var: variable.clone() }),
        }
    }
}

impl VarWriter for Efivarfs {
    fn write(&mut self, variable: &Variable, attributes: VariableFlags, value: &[u8]) -> efivar::Result<()> {
        let raw = RawVariable {
            attributes: attributes.bits(),
            data: value.to_vec(),
        };
        self.write_file(&variable.to_string(), &raw)
            .map_err(|failure| failed(variable, failure))
    }

    fn delete(&mut self, variable: &Variable) -> efivar::Result<()> {
        self.remove_file(&variable.to_string())
            .map_err(|failure| failed(variable, failure))
    }
}

impl VarEnumerator for Efivarfs {
    /// Files that are not named like a variable are passed over.
    fn get_all_vars<'a>(&'a self) -> efivar::Result<Box<dyn Iterator<Item = Variable> + 'a>> {
        let entries = fs::read_dir(&self.directory).map_err(efivar::Error::UnknownIoError)?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()?.parse().ok());
        Ok(Box::new(names))
    }
}

impl VarManager for Efivarfs {}
