//! SBAT (shim's SBAT.md): the components of a boot loader with their generations, in its section `.sbat`, and the lowest
//! generations that shim still starts, in the variable `SbatLevelRT`. Both are lines of comma-separated values.

use crate::formats::bytes::until_zero;
use crate::formats::firmware::guid::Guid;

/// The variable of the levels, as an operating system may read it.
pub const LEVEL_VARIABLE: &str = "SbatLevelRT";
/// Its vendor: shim.
pub const SHIM: Guid = Guid::from_fields(
    0x605d_ab50,
    0xe046,
    0x4300,
    [0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23],
);
/// The mark that some editors put before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why bytes are no SBAT. Offsets count from their start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SbatError {
    /// A line without a generation behind the component.
    #[error("the line of SBAT at offset {offset:#x} has no generation")]
    NoGeneration {
        /// Where the line starts.
        offset: usize,
    },
    /// A generation that is no number from 1 on.
    #[error("the line of SBAT at offset {offset:#x} has no number as its generation")]
    Generation {
        /// Where the line starts.
        offset: usize,
    },
    /// No line at all.
    #[error("the SBAT is empty")]
    Empty,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its name: `grub`, or `grub.debian` for a vendor's version of it.
    pub name: String,
    /// Its generation, which grows with every vulnerability that is closed.
    pub generation: u32,
    /// Its vendor; empty in levels.
    pub vendor: String,
    /// The vendor's version; empty in levels.
    pub version: String,
}

/// All lines, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sbat {
    components: Vec<Component>,
}

impl Sbat {
    /// Reads a section or a variable, up to its first zero: sections are padded.
    pub fn parse(bytes: &[u8]) -> Result<Self, SbatError> {
        let text = until_zero(bytes);
        let unmarked = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let mut offset = text.len() - unmarked.len();
        let mut components = Vec::new();
        for line in unmarked.split(|byte| *byte == b'\n') {
            let start = offset;
            offset += line.len() + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                components.push(component(line, start)?);
            }
        }
        if components.is_empty() {
            return Err(SbatError::Empty);
        }
        Ok(Self { components })
    }

    /// The lines.
    #[must_use]
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    /// The first line of this component.
    #[must_use]
    pub fn component(&self, name: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.name == name)
    }

    /// The components that are older than `levels` demand, each with the lowest generation that is allowed. Components that
    /// the levels do not name may have any generation.
    pub fn components_below<'s>(&'s self, levels: &'s Self) -> impl Iterator<Item = (&'s Component, u32)> {
        self.components.iter().filter_map(|component| {
            let named = levels.components.iter().filter(|level| level.name == component.name);
            let level = named.map(|level| level.generation).max()?;
            (component.generation < level).then_some((component, level))
        })
    }
}

/// Fields that are no text are kept as far as they are one.
fn component(line: &[u8], offset: usize) -> Result<Component, SbatError> {
    let text = String::from_utf8_lossy(line);
    let (name, fields) = text.split_once(',').ok_or(SbatError::NoGeneration { offset })?;
    let mut fields = fields.split(',').map(str::trim);
    let generation = fields.next().ok_or(SbatError::NoGeneration { offset })?;
    let generation = generation.parse().ok().filter(|generation| *generation > 0);
    let vendor = fields.next().unwrap_or_default().to_owned();
    Ok(Component {
        name: name.trim().to_owned(),
        generation: generation.ok_or(SbatError::Generation { offset })?,
        vendor,
        // Between the two stands the vendor's name of the package.
        version: fields.nth(1).unwrap_or_default().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRUB: &[u8] = b"sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\r\n\
        grub,3,Free Software Foundation,grub,2.06,https://www.gnu.org/software/grub/\n\
        grub.debian,5,Debian,grub2,2.06-13,https://tracker.debian.org/pkg/grub2\n\0\0\0";

    #[test]
    fn what_is_older_than_the_level_is_told_with_the_level() {
        let sbat = Sbat::parse(GRUB).unwrap();
        let below = |levels: &[u8]| {
            let levels = Sbat::parse(levels).unwrap();
            let below = sbat.components_below(&levels);
            below
                .map(|(component, level)| (component.name.clone(), level))
                .collect::<Vec<_>>()
        };
        assert_eq!(below(b"sbat,1,2025021800\nshim,4\ngrub,5\n"), [("grub".to_owned(), 5)]);
        assert_eq!(below(b"sbat,1,2025021800\ngrub,3\ngrub.debian,5\ngrub.proxmox,9"), []);
        assert_eq!(below(b"grub,2\ngrub,4\n"), [("grub".to_owned(), 4)]);
        let grub = sbat.component("grub").unwrap();
        assert_eq!(
            (grub.vendor.as_str(), grub.version.as_str()),
            ("Free Software Foundation", "2.06")
        );
        assert_eq!(sbat.components().len(), 3);
    }

    #[test]
    fn what_is_none_is_refused_at_its_line() {
        assert_eq!(Sbat::parse(b""), Err(SbatError::Empty));
        assert_eq!(Sbat::parse(b"\0sbat,1\n"), Err(SbatError::Empty));
        assert_eq!(
            Sbat::parse(b"sbat,1\ngrub\n"),
            Err(SbatError::NoGeneration { offset: 7 })
        );
        for number in ["", "x", "-1", "0", "4294967296", "1.0"] {
            let text = format!("\u{feff}sbat,1\n\ngrub,{number},x\n");
            assert_eq!(
                Sbat::parse(text.as_bytes()),
                Err(SbatError::Generation { offset: 11 }),
                "{number}"
            );
        }
    }
}
