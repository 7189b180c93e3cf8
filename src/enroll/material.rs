//! Entries that can be added to KEK, db or dbx: named by a word if they are built in, or by a file, whose content tells
//! its kind.

use std::path::Path;

use crate::error::{Error, Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, VariableName};
use crate::formats::firmware::authenticode::Image;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};
use crate::formats::text::{Shown, printable};
use crate::system;
use crate::trust::variable::recognise;
use crate::trust::{microsoft, read_database};

/// The word for Microsoft's list of revoked boot loaders that is built in.
const MICROSOFT: &str = "microsoft";
/// The beginning of PEM.
const PEM: &[u8] = b"-----BEGIN";
/// The beginning of a PE image.
const PE: &[u8] = b"MZ";

/// The entries that `named`, a word or a path, stands for. Their owners are those that a list names, else `owner`. In db
/// the hash of an image counts for more than its signature, so `hashes` has to ask for it.
pub fn material(variable: VariableName, named: &str, owner: Guid, hashes: bool) -> Result<SignatureDatabase> {
    if variable == VariableName::Pk {
        return Err(Error::usage("PK holds one certificate, to which none can be added")
            .hint("to put another in its place: bootseal enroll rotate NEW-KEYS"));
    }
    let mut entries = SignatureDatabase::default();
    let known = microsoft::CERTIFICATES.iter().find(|known| known.name == named);
    if let Some(known) = known.filter(|known| known.variable == variable) {
        entries.add_certificate(Guid::MICROSOFT, known.der);
        return Ok(entries);
    }
    if variable == VariableName::Dbx && named == MICROSOFT {
        let update = AuthenticatedVariable::parse(microsoft::DBX_UPDATE_X64);
        let update = update.or_bug(|| "Microsoft's revocation list is malformed".to_owned())?;
        return SignatureDatabase::parse(&update.payload)
            .or_bug(|| "Microsoft's revocation list is malformed".to_owned());
    }
    let path = Path::new(named);
    let bytes = system::read(path).map_err(|error| error.hint(choices(variable)))?;
    let cannot = || format!("cannot use {}", path.shown());
    if bytes.starts_with(PE) {
        if variable != VariableName::Dbx && !hashes {
            return Err(Error::usage(format!(
                "{} is an EFI image; its hash in {variable} would let the firmware start this one image, signed or not",
                path.shown()
            ))
            .hint("if that is meant, add --hash; to sign it instead: bootseal sign efi FILE"));
        }
        let image = Image::parse(&bytes).or_refuse(cannot)?;
        let digest = image.unpadded_digest(HashAlgorithm::Sha256);
        entries.add(SignatureType::Sha256, owner, digest.as_bytes());
        return Ok(entries);
    }
    let certificate = if bytes.starts_with(PEM) {
        Some(Certificate::from_pem(&bytes).or_refuse(cannot)?)
    } else {
        Certificate::from_der(&bytes).ok()
    };
    if let Some(certificate) = certificate {
        check_dates(variable, &certificate, path)?;
        let is_microsofts = microsoft::find(certificate.as_der()).is_some();
        let owner = if is_microsofts { Guid::MICROSOFT } else { owner };
        entries.add_certificate(owner, certificate.as_der());
        return Ok(entries);
    }
    let lists = read_database(&bytes)
        .or_refuse(|| {
            format!(
                "{} is no certificate, signature list, signed update or EFI image",
                path.shown()
            )
        })
        .map_err(|error| error.hint(choices(variable)))?;
    if lists.is_empty() {
        return Err(Error::refused(format!("{} holds no entry", path.shown())));
    }
    for certificate in lists
        .certificates()
        .filter_map(|(_, der)| Certificate::from_der(der).ok())
    {
        check_dates(variable, &certificate, path)?;
    }
    if let Ok(update) = AuthenticatedVariable::parse(&bytes) {
        check_purpose(variable, &update, path)?;
    }
    let lets_in_images = lists.entries().any(|(kind, _)| kind != SignatureType::X509);
    if variable != VariableName::Dbx && lets_in_images && !hashes {
        return Err(Error::usage(format!(
            "{} lists hashes; in {variable} they would let the firmware start these images, signed or not",
            path.shown()
        ))
        .hint("if that is meant, add --hash; revocations go into dbx"));
    }
    Ok(lists)
}

/// Refuses what is to be trusted and only older firmware reads. What is revoked may be anything.
fn check_dates(variable: VariableName, certificate: &Certificate, path: &Path) -> Result<()> {
    if variable == VariableName::Dbx || !certificate.has_short_date() {
        return Ok(());
    }
    let name = printable(&certificate.common_name());
    Err(Error::refused(format!(
        "{}: \"{name}\" has a date without seconds, which newer firmware does not read (EDK2 with OpenSSL 3.3 or later): it would \
         refuse all that this certificate signed",
        path.shown()
    ))
    .hint("have it issued again, with dates as RFC 5280 has them (YYMMDDHHMMSSZ)"))
}

/// Refuses a signed update for another variable: revocations in db would admit the very images that they revoke.
fn check_purpose(variable: VariableName, update: &AuthenticatedVariable, path: &Path) -> Result<()> {
    let signed = recognise(update).or_refuse(|| format!("cannot use {}", path.shown()))?;
    if signed.variable == variable {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{} is signed for {}, not for {variable}",
        path.shown(),
        signed.variable
    )))
}

fn choices(variable: VariableName) -> String {
    let words: Vec<&str> = match variable {
        VariableName::Dbx => vec![MICROSOFT],
        _ => microsoft::CERTIFICATES
            .iter()
            .filter(|known| known.variable == variable)
            .map(|known| known.name)
            .collect(),
    };
    format!("name a file, or one of: {}", words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::identities::{DB, OWNER};

    /// A certificate whose first date has no seconds.
    fn with_short_date() -> Vec<u8> {
        let mut der = DB.certificate.as_der().to_vec();
        // SEQUENCE of two UTCTimes of 13 octets.
        let validity = der
            .windows(4)
            .position(|bytes| bytes == [0x30, 0x1e, 0x17, 13])
            .unwrap();
        der.drain(validity + 14..validity + 16);
        der[validity + 3] -= 2;
        der[validity + 1] -= 2;
        for length in [2, 6] {
            let shorter = u16::from_be_bytes([der[length], der[length + 1]]) - 2;
            der[length..length + 2].copy_from_slice(&shorter.to_be_bytes());
        }
        assert!(Certificate::from_der(&der).unwrap().has_short_date());
        der
    }

    #[test]
    fn a_certificate_that_newer_firmware_does_not_read_is_only_revoked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("short.der");
        std::fs::write(&path, with_short_date()).unwrap();
        let named = path.to_str().unwrap();
        for variable in [VariableName::Db, VariableName::Kek] {
            let refused = material(variable, named, OWNER, false).unwrap_err();
            assert!(refused.in_one_line().contains("date without seconds"), "{refused:?}");
        }
        assert!(material(VariableName::Dbx, named, OWNER, false).is_ok());
        let mut list = SignatureDatabase::default();
        list.add_certificate(OWNER, &with_short_date());
        std::fs::write(&path, list.to_bytes()).unwrap();
        assert!(material(VariableName::Db, named, OWNER, false).is_err());
        std::fs::write(&path, DB.certificate.as_der()).unwrap();
        assert!(material(VariableName::Db, named, OWNER, false).is_ok());
    }
}
