//! Names (X.501), kept as their bytes, and compared as OpenSSL compares them (`X509_NAME_cmp`): neither the type of a
//! string counts, nor capital letters, nor white space, nor the order within a part of several values.

use crate::formats::crypto::asn1::{self, Asn1Error, Element, Reader, tag};

/// `commonName`, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// `emailAddress` of PKCS #9, 1.2.840.113549.1.9.1.
const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];

/// One attribute of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Content octets of its type.
    pub kind: Vec<u8>,
    /// Tag of the value.
    pub tag: u8,
    /// Content octets of the value.
    pub value: Vec<u8>,
}

impl Attribute {
    /// The value as text, as far as it is text.
    #[must_use]
    pub fn text(&self) -> String {
        text(self.tag, &self.value).unwrap_or_else(|| hex::encode(&self.value))
    }
}

/// A name.
#[derive(Debug, Clone)]
pub struct Name {
    der: Vec<u8>,
    canonical: Vec<u8>,
    attributes: Vec<Attribute>,
}

impl PartialEq for Name {
    /// Equal as OpenSSL compares.
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Name {
    /// Reads the next value as a name.
    pub fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, Asn1Error> {
        let mut parts = reader.clone().list(field, tag::SEQUENCE)?;
        let whole = reader.any(field)?;
        let mut name = Self {
            der: whole.raw.to_vec(),
            canonical: Vec::new(),
            attributes: Vec::new(),
        };
        while !parts.is_empty() {
            let mut values = parts.set(field)?;
            let mut canonical = Vec::new();
            while !values.is_empty() {
                let mut pair = values.sequence(field)?;
                let kind = pair.typed(field, tag::OBJECT_IDENTIFIER)?;
                let value = pair.any(field)?.checked()?;
                pair.finish(field)?;
                let attribute = Attribute {
                    kind: kind.object_identifier()?.to_vec(),
                    tag: value.string_tag(),
                    value: content(&value)?,
                };
                canonical.push(canonical_attribute(&attribute, &value)?);
                name.attributes.push(attribute);
            }
            // The order of a SET OF (X.690, section 11.6).
            canonical.sort();
            let values: Vec<&[u8]> = canonical.iter().map(Vec::as_slice).collect();
            name.canonical.extend(asn1::encode(tag::SET, &values));
        }
        Ok(name)
    }

    /// The bytes as they are in the certificate.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }

    /// The attributes, in order.
    #[must_use]
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// True if the first parts of this name are those of `base`.
    #[must_use]
    pub fn is_below(&self, base: &Self) -> bool {
        self.canonical.starts_with(&base.canonical)
    }

    /// The first common name.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        self.common_names().next()
    }

    /// Every common name.
    pub fn common_names(&self) -> impl Iterator<Item = String> {
        self.of_kind(COMMON_NAME).map(Attribute::text)
    }

    /// Every address of electronic mail.
    pub fn email_addresses(&self) -> impl Iterator<Item = &Attribute> {
        self.of_kind(EMAIL_ADDRESS)
    }

    fn of_kind(&self, kind: &'static [u8]) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().filter(move |attribute| attribute.kind == kind)
    }

    /// The name on one line, in the form of RFC 4514 where it is one of that standard.
    #[must_use]
    pub fn to_line(&self) -> String {
        use der::Decode;
        x509_cert::name::Name::from_der(&self.der).map_or_else(
            |_| {
                let parts = self.attributes.iter().rev().map(|attribute| {
                    let kind = der::asn1::ObjectIdentifier::from_bytes(&attribute.kind);
                    let kind = match attribute.kind.as_slice() {
                        COMMON_NAME => "CN".to_owned(),
                        other => kind.map_or_else(|_| hex::encode(other), |kind| kind.to_string()),
                    };
                    format!("{kind}={}", attribute.text())
                });
                parts.collect::<Vec<_>>().join(",")
            },
            |name| name.to_string(),
        )
    }
}

fn content(value: &Element<'_>) -> Result<Vec<u8>, Asn1Error> {
    // The types that OpenSSL takes in a name (`B_ASN1_PRINTABLE`).
    const TAKEN: [u8; 16] = [
        tag::BIT_STRING,
        7,
        8,
        9,
        11,
        tag::UTF8_STRING,
        13,
        14,
        15,
        0x12,
        tag::PRINTABLE_STRING,
        tag::TELETEX_STRING,
        tag::IA5_STRING,
        tag::UNIVERSAL_STRING,
        29,
        tag::BMP_STRING,
    ];
    if value.identifier == tag::SEQUENCE {
        return Ok(value.raw.to_vec());
    }
    if !TAKEN.contains(&value.string_tag()) {
        return Err(value.error("is a name with a value of a type that no name has"));
    }
    if value.string_tag() == tag::BIT_STRING {
        return Ok(value.bit_string()?.1);
    }
    Ok(value.string()?.into_owned())
}

/// The form in which attributes are compared (`asn1_string_canon`).
fn canonical_attribute(attribute: &Attribute, value: &Element<'_>) -> Result<Vec<u8>, Asn1Error> {
    let kind = asn1::encode(tag::OBJECT_IDENTIFIER, &[&attribute.kind]);
    let canonical = if is_text(attribute.tag) {
        let text = text(attribute.tag, &attribute.value).ok_or_else(|| value.error("is a name that is no text"))?;
        let mut folded = String::new();
        // White space and capital letters are those of ASCII.
        let is_space = |character: char| matches!(character, '\t'..='\r' | ' ');
        for word in text.split(is_space).filter(|word| !word.is_empty()) {
            if !folded.is_empty() {
                folded.push(' ');
            }
            folded.push_str(&word.to_ascii_lowercase());
        }
        asn1::encode(tag::UTF8_STRING, &[folded.as_bytes()])
    } else {
        value.to_der()?
    };
    Ok(asn1::encode(tag::SEQUENCE, &[&kind, &canonical]))
}

const fn is_text(kind: u8) -> bool {
    matches!(
        kind,
        tag::UTF8_STRING
            | tag::PRINTABLE_STRING
            | tag::TELETEX_STRING
            | tag::IA5_STRING
            | tag::UNIVERSAL_STRING
            | tag::BMP_STRING
    )
}

/// The text of a string; `None` if it is none.
fn text(kind: u8, octets: &[u8]) -> Option<String> {
    match kind {
        tag::UTF8_STRING => String::from_utf8(octets.to_vec()).ok(),
        tag::BMP_STRING => wide::<2>(octets),
        tag::UNIVERSAL_STRING => wide::<4>(octets),
        // Numeric and printable strings, IA5, and T61, which OpenSSL takes for Latin-1.
        0x12 | tag::PRINTABLE_STRING | tag::TELETEX_STRING | tag::IA5_STRING => {
            Some(octets.iter().copied().map(char::from).collect())
        }
        _ => None,
    }
}

fn wide<const WIDTH: usize>(octets: &[u8]) -> Option<String> {
    let (characters, rest) = octets.as_chunks::<WIDTH>();
    if !rest.is_empty() {
        return None;
    }
    let number = |octets: &[u8; WIDTH]| {
        octets
            .iter()
            .fold(0_u32, |number, octet| (number << 8) | u32::from(*octet))
    };
    characters.iter().map(|octets| char::from_u32(number(octets))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name of one part with these values, each a tag and content.
    fn name(values: &[(u8, &[u8])]) -> Name {
        let values = values.iter().map(|(tag, value)| {
            let kind = asn1::encode(tag::OBJECT_IDENTIFIER, &[COMMON_NAME]);
            asn1::encode(tag::SEQUENCE, &[&kind, &asn1::encode(*tag, &[value])])
        });
        let set = asn1::encode(tag::SET, &[&values.collect::<Vec<_>>().concat()]);
        let der = asn1::encode(tag::SEQUENCE, &[&set]);
        Name::read(&mut Reader::new(&der), "name").unwrap()
    }

    #[test]
    fn names_are_compared_as_openssl_does() {
        let utf8 = name(&[(tag::UTF8_STRING, b"Test  CA")]);
        for same in [
            (tag::PRINTABLE_STRING, &b" test ca "[..]),
            (tag::BMP_STRING, b"\0T\0e\0s\0t\0 \0C\0A"),
            (tag::TELETEX_STRING, b"TEST\tCA"),
            (
                tag::UNIVERSAL_STRING,
                b"\0\0\0t\0\0\0e\0\0\0s\0\0\0t\0\0\0 \0\0\0c\0\0\0a",
            ),
        ] {
            assert_eq!(utf8, name(&[same]));
        }
        assert_ne!(utf8, name(&[(tag::UTF8_STRING, b"TestCA")]));
        // Numeric strings are compared with their type.
        assert_ne!(name(&[(0x12, b"12")]), name(&[(tag::UTF8_STRING, b"12")]));
        let (one, other) = ((tag::UTF8_STRING, &b"one"[..]), (tag::UTF8_STRING, &b"other"[..]));
        let (forth, back) = (name(&[one, other]), name(&[other, one]));
        assert_eq!(forth, back);
        assert_ne!(forth.as_der(), back.as_der());
        assert_eq!(back.common_name().as_deref(), Some("other"));
    }
}
