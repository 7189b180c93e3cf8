//! Microsoft's certificates, for which other people's boot loaders and Option ROMs are signed; every one is chosen or
//! left out by name. Files and licence: `src/trust/microsoft/`.

mod certificates;
mod optional;
mod security_version;
mod selection;
mod since_2026;

use crate::error::{Explain, Result};
use crate::formats::firmware::authenticated_variable::AuthenticatedVariable;
use crate::formats::firmware::signature_list::SignatureDatabase;

pub use certificates::{CERTIFICATES, MicrosoftCertificate, find, successor};
pub use optional::is_optional;
pub use security_version::SecurityVersion;
pub use selection::Selection;
pub use since_2026::Since2026;

/// Microsoft's list of revoked boot loaders for x86-64, an `.auth` file for an append write to dbx, signed under
/// KEK CA 2011.
pub const DBX_UPDATE_X64: &[u8] = include_bytes!("updates/DBXUpdate-x64.bin");

/// The date of Microsoft's last addition to [`DBX_UPDATE_X64`], by the `dbx_info_msft_latest.json` beside it: the file
/// itself states the same time in every version.
pub const REVOCATIONS_DATE: &str = "2026-04-09";

/// The security version numbers among the entries.
pub fn security_versions(lists: &SignatureDatabase) -> impl Iterator<Item = SecurityVersion> {
    lists
        .entries()
        .filter_map(|(kind, entry)| SecurityVersion::from_entry(kind, entry))
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
