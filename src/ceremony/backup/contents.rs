//! The content of a backup, as archive and pages state it.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::formats::backup::share::Share;
use crate::keys::KeyName;
use crate::system;

use super::super::layout::{ARCHIVE, PUBLIC, SECRET};
use super::super::spec::Shares;
use super::super::transcript::Event;
use super::super::work::Work;
use super::archive::Archived;

/// A program that gives the secret back from shares, without bootseal.
const RECOVER: &str = include_str!("recover-shares.py");

/// The content of archive and pages.
pub(super) struct Contents<'a> {
    pub name: &'a str,
    pub rehearsal: bool,
    /// The date of the ceremony, RFC 3339 UTC.
    pub date: String,
    pub rows: Vec<Row>,
    /// SHA-256 of the plan, lower-case hex.
    pub plan: String,
    /// Names of the keys that never leave their token.
    pub without: Vec<String>,
    /// The keys, encrypted, PKCS#8 PEM.
    pub keys: &'a BTreeMap<KeyName, Zeroizing<String>>,
    /// The numbers of shares of the secret, with the name of the set.
    pub shares: Option<(Shares, String)>,
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
        work: &'a Work<'_>,
        divided: Option<Shares>,
        keys: &'a BTreeMap<KeyName, Zeroizing<String>>,
        shares: Option<&[Share]>,
    ) -> Result<Self> {
        let rows = work.transcript.events().filter_map(|event| match event {
            Event::Certified {
                key,
                subject,
                fingerprint,
                not_after,
                ..
            } => Some(Row {
                key: key.clone(),
                subject: subject.clone(),
                fingerprint: fingerprint.to_lowercase(),
                not_after: not_after.clone(),
            }),
            _ => None,
        });
        let plan = work.transcript.events().find_map(|event| match event {
            Event::Began { plan, .. } => Some(plan.clone()),
            _ => None,
        });
        let plan = plan.ok_or_else(|| Error::bug("the transcript names no plan"))?;
        let set = shares.and_then(<[Share]>::first).map(Share::set_name);
        let without = KeyName::ALL.into_iter().filter(|name| !keys.contains_key(name));
        Ok(Self {
            name: &work.spec.name,
            rehearsal: work.spec.rehearsal,
            date: work.began.date_time()?.to_string(),
            rows: rows.collect(),
            plan,
            without: without.map(|name| name.name().to_owned()).collect(),
            keys,
            shares: divided.zip(set),
        })
    }

    /// The secret that opens the keys, for people.
    pub fn opener(&self) -> String {
        match &self.shares {
            None => "the passphrase of the ceremony".to_owned(),
            Some((Shares { needed, of }, set)) => {
                format!("the passphrase that any {needed} of the {of} shares of set {set} give")
            }
        }
    }

    /// The files of the archive, with their permission bits: encrypted keys, public files, and how to get the keys back.
    pub fn archived(&self, work: &Work<'_>) -> Result<Archived> {
        let mut files = Archived::new();
        for (name, pem) in self.keys {
            files.insert(format!("{name}.key"), (pem.as_bytes().to_vec(), SECRET));
        }
        let records = work.transcript.events().flat_map(Event::files);
        for record in records.filter(|record| record.place == "keys") {
            let bytes = system::read(&work.place("keys").join(&record.name))?;
            files.insert(record.name.clone(), (bytes, PUBLIC));
        }
        files.insert("README.txt".to_owned(), (self.readme().into_bytes(), PUBLIC));
        if self.shares.is_some() {
            files.insert("recover-shares.py".to_owned(), (RECOVER.into(), PUBLIC));
        }
        Ok(files)
    }

    /// The manual of the archive.
    fn readme(&self) -> String {
        let mut lines = vec![
            format!(
                "Backup of the keys of \"{}\", made by bootseal on {}.\n",
                self.name, self.date
            ),
            format!("Every .key file is encrypted PKCS#8, opened by {}.", self.opener()),
        ];
        for (title, commands) in self.commands() {
            lines.push(format!("\n{title}:"));
            lines.extend(commands.lines().map(|command| format!("    {command}")));
        }
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
                format!("tar xf {ARCHIVE} recover-shares.py\npython3 recover-shares.py < shares.txt > passphrase.txt"),
            ));
        }
        commands.push((
            "A key from the archive, with openssl: put the passphrase into passphrase.txt",
            format!(
                "tar xf {ARCHIVE} {key}.key\nopenssl pkey -in {key}.key -passin file:passphrase.txt -out {key}.plain.pem"
            ),
        ));
        commands.push((
            "A key from this paper, with openssl: scan or type its lines into sheet.txt",
            format!(
                "grep '^{key}.key ' sheet.txt | sort -u | cut -d' ' -f3 | base64 -d > {key}.der\nopenssl pkey -inform DER -in {key}.der \
                 -passin file:passphrase.txt -out {key}.plain.pem"
            ),
        ));
        commands.push((
            "To try all of it with bootseal, which should be done once a year",
            format!("bootseal ceremony drill --keys KEYS {ARCHIVE}\nbootseal ceremony drill --keys KEYS sheet.txt"),
        ));
        commands
    }
}
