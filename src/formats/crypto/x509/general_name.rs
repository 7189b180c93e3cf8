//! General names (RFC 5280, section 4.2.1.6), and the names to which an authority may be confined.

use super::name::Name;
use crate::formats::crypto::asn1::{Asn1Error, Reader, tag};

/// One name of any kind.
#[derive(Debug, Clone, PartialEq)]
pub enum GeneralName {
    /// An address of electronic mail.
    Email(Vec<u8>),
    /// A name of the domain name system.
    Dns(Vec<u8>),
    /// A directory name.
    Directory(Name),
    /// Another kind, by its number.
    Other(u8),
}

impl GeneralName {
    /// The number that stands for its kind.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Email(_) => 1,
            Self::Dns(_) => 2,
            Self::Directory(_) => 4,
            Self::Other(kind) => *kind,
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Asn1Error> {
        let element = reader.any("general name")?;
        let kind = element.identifier & 0x1f;
        if !element.is_context(kind) || kind > 8 {
            return Err(element.error("is of a kind that no general name has"));
        }
        match kind {
            1 => Ok(Self::Email(element.string()?.into_owned())),
            2 => Ok(Self::Dns(element.string()?.into_owned())),
            4 => {
                let mut inner = element.inner()?;
                let name = Name::read(&mut inner, "directoryName")?;
                inner.finish("directoryName")?;
                Ok(Self::Directory(name))
            }
            0 => {
                let mut inner = element.inner()?;
                inner.typed("type-id", tag::OBJECT_IDENTIFIER)?.object_identifier()?;
                inner.context("value", 0)?;
                inner.finish("otherName")?;
                Ok(Self::Other(kind))
            }
            3 | 5 if !element.is_constructed() => Err(element.error("is not constructed")),
            8 => element.object_identifier().map(|_| Self::Other(kind)),
            _ => Ok(Self::Other(kind)),
        }
    }
}

/// Reads every name that is left.
pub(super) fn read_names(reader: &mut Reader<'_>) -> Result<Vec<GeneralName>, Asn1Error> {
    let mut names = Vec::new();
    while !reader.is_empty() {
        names.push(GeneralName::read(reader)?);
    }
    Ok(names)
}

/// A name, and everything below it.
#[derive(Debug, Clone, PartialEq)]
pub struct Subtree {
    /// The name.
    pub base: GeneralName,
    /// True if it is bounded in a way that RFC 5280 does not allow.
    pub is_bounded: bool,
}

/// The names to which an authority is confined (RFC 5280, section 4.2.1.10).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NameConstraints {
    /// Of each kind that is here, a name has to be below one.
    pub permitted: Vec<Subtree>,
    /// No name may be below one of these.
    pub excluded: Vec<Subtree>,
}

impl NameConstraints {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Asn1Error> {
        let name = "nameConstraints";
        let mut fields = reader.sequence(name)?;
        let mut read = Self::default();
        if fields.is_context(0) {
            read.permitted = subtrees(&mut fields.any("permittedSubtrees")?.list())?;
        }
        if fields.is_context(1) {
            read.excluded = subtrees(&mut fields.any("excludedSubtrees")?.list())?;
        }
        fields.finish(name)?;
        Ok(read)
    }
}

fn subtrees(reader: &mut Reader<'_>) -> Result<Vec<Subtree>, Asn1Error> {
    let mut subtrees = Vec::new();
    while !reader.is_empty() {
        let mut fields = reader.sequence("GeneralSubtree")?;
        let base = GeneralName::read(&mut fields)?;
        let mut is_bounded = false;
        if fields.is_context(0) {
            is_bounded = fields.any("minimum")?.integer()? != [0];
        }
        if fields.is_context(1) {
            fields.any("maximum")?.integer()?;
            is_bounded = true;
        }
        fields.finish("GeneralSubtree")?;
        subtrees.push(Subtree { base, is_bounded });
    }
    Ok(subtrees)
}
