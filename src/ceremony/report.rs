//! The report at the end of a ceremony.

use serde::Serialize;

use crate::error::{Error, Explain, Result, quoted};
use crate::finding::Finding;
use crate::formats::backup::words::fingerprint_words;
use crate::formats::text::Shown;
use crate::keys::directory::GRUB_PUBLIC_KEY;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::Context;

use super::afterwards::after_ceremony;
use super::layout::ARCHIVE;
use super::plan::Plan;
use super::shares_left::shares_left;
use super::spec::{Place, Spec};
use super::transcript::{Event, RecordedFinding};
use super::work::Work;

/// The product of a ceremony, or the one that a dry run announces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// True if nothing was made.
    pub dry_run: bool,
    /// True if the keys were made to be thrown away.
    pub rehearsal: bool,
    /// The node's key directory.
    pub directory: String,
    /// The directory with the keys that do not belong on a node.
    pub offline: Option<String>,
    /// The directory of the backup.
    pub backup: Option<String>,
    /// The directory of the shares' pages, which are to be handed out.
    pub shares_left: Option<String>,
    /// Owner GUID of our entries; in a dry run only if it was given.
    pub owner: Option<String>,
    /// The keys, in the order of authority.
    pub keys: Vec<KeyReport>,
    /// Short names of Microsoft's certificates in KEK and db.
    pub microsoft: Vec<String>,
    /// The number of revocations in `dbx.auth`.
    pub revocations: usize,
    /// Oddities of imported certificates.
    #[serde(serialize_with = "RecordedFinding::serialize_all")]
    pub findings: Vec<Finding>,
    /// Names of all files in the node's directory, sorted.
    pub files: Vec<String>,
    /// SHA-256 of the plan, lower-case hex.
    pub plan: String,
    /// SHA-256 of the transcript's last line, lower-case hex; null in a dry run.
    pub transcript: Option<String>,
    /// That digest for people to write down.
    pub words: Option<String>,
    /// The parts that a complete ceremony still needs, for people.
    pub missing: Vec<String>,
    /// The steps that are left to people: paper, stick, nodes.
    pub then: Vec<String>,
    /// The command that comes next.
    pub next: String,
}

/// One key of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyReport {
    /// PK, KEK, db, module, grub or pcr.
    pub name: String,
    /// Size of the RSA modulus, in bits.
    pub bits: u32,
    /// True if the private key is encrypted at rest.
    pub encrypted: bool,
    /// Common name of the certificate, or user ID of GRUB's key.
    pub subject: String,
    /// SHA-256 of the DER certificate, lower-case hex; of GRUB's key the OpenPGP fingerprint, upper-case as GnuPG prints
    /// it. `None` in a dry run.
    pub fingerprint: Option<String>,
    /// The fingerprint in words; `None` in a dry run.
    pub words: Option<String>,
    /// End of validity, RFC 3339 UTC. `None` in a dry run, and for GRUB's key, which does not expire.
    pub not_after: Option<String>,
    /// Path of the private key, or the URI of the one on a token.
    pub private_key: String,
    /// Path of the certificate (PEM) or the OpenPGP key.
    pub public_key: String,
}

impl Report {
    /// The report of a dry run.
    pub(super) fn planned(context: &Context, spec: &Spec) -> Result<Self> {
        let plan = Plan::new(context, spec)?;
        let year = context.date_time()?.year();
        let keys = spec
            .names()
            .map(|name| KeyReport::planned(spec, name, spec.subject(name, year)));
        Ok(Self::new(spec, plan, keys.collect()))
    }

    /// The report of a ceremony that is over.
    pub(super) fn made(work: &Work<'_>) -> Result<Self> {
        let spec = work.spec;
        let keys = spec.names().map(|name| {
            let certified = work.transcript.events().find_map(|event| match event {
                Event::Certified {
                    key,
                    subject,
                    fingerprint,
                    not_after,
                    ..
                } if key == name.name() => Some((subject, fingerprint, not_after)),
                _ => None,
            });
            let (subject, fingerprint, not_after) =
                certified.ok_or_else(|| Error::bug(format!("the transcript has no {name} key")))?;
            let made = work.transcript.events().find_map(|event| match event {
                Event::KeyMade { key, bits, .. } if key == name.name() => Some(*bits),
                _ => None,
            });
            let bits = made.ok_or_else(|| Error::bug(format!("the transcript has no private {name} key")))?;
            Ok(KeyReport {
                bits,
                words: Some(words_of_hex(fingerprint)?),
                fingerprint: Some(fingerprint.clone()),
                not_after: not_after.clone(),
                ..KeyReport::planned(spec, name, subject.clone())
            })
        });
        let keys = keys.collect::<Result<_>>()?;
        let head = work.transcript.head();
        Ok(Self {
            dry_run: false,
            shares_left: match &spec.backup {
                Some(backup) if !spec.rehearsal => shares_left(&backup.directory)?,
                _ => None,
            },
            then: if spec.rehearsal {
                Vec::new()
            } else {
                after_ceremony(spec)
            },
            owner: if spec.makes_chain() {
                Some(KeyDirectory::open(&spec.out)?.owner()?.to_string())
            } else {
                None
            },
            transcript: Some(head.to_owned()),
            words: Some(words_of_hex(head)?),
            ..Self::new(spec, Plan::new(&work.began, spec)?, keys)
        })
    }

    fn new(spec: &Spec, plan: Plan, keys: Vec<KeyReport>) -> Self {
        let directory = spec.out.shown();
        let backup = spec.backup.as_ref().map(|backup| &backup.directory);
        let mut missing = Vec::new();
        let mut next = format!("bootseal enroll plan --keys {}", quoted(&spec.out));
        match backup {
            _ if spec.waiver.is_some() || spec.rehearsal => {}
            Some(backup) => {
                missing.push("the backup has to be restored once: the restore drill".to_owned());
                let archive = backup.join(ARCHIVE);
                next = format!(
                    "bootseal ceremony drill --keys {} {}",
                    quoted(&spec.out),
                    quoted(&archive)
                );
            }
            None => missing.push("there is no backup: who loses these keys starts anew".to_owned()),
        }
        Self {
            dry_run: true,
            rehearsal: spec.rehearsal,
            offline: spec.offline.as_ref().map(|path| path.shown()),
            backup: backup.map(|path| path.shown()),
            shares_left: None,
            owner: plan.contents.owner.clone(),
            keys,
            files: plan.names("node"),
            microsoft: plan.contents.microsoft,
            revocations: plan.contents.revocations,
            findings: plan.contents.findings,
            plan: plan.digest,
            transcript: None,
            words: None,
            missing,
            then: Vec::new(),
            next,
            directory,
        }
    }
}

/// The words for people of a digest in hex.
fn words_of_hex(hex: &str) -> Result<String> {
    let bytes = hex::decode(hex).or_bug(|| "a digest is no hex".to_owned())?;
    Ok(fingerprint_words(&bytes))
}

impl KeyReport {
    fn planned(spec: &Spec, name: KeyName, subject: String) -> Self {
        let public = match name {
            KeyName::Grub => GRUB_PUBLIC_KEY.to_owned(),
            _ => format!("{name}.pem"),
        };
        let key = spec.key(name);
        let file = format!("{name}.key");
        let private = match (&key.place, &spec.offline) {
            (Place::Token(token), _) => token.uri.clone(),
            (Place::Offline, Some(offline)) => offline.join(file).shown(),
            _ => spec.out.join(file).shown(),
        };
        Self {
            name: name.name().to_owned(),
            bits: key.bits,
            encrypted: spec.is_encrypted(name),
            subject,
            fingerprint: None,
            words: None,
            not_after: None,
            private_key: private,
            public_key: spec.out.join(public).shown(),
        }
    }

    /// True if the private key is on a token.
    #[must_use]
    pub fn is_on_token(&self) -> bool {
        self.private_key.starts_with("pkcs11:")
    }
}
