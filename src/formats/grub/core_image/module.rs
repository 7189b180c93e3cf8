//! A GRUB module: a relocatable ELF object that names itself.

use goblin::elf::Elf;

/// Why an object is no GRUB module.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// The ELF headers cannot be read.
    #[error("no ELF object: {0}")]
    Elf(String),
    /// No `.modname` with a name in it.
    #[error("no section .modname that names the module")]
    NoName,
}

/// A module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The name that `insmod` takes.
    pub name: String,
}

impl Module {
    /// Reads `.modname`, a text that ends with a zero.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModuleError> {
        let elf = Elf::parse(bytes).map_err(|error| ModuleError::Elf(error.to_string()))?;
        let name = section(&elf, bytes, ".modname").and_then(|texts| self::texts(texts).next());
        Ok(Self {
            name: name.ok_or(ModuleError::NoName)?,
        })
    }
}

/// The text of the `normal` module that is a version: a text of its own that begins like `2.06`.
pub(super) fn package_version(normal: &[u8]) -> Option<String> {
    let elf = Elf::parse(normal).ok()?;
    let sections = elf.section_headers.iter();
    let names = sections.filter_map(|section| elf.shdr_strtab.get_at(section.sh_name));
    let data = names.filter(|name| name.starts_with(".rodata"));
    data.filter_map(|name| section(&elf, normal, name))
        .flat_map(texts)
        .find(|text| is_version(text))
}

fn is_version(text: &str) -> bool {
    let mut parts = text.splitn(2, '.');
    let is_number = |part: Option<&str>| part.is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    let major = parts.next();
    major.is_some_and(|major| major.len() == 1)
        && is_number(major)
        && is_number(parts.next())
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_graphic())
}

fn section<'a>(elf: &Elf<'a>, bytes: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let header = elf
        .section_headers
        .iter()
        .find(|section| elf.shdr_strtab.get_at(section.sh_name) == Some(name))?;
    bytes.get(header.file_range()?)
}

fn texts(bytes: &[u8]) -> impl Iterator<Item = String> {
    let parts = bytes.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    parts.map(|part| String::from_utf8_lossy(part).into_owned())
}
