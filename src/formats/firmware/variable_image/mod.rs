//! The variables of a virtual machine: the raw image of an EDK2 variable store, such as `OVMF_VARS.fd`.
//!
//! | part | size in bytes |
//! |---|---|
//! | firmware volume header (PI 1.8, volume 3, section 3.2.1), `_FVH` | as it says, 72 in OVMF |
//! | variable store header (`VariableFormat.h` of EDK2) | 28 |
//! | variables, each at a multiple of 4: header, name (UTF-16LE with its zero), data | 60 or 32, and as it says |
//! | the rest of the store | 0xff |
//! | event log, fault-tolerant write areas | kept as they are |
//!
//! The header of a variable has 60 bytes in stores with authenticated variables, and 32 in those without.

mod error;
mod header;
#[cfg(test)]
mod tests;
mod variable;

use std::ops::Range;

use crate::formats::firmware::guid::Guid;

pub use error::VariableImageError;
use header::{StoreHeader, volume_header};
pub use variable::ImageVariable;
use variable::{ADDED, Scanned, State};

/// The value of a byte of erased flash memory.
const ERASED: u8 = 0xff;
/// Alignment of variables in the store, in bytes.
const ALIGNMENT: usize = 4;
/// First bytes of a QEMU disk image.
const QCOW2: [u8; 4] = *b"QFI\xfb";

/// A variable store and the image around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableImage {
    /// The image as it was read.
    image: Vec<u8>,
    /// Where the variables are.
    area: Range<usize>,
    is_authenticated: bool,
    variables: Vec<ImageVariable>,
}

impl VariableImage {
    /// Reads an image, and the variables in it that are valid.
    pub fn parse(image: Vec<u8>) -> Result<Self, VariableImageError> {
        if image.starts_with(&QCOW2) {
            return Err(VariableImageError::Qcow2);
        }
        let volume = volume_header(&image)?;
        let store = StoreHeader::parse(&image, volume)?;
        let variables = scan(&image, &store)?;
        Ok(Self {
            area: store.area,
            is_authenticated: store.is_authenticated,
            image,
            variables,
        })
    }

    /// The variables, in the order of the store.
    #[must_use]
    pub fn variables(&self) -> &[ImageVariable] {
        &self.variables
    }

    /// True if the store can hold authenticated variables.
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        self.is_authenticated
    }

    /// The variable of this name.
    #[must_use]
    pub fn get(&self, name: &str, vendor: &Guid) -> Option<&ImageVariable> {
        self.variables.iter().find(|variable| variable.has_name(name, vendor))
    }

    /// Adds a variable, or replaces the one of its name, in place.
    pub fn set(&mut self, variable: ImageVariable) {
        let same = self
            .variables
            .iter_mut()
            .find(|present| present.name == variable.name && present.vendor == variable.vendor);
        match same {
            Some(present) => *present = variable,
            None => self.variables.push(variable),
        }
    }

    /// Removes the variable of this name; true if there was one.
    pub fn remove(&mut self, name: &str, vendor: &Guid) -> bool {
        let before = self.variables.len();
        self.variables.retain(|variable| !variable.has_name(name, vendor));
        self.variables.len() < before
    }

    /// Bytes that are left for variables, their headers and names, once the store is written anew.
    #[must_use]
    pub fn free_space(&self) -> usize {
        // None is left where variables were added that do not fit.
        self.area.len().saturating_sub(self.used())
    }

    /// The image with these variables, the store written anew: valid variables only, in their order, and nothing but
    /// erased bytes after them. All else is kept byte for byte.
    pub fn to_bytes(&self) -> Result<Vec<u8>, VariableImageError> {
        let full = VariableImageError::Full {
            needed: self.used(),
            available: self.area.len(),
        };
        if self.used() > self.area.len() {
            return Err(full);
        }
        let mut area = Vec::with_capacity(self.area.len());
        for variable in &self.variables {
            variable.write(self.is_authenticated, &mut area).ok_or(full.clone())?;
            area.resize(area.len().next_multiple_of(ALIGNMENT), ERASED);
        }
        area.resize(self.area.len(), ERASED);
        let mut image = self.image.clone();
        image.splice(self.area.clone(), area);
        Ok(image)
    }

    fn used(&self) -> usize {
        let size = |variable: &ImageVariable| variable.size(self.is_authenticated).next_multiple_of(ALIGNMENT);
        self.variables.iter().map(size).sum()
    }
}

/// Reads variables up to the first place that holds none. Deleted ones are passed over; one that was being replaced
/// when the power failed counts unless its successor is there (`FindVariableEx` of EDK2).
fn scan(image: &[u8], store: &StoreHeader) -> Result<Vec<ImageVariable>, VariableImageError> {
    let mut found: Vec<(State, ImageVariable)> = Vec::new();
    let mut offset = store.area.start;
    while offset < store.area.end {
        let place = offset..store.area.end;
        let Some(Scanned { state, variable, end }) = variable::read(image, place, store.is_authenticated)? else {
            break;
        };
        offset = end.next_multiple_of(ALIGNMENT);
        let Some(variable) = variable else { continue };
        let same = found
            .iter_mut()
            .find(|(_, present)| present.name == variable.name && present.vendor == variable.vendor);
        match same {
            None => found.push((state, variable)),
            Some(present) if present.0 != ADDED => *present = (state, variable),
            Some(_) => {}
        }
    }
    Ok(found.into_iter().map(|(_, variable)| variable).collect())
}
