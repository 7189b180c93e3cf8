//! The plan of a ceremony, step by step and file by file, under one digest.

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Explain, Result};
use crate::finding::Finding;
use crate::formats::backup::words::fingerprint_words;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::keys::{KeyName, OpenPgpKey, Protection};
use crate::system::Context;
use crate::trust::microsoft;

use super::imported_certificates;
use super::layout::{PlannedFile, planned_files};
use super::spec::{MachineCheck, Place, Revocations, Spec};
use super::step::Step;
use super::transcript::RecordedFinding;

/// The plan of a ceremony.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// SHA-256 over the contents, lower-case hex: `run --plan` takes it.
    pub digest: String,
    /// The digest for people to compare: eight words.
    pub words: String,
    /// The contents.
    #[serde(flatten)]
    pub contents: Contents,
}

/// The contents of a plan: all of it, but for its own digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// The name that begins the subject of every certificate.
    pub name: String,
    /// True if the keys are thrown away.
    pub rehearsal: bool,
    /// Owner GUID of our entries; null if a random one is made.
    pub owner: Option<String>,
    /// The keys, in the order of authority.
    pub keys: Vec<PlannedKey>,
    /// Short names of Microsoft's certificates in KEK and db.
    pub microsoft: Vec<String>,
    /// The number of revocations in `dbx.auth`.
    pub revocations: usize,
    /// The numbers of shares of the backup's secret; null if it is not divided.
    pub shares: Option<PlannedShares>,
    /// The name of the person who waives the restore drill; null if nobody does.
    pub drill_waived_by: Option<String>,
    /// Names of the checks of the machine that must pass.
    pub fatal: Vec<&'static str>,
    /// Oddities of the certificates that are imported.
    #[serde(serialize_with = "RecordedFinding::serialize_all")]
    pub findings: Vec<Finding>,
    /// The work directory.
    pub work: String,
    /// The steps, in their order.
    pub steps: Vec<String>,
    /// All files that remain, with place and mode.
    pub files: Vec<PlannedFile>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedKey {
    /// PK, KEK, db, module, grub or pcr.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Size of the modulus, in bits.
    pub bits: u32,
    /// Common name of the certificate, or user ID of GRUB's key.
    pub subject: String,
    /// True if it was made elsewhere, and is taken over with its certificate.
    pub imported: bool,
    /// SHA-256 of the imported certificate, lower-case hex, or the fingerprint of GRUB's imported key; null for a key that is
    /// made.
    pub certificate: Option<String>,
    /// Validity of the certificate, in years; GRUB's key does not expire.
    pub years: Option<u16>,
    /// "node", "offline", or the URI of a token.
    pub place: String,
    /// The protection of its private half: "scrypt", "plain", or "token".
    pub protection: &'static str,
    /// True if the backup has its private half.
    pub backed_up: bool,
}

/// The numbers of shares of the backup's secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedShares {
    /// Number of shares that give the secret back.
    pub needed: u8,
    /// Number of all shares.
    pub of: u8,
}

/// The protection of a private key.
pub(super) fn protection(spec: &Spec, name: KeyName) -> &'static str {
    match spec.key(name).place {
        Place::Token(_) => Protection::TOKEN,
        _ if spec.is_encrypted(name) => Protection::SCRYPT,
        _ => Protection::PLAIN,
    }
}

impl Plan {
    /// The plan of a ceremony that begins now. Refuses imported certificates that are of no use.
    pub fn new(context: &Context, spec: &Spec) -> Result<Self> {
        spec.validate()?;
        let now = context.date_time()?;
        let imported = spec.imported()?;
        let grub = spec.imported_grub_key()?;
        let examined = imported_certificates::read_and_examine(spec, now)?;
        let keys = spec.names().map(|name| {
            let key = spec.key(name);
            let certificate = match imported.get(&name) {
                Some(files) => Some(files.certificate()?),
                None => None,
            };
            let grub = grub.as_ref().filter(|_| name == KeyName::Grub).map(OpenPgpKey::public);
            let own = spec.subject(name, now.year());
            let (bits, subject, fingerprint) = match (&certificate, grub) {
                (None, None) => (key.bits, own, None),
                (None, Some(grub)) => (grub.public_key().bits(), own, Some(grub.fingerprint())),
                (Some(certificate), _) => {
                    let public = certificate.public_key();
                    let public = public.or_refuse(|| format!("the imported {name} certificate is of no use"))?;
                    let fingerprint = certificate.fingerprint().to_hex();
                    (public.bits(), certificate.common_name(), Some(fingerprint))
                }
            };
            Ok(PlannedKey {
                name: name.name().to_owned(),
                kind: "rsa",
                bits,
                subject,
                imported: fingerprint.is_some(),
                years: (name != KeyName::Grub && certificate.is_none()).then_some(key.years),
                certificate: fingerprint,
                place: match &key.place {
                    Place::Node => "node".to_owned(),
                    Place::Offline => "offline".to_owned(),
                    Place::Token(token) => token.uri.clone(),
                },
                protection: protection(spec, name),
                backed_up: spec.backup.is_some() && spec.is_backed_up(name),
            })
        });
        let shares = spec.backup.as_ref().and_then(|backup| backup.shares);
        let contents = Contents {
            name: spec.name.clone(),
            rehearsal: spec.rehearsal,
            owner: spec.owner.map(|owner| owner.to_string()),
            keys: keys.collect::<Result<_>>()?,
            microsoft: spec.microsoft.all().map(|known| known.name.to_owned()).collect(),
            revocations: match spec.dbx {
                Revocations::Microsoft => microsoft::revocations()?.entries().count(),
                Revocations::None => 0,
            },
            shares: shares.map(|shares| PlannedShares {
                needed: shares.needed,
                of: shares.of,
            }),
            drill_waived_by: spec.waiver.as_ref().map(|waiver| waiver.by.clone()),
            fatal: spec.fatal.iter().copied().map(MachineCheck::name).collect(),
            findings: examined.findings,
            work: spec.work_directory()?.shown(),
            steps: steps(spec)?.iter().map(Step::text).collect(),
            files: planned_files(spec)?,
        };
        let text = serde_json::to_vec(&contents).or_bug(|| "cannot encode the plan".to_owned())?;
        let digest = HashAlgorithm::Sha256.digest(&[&text]);
        Ok(Self {
            digest: digest.to_hex(),
            words: fingerprint_words(digest.as_bytes()),
            contents,
        })
    }

    /// The contents, as the transcript has them.
    pub(super) fn text(&self) -> Result<String> {
        serde_json::to_string(&self.contents).or_bug(|| "cannot encode the plan".to_owned())
    }

    /// Refuses a plan that is not the one that was reviewed: its digest in hex, or in words with hyphens or spaces.
    pub fn check_reviewed(&self, digest: &str) -> Result<()> {
        if is_digest(digest, &self.digest, &self.words) {
            return Ok(());
        }
        Err(Error::refused(format!(
            "the plan is another than the one reviewed: it has the digest {}",
            self.digest
        )))
    }

    /// Names of the files of a place, sorted.
    #[must_use]
    pub fn names(&self, place: &str) -> Vec<String> {
        let files = self.contents.files.iter().filter(|file| file.place == place);
        let name = |file: &PlannedFile| {
            Path::new(&file.path)
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
        };
        files.filter_map(name).collect()
    }
}

/// True if a person gave this digest, in hex or in words.
pub(crate) fn is_digest(given: &str, digest: &str, words: &str) -> bool {
    let given = given.trim().to_lowercase().replace(' ', "-");
    given == digest || given == words
}

/// The steps of a ceremony.
pub(super) fn steps(spec: &Spec) -> Result<Vec<Step>> {
    Ok(Step::list(spec, &spec.imported_names()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_given_in_hex_or_in_words() {
        for given in ["0a1b", " 0A1B\n", "one-two", "One two"] {
            assert!(is_digest(given, "0a1b", "one-two"), "{given}");
        }
        for given in ["", "0a1", "0a1b0", "one", "two one"] {
            assert!(!is_digest(given, "0a1b", "one-two"), "{given}");
        }
    }
}
