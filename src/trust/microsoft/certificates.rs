//! Microsoft's certificates, by the words that choose them.

use crate::formats::firmware::authenticated_variable::VariableName;

/// A certificate of Microsoft's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MicrosoftCertificate {
    /// The word by which it is chosen.
    pub name: &'static str,
    /// The subject's common name.
    pub common_name: &'static str,
    /// The variable in which it is enrolled: [`VariableName::Kek`] or [`VariableName::Db`].
    pub variable: VariableName,
    /// True if it is enrolled unless it is left out by name.
    pub by_default: bool,
    /// True if Option ROMs in the field are signed under it: without any of these a board may show no picture.
    pub option_roms: bool,
    /// The certificate.
    pub der: &'static [u8],
}

/// Microsoft's certificates. Those that expired stay useful, because firmware does not look at the clock.
pub const CERTIFICATES: [MicrosoftCertificate; 7] = [
    MicrosoftCertificate {
        name: "kek-2023",
        common_name: "Microsoft Corporation KEK 2K CA 2023",
        variable: VariableName::Kek,
        by_default: true,
        option_roms: false,
        der: include_bytes!("KEK/microsoft-corporation-kek-2k-ca-2023.der"),
    },
    MicrosoftCertificate {
        name: "kek-2011",
        common_name: "Microsoft Corporation KEK CA 2011",
        variable: VariableName::Kek,
        by_default: false,
        option_roms: false,
        der: include_bytes!("KEK/microsoft-corporation-kek-ca-2011.der"),
    },
    MicrosoftCertificate {
        name: "uefi-2023",
        common_name: "Microsoft UEFI CA 2023",
        variable: VariableName::Db,
        by_default: true,
        option_roms: false,
        der: include_bytes!("DB/microsoft-uefi-ca-2023.der"),
    },
    MicrosoftCertificate {
        name: "option-rom-2023",
        common_name: "Microsoft Option ROM UEFI CA 2023",
        variable: VariableName::Db,
        by_default: true,
        option_roms: true,
        der: include_bytes!("DB/microsoft-option-rom-uefi-ca-2023.der"),
    },
    MicrosoftCertificate {
        name: "uefi-2011",
        common_name: "Microsoft Corporation UEFI CA 2011",
        variable: VariableName::Db,
        by_default: true,
        option_roms: true,
        der: include_bytes!("DB/microsoft-corporation-uefi-ca-2011.der"),
    },
    MicrosoftCertificate {
        name: "windows-2023",
        common_name: "Windows UEFI CA 2023",
        variable: VariableName::Db,
        by_default: false,
        option_roms: false,
        der: include_bytes!("DB/windows-uefi-ca-2023.der"),
    },
    MicrosoftCertificate {
        name: "windows-2011",
        common_name: "Microsoft Windows Production PCA 2011",
        variable: VariableName::Db,
        by_default: false,
        option_roms: false,
        der: include_bytes!("DB/microsoft-windows-production-pca-2011.der"),
    },
];

/// The certificate with exactly these bytes, if it is one of Microsoft's.
#[must_use]
pub fn find(der: &[u8]) -> Option<&'static MicrosoftCertificate> {
    CERTIFICATES.iter().find(|known| known.der == der)
}

/// The certificate of 2023 that takes over from one of 2011.
#[must_use]
pub fn successor(certificate: &MicrosoftCertificate) -> Option<&'static MicrosoftCertificate> {
    let name = certificate.name.strip_suffix("-2011")?;
    let is_next = |other: &&MicrosoftCertificate| other.name.strip_suffix("-2023") == Some(name);
    CERTIFICATES.iter().find(is_next)
}
