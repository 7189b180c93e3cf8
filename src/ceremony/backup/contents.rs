//! The content of a backup, as archive and pages state it.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result};
use crate::formats::backup::share::Share;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::keys::KeyName;
use crate::keys::directory::TRANSCRIPT;

use super::super::layout::{ARCHIVE, PUBLIC, SECRET};
use super::super::transcript::{Event, ShareSet, Transcript};
use super::archive::Archived;

/// File of the archive that says what the backup holds, and what opens it.
pub(super) const RECORD: &str = "backup.json";
/// File of the archive with the digests of the others, for `sha256sum -c`.
pub(super) const SUMS: &str = "SHA256SUMS";
/// The form of [`RECORD`].
const FORMAT: &str = "bootseal.backup/1";

/// A program that gives the secret back from shares, without bootseal.
const RECOVER: &str = include_str!("recover-shares.py");

/// The keys that a backup is of.
pub(super) struct Subject<'a> {
    /// The name of the ceremony.
    pub name: &'a str,
    /// True if the keys are thrown away.
    pub rehearsal: bool,
    /// The date of the backup, RFC 3339 UTC.
    pub date: String,
    /// The transcript so far.
    pub transcript: &'a Transcript,
    /// The public files of the key directory, by name.
    pub public: BTreeMap<String, Vec<u8>>,
    /// The text that the fleet's key makes the passphrase from, if it is not that of the ceremony.
    pub under: Option<String>,
}

/// The record of a backup, in its archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// [`FORMAT`].
    pub format: String,
    /// The name of the ceremony.
    pub name: String,
    /// The date of the backup, RFC 3339 UTC.
    pub date: String,
    /// Keys whose private half is in it.
    pub keys: Vec<String>,
    /// Keys that never leave their token.
    pub without: Vec<String>,
    /// The shares that open it; null if it is under a passphrase.
    pub shares: Option<ShareSet>,
    /// The text that the fleet's key makes the passphrase from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under: Option<String>,
}

/// The content of archive and pages.
pub(super) struct Contents<'a> {
    subject: &'a Subject<'a>,
    pub name: &'a str,
    pub rehearsal: bool,
    /// The date of the backup, RFC 3339 UTC.
    pub date: String,
    pub rows: Vec<Row>,
    /// SHA-256 of the plan, lower-case hex.
    pub plan: String,
    /// Names of the keys that never leave their token.
    pub without: Vec<String>,
    /// The keys, encrypted, PKCS#8 PEM.
    pub keys: &'a BTreeMap<KeyName, Zeroizing<String>>,
    /// The shares of the secret.
    pub shares: Option<ShareSet>,
}

/// A key of the table.
pub(super) struct Row {
    pub key: String,
    pub subject: String,
    /// Lower-case hex.
    pub fingerprint: String,
    /// End of validity, RFC 3339 UTC; GRUB's key has none.
    pub not_after: Option<String>,
}

impl<'a> Contents<'a> {
    pub(super) fn gather(
        subject: &'a Subject<'a>,
        keys: &'a BTreeMap<KeyName, Zeroizing<String>>,
        shares: Option<&[Share]>,
    ) -> Result<Self> {
        let rows = KeyName::ALL.iter().filter_map(|name| {
            // The last one is the one in use.
            subject.transcript.events().rev().find_map(|event| match event {
                Event::Certified {
                    key,
                    subject,
                    fingerprint,
                    not_after,
                    ..
                } if key == name.name() => Some(Row {
                    key: key.clone(),
                    subject: subject.clone(),
                    fingerprint: fingerprint.to_lowercase(),
                    not_after: not_after.clone(),
                }),
                _ => None,
            })
        });
        let plan = subject.transcript.events().find_map(|event| match event {
            Event::Began { plan, .. } => Some(plan.clone()),
            _ => None,
        });
        let plan = plan.ok_or_else(|| Error::bug("the transcript names no plan"))?;
        let set = shares.and_then(<[Share]>::first).map(|share| ShareSet {
            set: share.set_name(),
            needed: share.needed,
            of: share.of,
        });
        let is_left_out = |name: &KeyName| subject.transcript.has_key(*name) && !keys.contains_key(name);
        let without = KeyName::ALL.into_iter().filter(is_left_out);
        Ok(Self {
            subject,
            name: subject.name,
            rehearsal: subject.rehearsal,
            date: subject.date.clone(),
            rows: rows.collect(),
            plan,
            without: without.map(|name| name.name().to_owned()).collect(),
            keys,
            shares: set,
        })
    }

    /// The secret that opens the keys, for people.
    pub fn opener(&self) -> String {
        match &self.shares {
            None => match &self.subject.under {
                Some(under) => format!(
                    "a passphrase that the fleet's key gives: printf '%s' '{under}' | openssl dgst -sha256 -sign fleet.key | sha256sum | cut \
                     -c1-64 > passphrase.txt"
                ),
                None => "the passphrase of the ceremony".to_owned(),
            },
            Some(ShareSet { set, needed, of }) => {
                format!("the passphrase that any {needed} of the {of} shares of set {set} give")
            }
        }
    }

    /// The files of the archive, with their permission bits: encrypted keys, public files, the transcript so far, and how to get
    /// the keys back.
    pub fn archived(&self) -> Result<Archived> {
        let mut files = Archived::new();
        for (name, pem) in self.keys {
            files.insert(format!("{name}.key"), (pem.as_bytes().to_vec(), SECRET));
        }
        let mut put = |name: &str, bytes: Vec<u8>| files.insert(name.to_owned(), (bytes, PUBLIC));
        for (name, bytes) in &self.subject.public {
            put(name, bytes.clone());
        }
        put(TRANSCRIPT, self.subject.transcript.as_bytes().to_vec());
        put("README.txt", self.readme().into_bytes());
        if self.shares.is_some() {
            put("recover-shares.py", RECOVER.into());
        }
        let record =
            serde_json::to_vec_pretty(&self.record()).or_bug(|| "cannot encode the record of a backup".to_owned())?;
        put(RECORD, record);
        let sum = |(name, (bytes, _)): (&String, &(Vec<u8>, u32))| {
            format!("{}  {name}\n", HashAlgorithm::Sha256.digest(&[bytes]).to_hex())
        };
        let sums: String = files.iter().map(sum).collect();
        files.insert(SUMS.to_owned(), (sums.into_bytes(), PUBLIC));
        Ok(files)
    }

    fn record(&self) -> Record {
        Record {
            format: FORMAT.to_owned(),
            name: self.name.to_owned(),
            date: self.date.clone(),
            keys: self.keys.keys().map(|name| name.name().to_owned()).collect(),
            without: self.without.clone(),
            shares: self.shares.clone(),
            under: self.subject.under.clone(),
        }
    }

    /// The manual of the archive.
    fn readme(&self) -> String {
        let mut lines = vec![
            format!(
                "Backup of the keys of \"{}\", made by bootseal on {}.\n",
                self.name, self.date
            ),
            format!("Every .key file is encrypted PKCS#8, opened by {}.", self.opener()),
            format!("Nothing of it is needed to see that the archive is whole: sha256sum -c {SUMS}"),
        ];
        for (title, commands) in self.commands() {
            lines.push(format!("\n{title}:"));
            lines.extend(commands.lines().map(|command| format!("    {command}")));
        }
        lines.push(
            "\nWhere it goes, and what comes next: a key directory is /etc/bootseal/keys, with mode 0700, and belongs to root; each \
             .key file there has mode 0400. db.key, module.key and grub.key are the node's; PK.key and KEK.key stay on a medium \
             that is kept elsewhere. Then: bootseal keys list; bootseal audit --only keys; and on a new board: bootseal enroll plan"
                .to_owned(),
        );
        lines.push(String::new());
        lines.join("\n")
    }

    /// The ways to a key without bootseal, and with it.
    pub fn commands(&self) -> Vec<(&'static str, String)> {
        let key = self.keys.keys().next().map_or("PK", |name| name.name());
        let mut commands = Vec::new();
        if self.shares.is_some() {
            commands.push((
                "The passphrase from the shares, without bootseal: put them into shares.txt, one a line",
                format!(
                    "umask 077\ntar xf {ARCHIVE} recover-shares.py\npython3 recover-shares.py < shares.txt > passphrase.txt"
                ),
            ));
        }
        commands.push((
            "A key from the archive, with openssl: put the passphrase into passphrase.txt",
            format!(
                "umask 077\ntar xf {ARCHIVE} {key}.key\nopenssl pkey -in {key}.key -passin file:passphrase.txt -out {key}.plain.pem"
            ),
        ));
        commands.push((
            "A key from this paper, with openssl: scan or type its lines into sheet.txt",
            format!(
                "umask 077\ngrep '^{key}.key ' sheet.txt | sort -u | cut -d' ' -f3 | base64 -d > {key}.der\nopenssl pkey -inform DER -in {key}.der \
                 -passin file:passphrase.txt -out {key}.plain.pem"
            ),
        ));
        commands.push((
            "To try all of it with bootseal, which should be done once a year",
            format!(
                "mkdir -m 0700 KEYS\ntar xf {ARCHIVE} -C KEYS\nbootseal ceremony drill --keys KEYS {ARCHIVE}\nbootseal ceremony drill --keys KEYS sheet.txt"
            ),
        ));
        commands
    }
}
