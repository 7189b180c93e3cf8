//! EFI GUIDs (UEFI 2.10, appendix A): the first three fields little-endian, the rest as written.

use std::fmt;
use std::str::FromStr;

/// An EFI GUID in its 16-byte binary form.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Guid([u8; 16]);

/// A text that is not a GUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a GUID of the form 01234567-89ab-cdef-0123-456789abcdef")]
pub struct InvalidGuid(String);

impl Guid {
    /// Vendor of PK, KEK, SecureBoot, SetupMode and Boot####.
    pub const GLOBAL: Self = Self::from_fields(
        0x8be4_df61,
        0x93ca,
        0x11d2,
        [0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c],
    );
    /// Vendor of db, dbx and dbt.
    pub const IMAGE_SECURITY_DATABASE: Self = Self::from_fields(
        0xd719_b2cb,
        0x3d3a,
        0x4596,
        [0xa3, 0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f],
    );
    /// Microsoft's signature owner.
    pub const MICROSOFT: Self = Self::from_fields(
        0x77fa_9abd,
        0x0359,
        0x4d32,
        [0xbd, 0x60, 0x28, 0xf4, 0xe7, 0x8f, 0x78, 0x4b],
    );

    /// Builds a GUID from the fields in which specifications write it.
    #[must_use]
    pub const fn from_fields(a: u32, b: u16, c: u16, d: [u8; 8]) -> Self {
        let [a0, a1, a2, a3] = a.to_le_bytes();
        let [b0, b1] = b.to_le_bytes();
        let [c0, c1] = c.to_le_bytes();
        let [d0, d1, d2, d3, d4, d5, d6, d7] = d;
        Self([a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, d2, d3, d4, d5, d6, d7])
    }

    /// A random (version 4) GUID from 16 random bytes.
    #[must_use]
    pub const fn from_random(mut bytes: [u8; 16]) -> Self {
        // In the binary form the version stands in byte 7, the variant in byte 8.
        let [.., _, version, variant, _, _, _, _, _, _, _] = &mut bytes;
        *version = (*version & 0x0f) | 0x40;
        *variant = (*variant & 0x3f) | 0x80;
        Self(bytes)
    }

    /// From the binary form.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The binary form.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a0, a1, a2, a3, b0, b1, c0, c1, d0, d1, tail @ ..] = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{d0:02x}{d1:02x}-{}",
            u32::from_le_bytes([a0, a1, a2, a3]),
            u16::from_le_bytes([b0, b1]),
            u16::from_le_bytes([c0, c1]),
            hex::encode(tail),
        )
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Guid {
    type Err = InvalidGuid;

    fn from_str(text: &str) -> Result<Self, InvalidGuid> {
        let invalid = || InvalidGuid(text.to_owned());
        let groups: Vec<&str> = text.split('-').collect();
        if groups.iter().map(|group| group.len()).ne([8, 4, 4, 4, 12]) {
            return Err(invalid());
        }
        let mut bytes = [0; 16];
        hex::decode_to_slice(groups.concat(), &mut bytes).map_err(|_| invalid())?;
        let [a0, a1, a2, a3, b0, b1, c0, c1, d @ ..] = bytes;
        Ok(Self::from_fields(
            u32::from_be_bytes([a0, a1, a2, a3]),
            u16::from_be_bytes([b0, b1]),
            u16::from_be_bytes([c0, c1]),
            d,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_binary_forms_agree_with_the_specification() {
        let text = "d719b2cb-3d3a-4596-a3bc-dad00e67656f";
        assert_eq!(Guid::IMAGE_SECURITY_DATABASE.to_string(), text);
        assert_eq!(text.parse(), Ok(Guid::IMAGE_SECURITY_DATABASE));
        assert_eq!(Guid::IMAGE_SECURITY_DATABASE.as_bytes()[..4], [0xcb, 0xb2, 0x19, 0xd7]);
    }

    #[test]
    fn what_is_no_guid_is_refused() {
        for text in [
            "",
            "d719b2cb",
            "d719b2cb-3d3a-4596-a3bcd-ad00e67656f",
            "g719b2cb-3d3a-4596-a3bc-dad00e67656f",
            "é719b2c-3d3a-4596-a3bc-dad00e67656f",
        ] {
            assert!(text.parse::<Guid>().is_err(), "{text}");
        }
    }

    #[test]
    fn random_guids_are_version_4() {
        let text = Guid::from_random([0xff; 16]).to_string();
        assert_eq!(text, "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
