//! `AlgorithmIdentifier` (RFC 5280, section 4.1.1.2).

use der::asn1::ObjectIdentifier;

use crate::formats::crypto::asn1::{Asn1Error, Reader, tag};

/// An algorithm with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Algorithm {
    /// Content octets of its identifier.
    pub kind: Vec<u8>,
    /// The parameters with tag and length, if any.
    pub parameters: Option<Vec<u8>>,
}

impl Algorithm {
    /// Reads the next value as an algorithm.
    pub fn read(reader: &mut Reader<'_>, field: &'static str) -> Result<Self, Asn1Error> {
        let mut fields = reader.sequence(field)?;
        let kind = fields.typed(field, tag::OBJECT_IDENTIFIER)?.object_identifier()?;
        let parameters = if fields.is_empty() {
            None
        } else {
            Some(fields.any(field)?.checked()?.to_der()?)
        };
        fields.finish(field)?;
        Ok(Self {
            kind: kind.to_vec(),
            parameters,
        })
    }

    /// The identifier; `None` if its numbers are larger than anybody's.
    #[must_use]
    pub fn oid(&self) -> Option<ObjectIdentifier> {
        ObjectIdentifier::from_bytes(&self.kind).ok()
    }
}
