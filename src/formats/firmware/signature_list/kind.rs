//! The types of the entries of a signature list.

use std::fmt;

use crate::formats::firmware::guid::Guid;

/// The type of a list's entries (UEFI 2.10, section 32.4.1); sizes are those of an entry's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// A DER certificate.
    X509,
    /// SHA-256 of an EFI image: 32 bytes.
    Sha256,
    /// SHA-384 of an EFI image: 48 bytes.
    Sha384,
    /// SHA-512 of an EFI image: 64 bytes.
    Sha512,
    /// SHA-1 of an EFI image: 20 bytes.
    Sha1,
    /// SHA-224 of an EFI image: 28 bytes.
    Sha224,
    /// Modulus of an RSA-2048 key, big-endian, exponent 65537: 256 bytes.
    Rsa2048,
    /// RSA-2048 signature over a SHA-256 digest: 256 bytes.
    Rsa2048Sha256,
    /// RSA-2048 signature over a SHA-1 digest: 256 bytes.
    Rsa2048Sha1,
    /// SHA-256 of a certificate's to-be-signed part and the time of its revocation: 48 bytes.
    X509Sha256,
    /// SHA-384 of a certificate's to-be-signed part and the time of its revocation: 64 bytes.
    X509Sha384,
    /// SHA-512 of a certificate's to-be-signed part and the time of its revocation: 80 bytes.
    X509Sha512,
    /// The variable is managed outside the firmware: 1 byte, zero.
    ExternalManagement,
    /// Any other; its lists are kept byte for byte.
    Unknown(Guid),
}

const fn guid(a: u32, b: u16, c: u16, d: u64) -> Guid {
    Guid::from_fields(a, b, c, d.to_be_bytes())
}

impl SignatureType {
    /// The types of the specification.
    const KNOWN: [Self; 13] = [
        Self::X509,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Sha1,
        Self::Sha224,
        Self::Rsa2048,
        Self::Rsa2048Sha256,
        Self::Rsa2048Sha1,
        Self::X509Sha256,
        Self::X509Sha384,
        Self::X509Sha512,
        Self::ExternalManagement,
    ];

    /// The type with this GUID.
    #[must_use]
    pub fn from_guid(guid: Guid) -> Self {
        let known = Self::KNOWN.into_iter().find(|kind| kind.guid() == guid);
        known.unwrap_or(Self::Unknown(guid))
    }

    /// The GUID that stands for it.
    #[must_use]
    pub const fn guid(self) -> Guid {
        match self {
            Self::X509 => guid(0xa5c0_59a1, 0x94e4, 0x4aa7, 0x87b5_ab15_5c2b_f072),
            Self::Sha256 => guid(0xc1c4_1626, 0x504c, 0x4092, 0xaca9_41f9_3693_4328),
            Self::Sha384 => guid(0xff3e_5307, 0x9fd0, 0x48c9, 0x85f1_8ad5_6c70_1e01),
            Self::Sha512 => guid(0x093e_0fae, 0xa6c4, 0x4f50, 0x9f1b_d41e_2b89_c19a),
            Self::Sha1 => guid(0x826c_a512, 0xcf10, 0x4ac9, 0xb187_be01_4966_31bd),
            Self::Sha224 => guid(0x0b6e_5233, 0xa65c, 0x44c9, 0x9407_d9ab_83bf_c8bd),
            Self::Rsa2048 => guid(0x3c57_66e8, 0x269c, 0x4e34, 0xaa14_ed77_6e85_b3b6),
            Self::Rsa2048Sha256 => guid(0xe2b3_6190, 0x879b, 0x4a3d, 0xad8d_f2e7_bba3_2784),
            Self::Rsa2048Sha1 => guid(0x67f8_444f, 0x8743, 0x48f1, 0xa328_1eaa_b873_6080),
            Self::X509Sha256 => guid(0x3bd2_a492, 0x96c0, 0x4079, 0xb420_fcf9_8ef1_03ed),
            Self::X509Sha384 => guid(0x7076_876e, 0x80c2, 0x4ee6, 0xaad2_28b3_49a6_865b),
            Self::X509Sha512 => guid(0x446d_bf63, 0x2502, 0x4cda, 0xbcfa_2465_d2b0_fe9d),
            Self::ExternalManagement => guid(0x452e_8ced, 0xdfff, 0x4b8c, 0xae01_5118_862e_682c),
            Self::Unknown(guid) => guid,
        }
    }
}

impl fmt::Display for SignatureType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X509 => "x509",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa2048Sha256 => "rsa2048_sha256",
            Self::Rsa2048Sha1 => "rsa2048_sha1",
            Self::X509Sha256 => "x509_sha256",
            Self::X509Sha384 => "x509_sha384",
            Self::X509Sha512 => "x509_sha512",
            Self::ExternalManagement => "external_management",
            Self::Unknown(guid) => return guid.fmt(f),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guids_lead_back_to_their_types() {
        for kind in SignatureType::KNOWN {
            assert_eq!(SignatureType::from_guid(kind.guid()), kind);
        }
        assert_eq!(
            SignatureType::X509.guid().to_string(),
            "a5c059a1-94e4-4aa7-87b5-ab155c2bf072"
        );
        assert_eq!(SignatureType::Unknown(Guid::GLOBAL).guid(), Guid::GLOBAL);
    }
}
