//! The events of a transcript, and their content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::finding::Finding;

/// An event of a ceremony, or of the life of its keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// The ceremony began.
    Began {
        /// [`super::FORMAT`].
        format: String,
        /// Version of bootseal.
        bootseal: String,
        /// SHA-256 of the running program.
        program: String,
        /// SHA-256 of the plan.
        plan: String,
        /// True for a rehearsal with keys that are thrown away.
        rehearsal: bool,
        /// The contents of the plan, JSON.
        specification: String,
    },
    /// The machine was looked at.
    Preflight {
        /// The results of the checks.
        checks: Vec<Looked>,
    },
    /// A stopped ceremony goes on.
    Resumed {
        /// Version of bootseal.
        bootseal: String,
        /// SHA-256 of the running program.
        program: String,
    },
    /// A key is about to be made on a token, with this `CKA_ID`.
    KeyIntended {
        /// The key.
        key: String,
        /// Lower-case hex.
        id: String,
    },
    /// A key is there.
    KeyMade {
        /// The key.
        key: String,
        /// Size of the modulus, in bits.
        bits: u32,
        /// The protection of the private half: "scrypt", "plain", or "token".
        protection: String,
        /// DER `SubjectPublicKeyInfo`, lower-case hex.
        public_key: String,
        /// The private key, or the name of the one on the token.
        files: Vec<FileRecord>,
    },
    /// The key has its certificate, or GRUB's key its OpenPGP form.
    Certified {
        /// The key.
        key: String,
        /// The subject's common name, or the user ID.
        subject: String,
        /// SHA-256 of the certificate, or the OpenPGP fingerprint.
        fingerprint: String,
        /// End of validity, RFC 3339 UTC; GRUB's has none.
        not_after: Option<String>,
        /// Its files.
        files: Vec<FileRecord>,
    },
    /// Another file or more of the key directory.
    Made {
        /// The name of the files' content.
        what: String,
        /// The files.
        files: Vec<FileRecord>,
    },
    /// The backup was made and read back.
    BackedUp {
        /// Keys whose private half is in it.
        keys: Vec<String>,
        /// Keys that never leave their token.
        without: Vec<String>,
        /// How the secret that opens it is divided; null if it is the passphrase of the keys.
        shares: Option<ShareSet>,
        /// Archive, sheet, and the pages of the shares, which are handed out.
        files: Vec<FileRecord>,
    },
    /// The product was read back from the disk and examined.
    Checked {
        /// The examinations that ran and passed, with the observations of each.
        checks: Vec<String>,
        /// Oddities of imported certificates.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        findings: Vec<RecordedFinding>,
    },
    /// Something was left out, on somebody's word.
    Waived {
        /// The subject of the waiver.
        what: String,
        /// The name of the person.
        by: String,
        /// The reason.
        reason: String,
    },
    /// A remark of somebody present.
    Note {
        /// The words.
        text: String,
    },
    /// The keys were restored from their backup.
    Drilled {
        /// The form of the backup: "archive" or "sheet".
        from: String,
        /// SHA-256 of the file.
        sha256: String,
        /// The secret that opened it: "passphrase", or the numbers of the shares.
        opened_by: String,
        /// The keys that were restored, and are those in use.
        keys: Vec<String>,
        /// The keys that were restored, and gave way to others since.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        retired: Vec<String>,
    },
    /// Private keys were put back from their backup, into a new directory.
    Restored {
        /// The form of the backup: "archive" or "sheet".
        from: String,
        /// SHA-256 of the file.
        sha256: String,
        /// The secret that opened it: "passphrase", or the numbers of the shares.
        opened_by: String,
        /// The keys, all of which are in use.
        keys: Vec<String>,
        /// Their files, and those that go with them.
        files: Vec<FileRecord>,
    },
    /// A key was encrypted anew, or is no longer.
    Rewrapped {
        /// The key.
        key: String,
        /// The new protection: "scrypt" or "plain".
        protection: String,
        /// Its file.
        files: Vec<FileRecord>,
    },
    /// A key gives way to the one that the next lines record.
    Retired {
        /// The key.
        key: String,
        /// Its fingerprint.
        fingerprint: String,
        /// By the old key: RSASSA-PKCS1-v1_5 over SHA-256 of the new DER `SubjectPublicKeyInfo`, lower-case hex.
        successor: String,
        /// The person, as `user@host`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// The content that boards are meant to have changed: entries were added to a variable, or removed.
    Changed {
        /// KEK, db or dbx.
        variable: String,
        /// The entries that came: subject and SHA-256 of a certificate, or the hash in hex; of many the first.
        added: Vec<String>,
        /// The entries that went.
        removed: Vec<String>,
        /// The reason that a person gave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The person, as `user@host`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The lists, and the write that enrolls them.
        files: Vec<FileRecord>,
    },
    /// A write that somebody else had signed was applied: revocations of Microsoft's, or a vendor's addition.
    Applied {
        /// KEK, db or dbx.
        variable: String,
        /// The name that its file had.
        file: String,
        /// SHA-256 of it, lower-case hex.
        sha256: String,
        /// Common name of the certificate whose key signed it.
        signed_by: String,
        /// The number of its entries.
        entries: usize,
        /// The entries that were new: subject and SHA-256 of a certificate, or the hash in hex; of many the first.
        added: Vec<String>,
        /// The person who applied it, as `user@host`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The file as it is kept, and those before it whose entries it has.
        files: Vec<FileRecord>,
    },
    /// A node joined the fleet, whose transcript this is.
    NodeAdded {
        /// Its name.
        node: String,
        /// The number of the bundle, from 1; no two of a fleet have one.
        number: u64,
        /// SHA-256 of the certificate of its PK, lower-case hex.
        pk: String,
        /// The end of its own transcript when its bundle was made, lower-case hex.
        transcript: String,
        /// SHA-256 of its bundle, lower-case hex.
        bundle: String,
        /// The person, as `user@host`.
        by: String,
    },
    /// A node left the fleet, whose transcript this is.
    NodeRetired {
        /// Its name.
        node: String,
        /// The number of its bundle.
        number: u64,
        /// The reason that a person gave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The person, as `user@host`.
        by: String,
    },
    /// The keys sign this line and all before.
    Sealed {
        /// By key: RSASSA-PKCS1-v1_5 over SHA-256 of this line with no signatures in it, lower-case hex.
        signatures: BTreeMap<String, String>,
    },
}

/// The result of a check of the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    /// The check.
    pub id: String,
    /// "pass", "warn", or "could not run".
    pub outcome: String,
    /// The reason, for people.
    pub reason: String,
}

/// An oddity of an imported certificate, in the form of plans, reports and transcripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedFinding {
    /// The key.
    pub key: String,
    /// The check that convicts the certificate.
    pub check: String,
    /// The reason, for people.
    pub reason: String,
}

impl From<&Finding> for RecordedFinding {
    fn from(finding: &Finding) -> Self {
        Self {
            key: finding.subject.clone(),
            check: finding.kind.name().to_owned(),
            reason: finding.text.clone(),
        }
    }
}

impl RecordedFinding {
    /// Findings on certificates in the JSON of a plan or a report.
    pub(in crate::ceremony) fn serialize_all<S: Serializer>(
        findings: &[Finding],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(findings.iter().map(Self::from))
    }
}

/// Shares of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareSet {
    /// Identifier of the set.
    pub set: String,
    /// Number of shares that give the secret back.
    pub needed: u8,
    /// Number of all shares.
    pub of: u8,
}

/// A file as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// The place: "keys" for every key directory, "node", "offline", "backup" or "shares" for that place alone.
    pub place: String,
    /// Its name there.
    pub name: String,
    /// Permission bits, octal.
    pub mode: String,
    /// Lower-case hex.
    pub sha256: String,
}

impl Event {
    /// The files that it records.
    #[must_use]
    pub fn files(&self) -> &[FileRecord] {
        match self {
            Self::KeyMade { files, .. }
            | Self::Certified { files, .. }
            | Self::Made { files, .. }
            | Self::BackedUp { files, .. }
            | Self::Restored { files, .. }
            | Self::Rewrapped { files, .. }
            | Self::Changed { files, .. }
            | Self::Applied { files, .. } => files,
            _ => &[],
        }
    }
}
