//! OpenPGP packet headers (RFC 4880, section 4.2), read as strictly as GRUB does.

use crate::formats::bytes::{Reader, Truncated, index};

/// Tag of a signature packet.
pub(super) const SIGNATURE: u8 = 2;
/// Tag of a primary public key packet.
pub(super) const PUBLIC_KEY: u8 = 6;
/// Tag of a public subkey packet.
pub(super) const PUBLIC_SUBKEY: u8 = 14;
/// Tag of a user ID packet.
pub(super) const USER_ID: u8 = 13;

/// Why the first packet of a file cannot be read by GRUB.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// Text armor in place of binary packets.
    #[error("the file is ASCII-armored; GRUB reads binary packets only")]
    Armored,
    /// The first byte starts no packet.
    #[error("byte {0:#04x} at offset 0x0 starts no OpenPGP packet")]
    NoPacket(u8),
    /// Another packet than the expected one comes first.
    #[error("the first packet has tag {found}, not {wanted}")]
    Tag {
        /// The tag found.
        found: u8,
        /// The tag wanted.
        wanted: u8,
    },
    /// A new-format length of two octets, which GRUB misreads.
    #[error("the packet's length at offset 0x1 is in the new format with two octets, which GRUB misreads")]
    TwoOctetLength,
    /// A partial or indeterminate length.
    #[error("the packet at offset 0x0 has a partial or indeterminate length")]
    OpenLength,
    /// A body that is longer than the four octets of a length can say.
    #[error("a packet of {0} bytes is too long for OpenPGP")]
    TooLong(usize),
    /// The packet reaches past the end of the file.
    #[error(transparent)]
    Truncated(#[from] Truncated),
}

/// Takes the first packet, which must have this tag; returns its body.
pub(super) fn first(bytes: &[u8], wanted: u8) -> Result<&[u8], PacketError> {
    if bytes.starts_with(b"-----BEGIN") {
        return Err(PacketError::Armored);
    }
    let mut reader = Reader::new(bytes);
    let (found, length) = header(&mut reader)?;
    if found != wanted {
        return Err(PacketError::Tag { found, wanted });
    }
    Ok(reader.take("packet body", length)?)
}

/// Takes a packet's header; returns its tag and the length of its body, in bytes.
pub(super) fn header(reader: &mut Reader<'_>) -> Result<(u8, usize), PacketError> {
    let header = reader.u8("packet header")?;
    if header & 0x80 == 0 {
        return Err(PacketError::NoPacket(header));
    }
    let new_format = header & 0x40 != 0;
    let tag = if new_format {
        header & 0x3f
    } else {
        (header >> 2) & 0x0f
    };
    let field = "packet length";
    let length = match (new_format, header & 0x03) {
        (false, 0) => usize::from(reader.u8(field)?),
        (false, 1) => usize::from(u16::from_be_bytes(reader.array(field)?)),
        (false, 2) => index(u32::from_be_bytes(reader.array(field)?)),
        (false, _) => return Err(PacketError::OpenLength),
        (true, _) => match reader.u8(field)? {
            short @ 0..192 => usize::from(short),
            192..224 => return Err(PacketError::TwoOctetLength),
            255 => index(u32::from_be_bytes(reader.array(field)?)),
            224..255 => return Err(PacketError::OpenLength),
        },
    };
    Ok((tag, length))
}

/// A packet with an old-format header, which every reader understands. `tag` is below 16.
pub(super) fn write(tag: u8, body: &[u8]) -> Result<Vec<u8>, PacketError> {
    let header = if let Ok(length) = u8::try_from(body.len()) {
        vec![0x80 | tag << 2, length]
    } else if let Ok(length) = u16::try_from(body.len()) {
        let [high, low] = length.to_be_bytes();
        vec![0x81 | tag << 2, high, low]
    } else {
        let length = u32::try_from(body.len()).map_err(|_| PacketError::TooLong(body.len()))?;
        let [a, b, c, d] = length.to_be_bytes();
        vec![0x82 | tag << 2, a, b, c, d]
    };
    Ok([header.as_slice(), body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for length in [0, 1, 191, 192, 255, 256, 8383, 8384, 65535, 65536] {
            let body = vec![7; length];
            assert_eq!(first(&write(SIGNATURE, &body).unwrap(), SIGNATURE), Ok(&body[..]));
        }
    }

    #[test]
    fn headers_that_grub_misreads_are_refused() {
        let refused = |bytes: &[u8]| first(bytes, SIGNATURE).unwrap_err();
        assert_eq!(refused(b"-----BEGIN PGP SIGNATURE-----"), PacketError::Armored);
        assert_eq!(refused(&[0, 0x88, 1, 2]), PacketError::NoPacket(0));
        assert_eq!(refused(&[0xc2, 0xc0, 0x00]), PacketError::TwoOctetLength);
        assert_eq!(refused(&[0xc2, 0xe1, 0x00]), PacketError::OpenLength);
        assert_eq!(refused(&[0x8b, 0x00]), PacketError::OpenLength);
        assert_eq!(refused(&[0x99, 0, 0]), PacketError::Tag { found: 6, wanted: 2 });
        assert!(matches!(refused(&[0x88, 5, 1]), PacketError::Truncated(_)));
        assert_eq!(first(&[0xc2, 0xff, 0, 0, 0, 1, 9], SIGNATURE), Ok(&[9][..]));
    }
}
