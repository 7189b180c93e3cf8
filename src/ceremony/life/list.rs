//! The keys of a directory, and how they rest. No private key is opened for that.

use serde::Serialize;

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::backup::words::fingerprint_words;
use crate::formats::text::Shown;
use crate::keys::directory::TRANSCRIPT;
use crate::keys::{KeyDirectory, KeyName, Protection, SoftwareKey};
use crate::system::is_there;

use super::super::transcript::Transcript;
use super::super::verify;

/// A key of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// PK, KEK, db, module, grub or pcr.
    pub name: String,
    /// Common name of the certificate; null for GRUB's key.
    pub subject: Option<String>,
    /// Size of the RSA modulus, in bits; 0 for a key of another kind.
    pub bits: u32,
    /// SHA-256 of the certificate, lower-case hex; of GRUB's key the OpenPGP fingerprint.
    pub fingerprint: String,
    /// The fingerprint for people to compare.
    pub words: String,
    /// Serial number of the certificate, lower-case hex.
    pub serial: Option<String>,
    /// Begin of validity, RFC 3339 UTC.
    pub not_before: Option<String>,
    /// End of validity, RFC 3339 UTC; GRUB's key does not expire.
    pub not_after: Option<String>,
    /// The place of the private half: a path, the URI of a token, or null if it is elsewhere.
    pub private_key: Option<String>,
    /// The protection of the private half: "scrypt", "pbkdf2", "plain", "token", "elsewhere", or the reason why it cannot
    /// be told.
    pub protection: String,
    /// Path of the certificate, or of GRUB's key.
    pub public_key: String,
    /// True if the ceremony's backup has the private half; null if there is no transcript.
    pub backed_up: Option<bool>,
    /// True if the last backup was restored since it was made, with the present private half in it; null if there is no
    /// transcript.
    pub drilled: Option<bool>,
    /// The time of the last restore drill, RFC 3339 UTC.
    pub last_drill: Option<String>,
}

/// The keys whose public half is in the directory, in the order of authority.
pub fn list(keys: &KeyDirectory) -> Result<Vec<Listed>> {
    let transcript = transcript(keys)?;
    let mut listed = Vec::new();
    for name in KeyName::ALL {
        if is_there(&keys.public_path(name))? {
            listed.push(describe(keys, name, transcript.as_ref())?);
        }
    }
    Ok(listed)
}

/// One key of the directory. Could not run if its public half is not there.
pub fn show(keys: &KeyDirectory, name: KeyName) -> Result<Listed> {
    let path = keys.public_path(name);
    if !is_there(&path)? {
        let listed = format!("bootseal keys list --keys {}", quoted(keys.path()));
        return Err(Error::could_not_run(format!("there is no {}", path.shown())).hint(listed));
    }
    describe(keys, name, transcript(keys)?.as_ref())
}

/// The transcript of the directory; none if it has none.
fn transcript(keys: &KeyDirectory) -> Result<Option<Transcript>> {
    let has_transcript = is_there(&keys.file_path(TRANSCRIPT))?;
    has_transcript
        .then(|| verify::read(keys.path()).map(|signed| signed.transcript))
        .transpose()
}

fn describe(keys: &KeyDirectory, name: KeyName, transcript: Option<&Transcript>) -> Result<Listed> {
    let (private_key, protection) = private_half(keys, name);
    let mut listed = Listed {
        name: name.name().to_owned(),
        subject: None,
        bits: 0,
        fingerprint: String::new(),
        words: String::new(),
        serial: None,
        not_before: None,
        not_after: None,
        private_key,
        protection,
        public_key: keys.public_path(name).shown(),
        backed_up: transcript.map(|transcript| verify::is_backed_up(transcript, name)),
        drilled: transcript.map(|transcript| verify::is_drilled(transcript, name)),
        last_drill: transcript.and_then(verify::last_drill),
    };
    if name == KeyName::Grub {
        let key = keys.grub_public_key()?;
        listed.bits = key.public_key().bits();
        listed.fingerprint = key.fingerprint();
    } else {
        let certificate = keys.certificate(name)?;
        listed.subject = Some(certificate.common_name());
        listed.bits = certificate.public_key().map_or(0, |key| key.bits());
        listed.fingerprint = certificate.fingerprint().to_hex();
        listed.serial = Some(hex::encode(certificate.serial()));
        listed.not_before = Some(certificate.fields().not_before.to_string());
        listed.not_after = Some(certificate.not_after());
    }
    let fingerprint = hex::decode(&listed.fingerprint).or_bug(|| "a fingerprint is no hex".to_owned())?;
    listed.words = fingerprint_words(&fingerprint);
    Ok(listed)
}

/// The place of the private half, and its protection.
fn private_half(keys: &KeyDirectory, name: KeyName) -> (Option<String>, String) {
    let path = keys.private_key_path(name);
    if path.exists() {
        let protection = match SoftwareKey::protection(&path) {
            Ok(protection) => protection.name().to_owned(),
            Err(error) => error.in_one_line(),
        };
        return (Some(path.shown()), protection);
    }
    match keys.token_uri(name) {
        Ok(Some(uri)) => (Some(uri.to_string()), Protection::TOKEN.to_owned()),
        Ok(None) => (None, "elsewhere".to_owned()),
        Err(error) => (None, error.in_one_line()),
    }
}
