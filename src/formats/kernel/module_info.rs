//! The information that a kernel module holds about itself: the fields of its section `.modinfo`, `name=value` with a zero byte after each
//! (`include/linux/moduleinfo.h`), and the note with its build ID.

use goblin::container::Ctx;
use goblin::elf::{Elf, SectionHeader};

use crate::formats::bytes::until_zero;

/// The section of the build ID, which a running kernel shows as `/sys/module/NAME/notes/.note.gnu.build-id`.
pub const BUILD_ID: &str = ".note.gnu.build-id";
/// Longest name of a section that is compared, in bytes.
const MAX_NAME: usize = 64;

/// Why a file is no module that could say anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InfoError {
    /// No ELF header at the start, or sections that are not in the file.
    #[error("it is no ELF file: {0}")]
    Elf(String),
}

/// A module's sections.
#[derive(Debug, Clone)]
pub struct ModuleInfo<'a> {
    file: &'a [u8],
    sections: Vec<SectionHeader>,
    names: &'a [u8],
}

impl<'a> ModuleInfo<'a> {
    /// Reads the section table of an unpacked module.
    pub fn parse(file: &'a [u8]) -> Result<Self, InfoError> {
        let malformed = |error: goblin::error::Error| InfoError::Elf(error.to_string());
        let header = Elf::parse_header(file).map_err(malformed)?;
        let context = Ctx::new(
            header.container().map_err(malformed)?,
            header.endianness().map_err(malformed)?,
        );
        let offset = usize::try_from(header.e_shoff).map_err(|error| InfoError::Elf(error.to_string()))?;
        let sections = if offset == 0 {
            Vec::new()
        } else {
            SectionHeader::parse(file, offset, usize::from(header.e_shnum), context).map_err(malformed)?
        };
        let names = sections.get(usize::from(header.e_shstrndx));
        Ok(Self {
            file,
            // A table of names that is not in the file names nothing.
            names: names.and_then(|section| data(file, section)).unwrap_or_default(),
            sections,
        })
    }

    /// The content of the first section with this name, if it is in the file.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&'a [u8]> {
        let section = self
            .sections
            .iter()
            .find(|section| self.name(section) == Some(name.as_bytes()))?;
        data(self.file, section)
    }

    /// The value of the first field with this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        let mut fields = self.section(".modinfo")?.split(|byte| *byte == 0);
        fields.find_map(|field| field.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
    }

    /// True if it was built with the kernel, which `modpost` notes.
    #[must_use]
    pub fn is_in_tree(&self) -> bool {
        self.field("intree") == Some(b"Y")
    }

    fn name(&self, section: &SectionHeader) -> Option<&'a [u8]> {
        let names = self.names.get(section.sh_name..)?;
        Some(until_zero(names.get(..MAX_NAME).unwrap_or(names)))
    }
}

/// The bytes of a section, if all of them are in the file.
fn data<'a>(file: &'a [u8], section: &SectionHeader) -> Option<&'a [u8]> {
    let start = usize::try_from(section.sh_offset).ok()?;
    let size = usize::try_from(section.sh_size).ok()?;
    file.get(start..start.checked_add(size)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An ELF64 object with sections of these names and contents.
    fn object(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut file = vec![0; 64];
        file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        file[16] = 1;
        let mut names = vec![0];
        let mut headers = vec![[0_u8; 64]];
        let mut add = |file: &mut Vec<u8>, name: usize, content: &[u8]| {
            let mut header = [0; 64];
            header[..8].copy_from_slice(&(name as u64 | 1 << 32).to_le_bytes());
            header[24..32].copy_from_slice(&(file.len() as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(content.len() as u64).to_le_bytes());
            file.extend(content);
            headers.push(header);
        };
        for (name, content) in sections {
            add(&mut file, names.len(), content);
            names.extend(name.bytes().chain([0]));
        }
        add(&mut file, 0, &names);
        let count = u16::try_from(sections.len() + 2).unwrap();
        let start = file.len() as u64;
        file[40..48].copy_from_slice(&start.to_le_bytes());
        file[58] = 64;
        file[60..62].copy_from_slice(&count.to_le_bytes());
        file[62..64].copy_from_slice(&(count - 1).to_le_bytes());
        file.extend(headers.concat());
        file
    }

    #[test]
    fn fields_and_build_id_are_read() {
        let file = object(&[
            (".text", b"code"),
            (".modinfo", b"license=GPL\0intree=Y\0srcversion=ABC\0"),
            (BUILD_ID, b"note"),
        ]);
        let info = ModuleInfo::parse(&file).unwrap();
        assert_eq!(info.field("srcversion"), Some(&b"ABC"[..]));
        assert_eq!(info.field("version"), None);
        assert_eq!(info.section(BUILD_ID), Some(&b"note"[..]));
        assert!(info.is_in_tree());
        assert!(ModuleInfo::parse(b"").is_err());
    }

    proptest! {
        #[test]
        fn changed_and_cut_modules_are_read_or_refused(changes in proptest::collection::vec((0..600_usize, any::<u8>()), 0..6), end in 0..600_usize) {
            let mut file = object(&[(".modinfo", b"license=GPL\0intree=Y\0"), (BUILD_ID, b"note")]);
            for (position, value) in changes {
                let position = position % file.len();
                file[position] = value;
            }
            file.truncate(end.max(1));
            if let Ok(info) = ModuleInfo::parse(&file) {
                let _ = (info.field("license"), info.section(BUILD_ID), info.is_in_tree());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = ModuleInfo::parse(&[b"\x7fELF\x02\x01\x01".as_slice(), &bytes].concat());
            let _ = ModuleInfo::parse(&bytes);
        }
    }
}
