//! The `efivar` crate's traits, by which every store of variables is read, written and listed, with the errors and
//! types of this program: an [`Error`] travels through the crate's error and comes out with its hints.

use std::io;

use efivar::efi::{Variable, VariableFlags};
use efivar::{VarEnumerator, VarReader, VarWriter};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::formats::firmware::guid::Guid;

/// The attributes of a variable, all 32 bits of them, and its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawVariable {
    /// Attribute bits (UEFI 2.10, section 8.2.1), unknown ones included.
    pub attributes: u32,
    /// The data.
    pub data: Vec<u8>,
}

impl RawVariable {
    /// The content of the variable's file in efivarfs.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.attributes.to_le_bytes().as_slice(), self.data.as_slice()].concat()
    }
}

/// The crate's name of a variable. Its own parser takes a hyphen in the name for the end of the name.
#[must_use]
pub fn variable(name: &str, vendor: &Guid) -> Variable {
    Variable::new_with_vendor(name, Uuid::from_bytes_le(*vendor.as_bytes()))
}

/// The vendor of a variable.
#[must_use]
pub fn vendor(variable: &Variable) -> Guid {
    Guid::from_bytes(variable.vendor().as_ref().to_bytes_le())
}

/// Access to the variables of any store, in the types of this program.
pub trait Variables: VarReader + VarWriter + VarEnumerator {
    /// Reads a variable with all its attribute bits; `None` if there is no such variable.
    fn read_raw(&self, name: &str, vendor: &Guid) -> Result<Option<RawVariable>> {
        match self.read(&variable(name, vendor)) {
            Ok((data, flags)) => Ok(Some(RawVariable {
                attributes: flags.bits(),
                data,
            })),
            Err(efivar::Error::VarNotFound { .. }) => Ok(None),
            Err(error) => Err(explained(error)),
        }
    }

    /// Writes a variable at once: of an authenticated variable `data` is the whole `.auth` file.
    fn write_raw(&mut self, name: &str, vendor: &Guid, attributes: u32, data: &[u8]) -> Result<()> {
        let flags = VariableFlags::from_bits_retain(attributes);
        self.write(&variable(name, vendor), flags, data).map_err(explained)
    }

    /// A global variable of one byte that is 0 or 1, as `SetupMode` and `SecureBoot` are; `None` if there is no such
    /// variable.
    fn flag(&self, name: &str) -> Result<Option<bool>> {
        let Some(variable) = self.read_raw(name, &Guid::GLOBAL)? else {
            return Ok(None);
        };
        match variable.data.as_slice() {
            [0] => Ok(Some(false)),
            [1] => Ok(Some(true)),
            other => Err(Error::could_not_run(format!(
                "the variable {name} holds \"{}\", neither 00 nor 01",
                hex::encode(other)
            ))),
        }
    }

    /// Removes a variable that needs no authentication.
    fn remove_raw(&mut self, name: &str, vendor: &Guid) -> Result<()> {
        self.delete(&variable(name, vendor)).map_err(explained)
    }

    /// The name and the vendor of every variable, in no order.
    fn names(&self) -> Result<Vec<(String, Guid)>> {
        let variables = self.get_all_vars().map_err(explained)?;
        Ok(variables
            .map(|variable| (variable.name().to_owned(), vendor(&variable)))
            .collect())
    }
}

impl<T: VarReader + VarWriter + VarEnumerator + ?Sized> Variables for T {}

/// The answer of [`VarReader::read`] for the result of a store.
pub fn found(variable: &Variable, found: Result<Option<RawVariable>>) -> efivar::Result<(Vec<u8>, VariableFlags)> {
    match found {
        Ok(Some(raw)) => Ok((raw.data, VariableFlags::from_bits_retain(raw.attributes))),
        Ok(None) => Err(efivar::Error::VarNotFound { var: variable.clone() }),
        Err(error) => Err(failed(variable, error)),
    }
}

/// The crate's error around one of ours, about a variable.
#[must_use]
pub fn failed(variable: &Variable, error: Error) -> efivar::Error {
    efivar::Error::VarUnknownError {
        var: variable.clone(),
        error: io::Error::other(error),
    }
}

/// The crate's list of the variables that a store has.
pub fn listed<'a>(names: Result<Vec<(String, Guid)>>) -> efivar::Result<Box<dyn Iterator<Item = Variable> + 'a>> {
    let names = names.map_err(|error| efivar::Error::UnknownIoError(io::Error::other(error)))?;
    Ok(Box::new(
        names.into_iter().map(|(name, vendor)| variable(&name, &vendor)),
    ))
}

/// Our error inside the crate's, or the crate's own as the cause of one.
#[must_use]
pub fn explained(error: efivar::Error) -> Error {
    let cannot = "cannot use a firmware variable";
    match error {
        efivar::Error::VarUnknownError { error, .. } | efivar::Error::UnknownIoError(error) => error
            .downcast::<Error>()
            .unwrap_or_else(|other| Error::could_not_run(cannot).caused_by(other)),
        other => Error::could_not_run(cannot).caused_by(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn an_error_comes_through_the_crate_with_kind_causes_and_hints() {
        let own = Error::refused("not in Setup Mode").caused_by("EACCES").hint("clear PK");
        let through = explained(failed(&Variable::new("PK"), own));
        assert_eq!(
            (through.kind(), through.to_string()),
            (Kind::Refused, "not in Setup Mode".to_owned())
        );
        assert_eq!(
            (through.causes(), through.hints()),
            (vec!["EACCES".to_owned()], vec!["clear PK"])
        );
        let foreign = explained(efivar::Error::VarParseError);
        assert_eq!(foreign.kind(), Kind::CouldNotRun);
    }

    #[test]
    fn names_with_hyphens_and_vendors_of_every_kind_come_through() {
        for vendor_id in [Guid::GLOBAL, Guid::IMAGE_SECURITY_DATABASE] {
            let named = variable("Boot-Order", &vendor_id);
            assert_eq!((named.name(), vendor(&named)), ("Boot-Order", vendor_id));
            assert_eq!(named.to_string(), format!("Boot-Order-{vendor_id}"));
        }
    }
}
