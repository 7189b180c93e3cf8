//! ASN.1 in the Basic Encoding Rules (X.690) as OpenSSL reads them, by which firmware reads certificates and signatures:
//! lengths in more octets than needed or not stated at all, and strings in pieces, are read; the bytes stay as they are.

mod encode;
pub mod tag;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use der::asn1::ObjectIdentifier;

pub use encode::encode;

/// Depth of structures without a stated length, and of strings in pieces, that is followed.
const MAX_DEPTH: u8 = 30;

const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x10;
const SET: u8 = 0x11;
/// The bit of an identifier octet that says "constructed".
const CONSTRUCTED: u8 = 0x20;
/// An identifier octet of the class "context-specific".
const CONTEXT: u8 = 0x80;

/// The reason why bytes are not the expected ASN.1. Offsets are in bytes from the start of what was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} at offset {offset:#x} {fault}")]
pub struct Asn1Error {
    /// The field's name in its specification.
    pub field: &'static str,
    /// Where it starts.
    pub offset: usize,
    /// The fault.
    pub fault: &'static str,
}

/// One value with its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    /// The identifier octet: class, form and number.
    pub identifier: u8,
    /// The content octets, without those that end a content of no stated length.
    pub content: &'a [u8],
    /// All octets, tag and length included.
    pub raw: &'a [u8],
    /// Offset of the first content octet.
    content_offset: usize,
    /// The name of the field that was read.
    field: &'static str,
}

impl<'a> Element<'a> {
    /// True for this number of the class "context-specific".
    #[must_use]
    pub const fn is_context(&self, number: u8) -> bool {
        self.identifier & !CONSTRUCTED == CONTEXT | number
    }

    /// True if the content is itself a sequence of values.
    #[must_use]
    pub const fn is_constructed(&self) -> bool {
        self.identifier & CONSTRUCTED != 0
    }

    /// The universal tag, of strings in one piece or in several.
    #[must_use]
    pub const fn string_tag(&self) -> u8 {
        self.identifier & !CONSTRUCTED
    }

    /// A reader of the values of a list, whatever its form.
    #[must_use]
    pub const fn list(&self) -> Reader<'a> {
        Reader {
            rest: self.content,
            offset: self.content_offset,
        }
    }

    /// The value, if OpenSSL takes it where a value of any type may be (`asn1_ex_c2i`).
    pub fn checked(self) -> Result<Self, Asn1Error> {
        let is_sound = match self.string_tag() {
            tag::BOOLEAN | tag::NULL | tag::INTEGER | tag::OBJECT_IDENTIFIER if self.is_constructed() => false,
            tag::BOOLEAN => self.content.len() == 1,
            tag::NULL => self.content.is_empty(),
            tag::INTEGER | ENUMERATED => return self.integer().map(|_| self),
            tag::OBJECT_IDENTIFIER => return self.object_identifier().map(|_| self),
            tag::BIT_STRING => return self.bit_string().map(|_| self),
            tag::BMP_STRING => self.string()?.len().is_multiple_of(2),
            tag::UNIVERSAL_STRING => self.string()?.len().is_multiple_of(4),
            SEQUENCE | SET => self.is_constructed(),
            text if text < CONTEXT >> 1 => return self.string().map(|_| self),
            _ => true,
        };
        if is_sound {
            Ok(self)
        } else {
            Err(self.error("has a form that values of its type do not have"))
        }
    }

    /// A reader of the values inside.
    pub fn inner(&self) -> Result<Reader<'a>, Asn1Error> {
        if self.is_constructed() {
            Ok(Reader {
                rest: self.content,
                offset: self.content_offset,
            })
        } else {
            Err(self.error("is not constructed"))
        }
    }

    /// The octets of a string, joined if they come in pieces.
    pub fn string(&self) -> Result<Cow<'a, [u8]>, Asn1Error> {
        if !self.is_constructed() {
            return Ok(Cow::Borrowed(self.content));
        }
        let mut joined = Vec::new();
        self.collect(&mut joined, 0)?;
        Ok(Cow::Owned(joined))
    }

    fn collect(&self, joined: &mut Vec<u8>, depth: u8) -> Result<(), Asn1Error> {
        if depth > 5 {
            return Err(self.error("is a string in too many layers"));
        }
        let mut pieces = self.inner()?;
        while !pieces.is_empty() {
            let piece = pieces.any(self.field)?;
            if piece.is_constructed() {
                piece.collect(joined, depth + 1)?;
            } else {
                joined.extend_from_slice(piece.content);
            }
        }
        Ok(())
    }

    /// The number of unused bits of a BIT STRING, and its octets, those bits cleared.
    pub fn bit_string(&self) -> Result<(u8, Vec<u8>), Asn1Error> {
        let octets = self.string()?;
        let Some((unused, bits)) = octets.split_first() else {
            return Err(self.error("is empty"));
        };
        if *unused > 7 {
            return Err(self.error("states more than 7 unused bits"));
        }
        let mut bits = bits.to_vec();
        if let Some(last) = bits.last_mut() {
            *last &= 0xff << unused;
        }
        Ok((*unused, bits))
    }

    /// The content of an INTEGER, which has no octet too many.
    pub fn integer(&self) -> Result<&'a [u8], Asn1Error> {
        match self.content {
            [] => Err(self.error("is an empty number")),
            [0, second, ..] if second & 0x80 == 0 => Err(self.error("is a number with a zero too many")),
            [0xff, second, ..] if second & 0x80 != 0 => Err(self.error("is a number with an octet too many")),
            number => Ok(number),
        }
    }

    /// The content of an OBJECT IDENTIFIER, whose last part ends.
    pub fn object_identifier(&self) -> Result<&'a [u8], Asn1Error> {
        let mut starts = true;
        for octet in self.content {
            if starts && *octet == 0x80 {
                return Err(self.error("is an object identifier with a padded part"));
            }
            starts = octet & 0x80 == 0;
        }
        if self.content.is_empty() || !starts {
            return Err(self.error("is an object identifier that does not end"));
        }
        Ok(self.content)
    }

    /// An error about this value.
    #[must_use]
    pub const fn error(&self, fault: &'static str) -> Asn1Error {
        Asn1Error {
            field: self.field,
            offset: self.content_offset,
            fault,
        }
    }

    /// The value in the Distinguished Encoding Rules as far as lengths go; sets keep their order.
    pub fn to_der(&self) -> Result<Vec<u8>, Asn1Error> {
        self.encode(self.identifier, 0)
    }

    /// As [`Self::to_der`], with this identifier octet in place of its own.
    pub fn to_der_as(&self, identifier: u8) -> Result<Vec<u8>, Asn1Error> {
        self.encode(identifier, 0)
    }

    fn encode(&self, identifier: u8, depth: u8) -> Result<Vec<u8>, Asn1Error> {
        if depth > MAX_DEPTH {
            return Err(self.error("is nested too deeply"));
        }
        if !self.is_constructed() {
            return Ok(encode(identifier, &[self.content]));
        }
        let mut inner = self.inner()?;
        let mut content = Vec::with_capacity(self.content.len());
        while !inner.is_empty() {
            let element = inner.any(self.field)?;
            content.extend(element.encode(element.identifier, depth + 1)?);
        }
        Ok(encode(identifier, &[&content]))
    }
}

/// Reads one value after the other.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first of these bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, offset: 0 }
    }

    /// True if nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Offset of the next value.
    #[must_use]
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The bytes that are left.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// The next identifier octet, without the bit of the form.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.rest.first().map(|identifier| identifier & !CONSTRUCTED)
    }

    /// True if this context-specific number comes next.
    #[must_use]
    pub fn is_context(&self, number: u8) -> bool {
        self.peek() == Some(CONTEXT | number)
    }

    /// Takes the next value, whatever it is.
    pub fn any(&mut self, field: &'static str) -> Result<Element<'a>, Asn1Error> {
        self.element(field, 0)
    }

    /// Takes the next value, which has this identifier octet.
    pub fn typed(&mut self, field: &'static str, identifier: u8) -> Result<Element<'a>, Asn1Error> {
        let start = self.offset;
        let element = self.any(field)?;
        if element.identifier == identifier {
            Ok(element)
        } else {
            Err(Asn1Error {
                field,
                offset: start,
                fault: "is of another type than it has to be",
            })
        }
    }

    /// Takes a string of this tag, in one piece or in several.
    pub fn string(&mut self, field: &'static str, tag: u8) -> Result<Element<'a>, Asn1Error> {
        let constructed = self.rest.first() == Some(&(tag | CONSTRUCTED));
        self.typed(field, if constructed { tag | CONSTRUCTED } else { tag })
    }

    /// Takes a SEQUENCE; returns a reader of its values.
    pub fn sequence(&mut self, field: &'static str) -> Result<Self, Asn1Error> {
        self.typed(field, tag::SEQUENCE)?.inner()
    }

    /// Takes a list of values of one kind, a SEQUENCE OF or a SET OF by this tag; returns a reader of its values. OpenSSL
    /// does not look at the bit that says "constructed" here.
    pub fn list(&mut self, field: &'static str, identifier: u8) -> Result<Self, Asn1Error> {
        let element = match self.rest.first() {
            Some(first) if first & !CONSTRUCTED == identifier & !CONSTRUCTED => self.any(field)?,
            _ => self.typed(field, identifier)?,
        };
        Ok(element.list())
    }

    /// Takes a SET OF, as [`Self::list`] does.
    pub fn set(&mut self, field: &'static str) -> Result<Self, Asn1Error> {
        self.list(field, tag::SET)
    }

    /// Takes an INTEGER; returns its octets, of which there is at least one.
    pub fn integer(&mut self, field: &'static str) -> Result<&'a [u8], Asn1Error> {
        self.typed(field, tag::INTEGER)?.integer()
    }

    /// Takes an OBJECT IDENTIFIER.
    pub fn oid(&mut self, field: &'static str) -> Result<ObjectIdentifier, Asn1Error> {
        let element = self.typed(field, tag::OBJECT_IDENTIFIER)?;
        ObjectIdentifier::from_bytes(element.object_identifier()?)
            .map_err(|_| element.error("is an object identifier that nobody uses"))
    }

    /// Takes a constructed context-specific value; returns a reader of what is inside.
    pub fn context(&mut self, field: &'static str, number: u8) -> Result<Self, Asn1Error> {
        self.typed(field, CONTEXT | CONSTRUCTED | number)?.inner()
    }

    /// Checks that nothing is left.
    pub fn finish(&self, field: &'static str) -> Result<(), Asn1Error> {
        if self.is_empty() {
            return Ok(());
        }
        Err(Asn1Error {
            field,
            offset: self.offset,
            fault: "goes on where it should end",
        })
    }

    fn element(&mut self, field: &'static str, depth: u8) -> Result<Element<'a>, Asn1Error> {
        let error = |fault| Asn1Error {
            field,
            offset: self.offset,
            fault,
        };
        if depth > MAX_DEPTH {
            return Err(error("is nested too deeply"));
        }
        let start = self.rest;
        let (&identifier, mut after) = start.split_first().ok_or_else(|| error("is missing"))?;
        if identifier & 0x1f == 0x1f {
            return Err(error("has a tag that nobody uses"));
        }
        if identifier == 0 {
            return Err(error("is missing"));
        }
        let cut_off = || error("is cut off");
        let (&first, rest) = after.split_first().ok_or_else(cut_off)?;
        after = rest;
        let length = match first {
            0x80 => None,
            short if short < 0x80 => Some(usize::from(short)),
            long => {
                let (octets, rest) = after.split_at_checked(usize::from(long & 0x7f)).ok_or_else(cut_off)?;
                after = rest;
                let mut significant = octets.iter().skip_while(|octet| **octet == 0);
                let number = significant.try_fold(0_usize, |number, octet| {
                    number.checked_mul(0x100)?.checked_add(usize::from(*octet))
                });
                Some(number.ok_or_else(cut_off)?)
            }
        };
        let content_offset = self.offset + (start.len() - after.len());
        let (content, rest) = match length {
            Some(length) => after.split_at_checked(length).ok_or_else(cut_off)?,
            None if identifier & CONSTRUCTED == 0 => return Err(error("is one value without a length")),
            None => {
                let mut inner = Self {
                    rest: after,
                    offset: content_offset,
                };
                loop {
                    if let Some(rest) = inner.rest.strip_prefix(&[0, 0]) {
                        let (content, _) = after.split_at(after.len() - inner.rest.len());
                        break (content, rest);
                    }
                    inner.element(field, depth + 1)?;
                }
            }
        };
        let (raw, _) = start.split_at(start.len() - rest.len());
        self.offset += raw.len();
        self.rest = rest;
        Ok(Element {
            identifier,
            content,
            raw,
            content_offset,
            field,
        })
    }
}
