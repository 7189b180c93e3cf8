//! `SpcIndirectDataContent`, the content of an Authenticode signature (Authenticode, "Signed Data Content").

use der::asn1::ObjectIdentifier;

use crate::formats::crypto::hash::Digest;

/// `SPC_INDIRECT_DATA_OBJID`, the content type of an Authenticode signature.
pub const INDIRECT_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");

/// DER of the `SpcAttributeTypeAndOptionalValue` of a PE image, byte for byte that of sbsign: no flags, and as file
/// the Unicode string `<<<Obsolete>>>`.
const PE_IMAGE: [u8; 53] = *b"\x30\x33\
    \x06\x0a\x2b\x06\x01\x04\x01\x82\x37\x02\x01\x0f\
    \x30\x25\x03\x01\x00\xa0\x20\xa2\x1e\x80\x1c\
    \0<\0<\0<\0O\0b\0s\0o\0l\0e\0t\0e\0>\0>\0>";

/// Content octets of the `SpcIndirectDataContent` for an image with this digest; the CMS hashes exactly these.
pub(super) fn encode(digest: &Digest) -> Vec<u8> {
    let mut content = PE_IMAGE.to_vec();
    content.extend_from_slice(&digest.algorithm().digest_info_prefix());
    content.extend_from_slice(digest.as_bytes());
    content
}
