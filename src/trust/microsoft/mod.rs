//! Microsoft's certificates, for which other people's boot loaders and Option ROMs are signed; every one is chosen or
//! left out by name. Files and licence: `src/trust/microsoft/`.

mod security_version;
mod selection;

use crate::error::{Explain, Result};
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, VariableName};
use crate::formats::firmware::signature_list::SignatureDatabase;

pub use security_version::SecurityVersion;
pub use selection::Selection;

/// One of Microsoft's certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MicrosoftCertificate {
    /// The word by which it is chosen.
    pub name: &'static str,
    /// The subject's common name.
    pub common_name: &'static str,
    /// Where it is enrolled: [`VariableName::Kek`] or [`VariableName::Db`].
    pub variable: VariableName,
    /// Whether it is enrolled unless left out by name.
    pub by_default: bool,
    /// Whether Option ROMs in the field are signed under it: without any of these a board may show no picture.
    pub option_roms: bool,
    /// The certificate.
    pub der: &'static [u8],
}

/// All of them. Those that expired stay useful, because firmware does not look at the clock.
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

/// Microsoft's list of revoked boot loaders for x86-64, an `.auth` file for an append write to dbx, signed under
/// KEK CA 2011.
pub const DBX_UPDATE_X64: &[u8] = include_bytes!("updates/DBXUpdate-x64.bin");

/// When Microsoft last added to [`DBX_UPDATE_X64`], by the `dbx_info_msft_latest.json` beside it: the file itself states
/// the same time in every version.
pub const REVOCATIONS_DATE: &str = "2026-04-09";

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

/// The security version numbers among the entries.
pub fn security_versions(lists: &SignatureDatabase) -> impl Iterator<Item = SecurityVersion> {
    lists
        .entries()
        .filter_map(|(kind, entry)| SecurityVersion::of(kind, entry))
}

/// The entries of [`DBX_UPDATE_X64`].
pub fn revocations() -> Result<SignatureDatabase> {
    let cannot = || "cannot read Microsoft's revocations".to_owned();
    let update = AuthenticatedVariable::parse(DBX_UPDATE_X64).or_bug(cannot)?;
    SignatureDatabase::parse(&update.payload).or_bug(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::crypto::certificate::Certificate;
    use crate::formats::crypto::hash::HashAlgorithm;
    use crate::formats::firmware::guid::Guid;
    use crate::formats::firmware::signature_list::SignatureDatabase;

    #[test]
    fn names_are_those_of_the_certificates() {
        for known in &CERTIFICATES {
            let certificate = Certificate::from_der(known.der).unwrap();
            assert_eq!(certificate.common_name(), known.common_name);
            assert_eq!(find(certificate.as_der()), Some(known));
        }
    }

    /// SHA-256 and size of the signature list of each certificate, and of the revocations.
    const GOLDEN: &str = include_str!("GOLDEN-ESL.txt");

    #[test]
    fn signature_lists_are_those_that_microsoft_signs() {
        let golden = |what: &str| {
            let mut lines = GOLDEN.lines().filter(|line| !line.starts_with('#'));
            let line = lines.find(|line| line.contains(what)).unwrap();
            let mut words = line.split(' ');
            let digest = words.next().unwrap().to_owned();
            (digest, words.next().unwrap().parse::<usize>().unwrap())
        };
        let measured = |lists: &SignatureDatabase| {
            let bytes = lists.to_bytes();
            (HashAlgorithm::Sha256.digest(&[&bytes]).to_hex(), bytes.len())
        };
        for known in &CERTIFICATES {
            let mut lists = SignatureDatabase::default();
            lists.add_certificate(Guid::MICROSOFT, known.der);
            let file = format!("{}.der", known.common_name.to_lowercase().replace(' ', "-"));
            assert_eq!(measured(&lists), golden(&file), "{file}");
        }
        let update = AuthenticatedVariable::parse(DBX_UPDATE_X64).unwrap();
        let revoked = SignatureDatabase::parse(&update.payload).unwrap();
        assert_eq!(measured(&revoked), golden("DBXUpdate-x64.bin"));
        assert_eq!(revoked.entries().count(), 443);
        // What is merged twice is there once, and in the same order as it came.
        let mut merged = SignatureDatabase::default();
        assert_eq!((merged.merge(&revoked), merged.merge(&revoked)), (443, 0));
        assert_eq!(merged, revoked);
    }
}
