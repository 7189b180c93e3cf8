//! The closing card of a ceremony.

use std::path::Path;

use serde::Serialize;

use crate::error::Result;
use crate::formats::authenticated_variable::VariableName;
use crate::keys::directory::{GRUB_PUBLIC_KEY, OWNER, REMOVE_PK};
use crate::keys::{KeyDirectory, KeyName};
use crate::system::Context;

use super::{Spec, bits, make};

/// What a ceremony made, or in a dry run would make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether nothing was made.
    pub dry_run: bool,
    /// The key directory.
    pub directory: String,
    /// Owner GUID of our entries; in a dry run only if it was given.
    pub owner: Option<String>,
    /// The keys, in the order of authority.
    pub keys: Vec<KeyReport>,
    /// Short names of Microsoft's certificates in KEK and db.
    pub microsoft: Vec<String>,
    /// How many revocations `dbx.auth` holds.
    pub revocations: usize,
    /// Names of all files in the directory, sorted.
    pub files: Vec<String>,
    /// The command that comes next.
    pub next: String,
}

/// One key of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyReport {
    /// PK, KEK, db, module or grub.
    pub name: String,
    /// Size of the RSA modulus, in bits.
    pub bits: u32,
    /// Whether the private key is encrypted at rest.
    pub encrypted: bool,
    /// Common name of the certificate, or user ID of GRUB's key.
    pub subject: String,
    /// SHA-256 of the DER certificate, lower-case hex; of GRUB's key the OpenPGP fingerprint, upper-case as GnuPG prints
    /// it. `None` in a dry run.
    pub fingerprint: Option<String>,
    /// End of validity, RFC 3339 UTC. `None` in a dry run, and for GRUB's key, which does not expire.
    pub not_after: Option<String>,
    /// Path of the private key.
    pub private_key: String,
    /// Path of the certificate (PEM) or the OpenPGP key.
    pub public_key: String,
}

impl Report {
    /// What would be made now.
    pub(super) fn planned(context: &Context, spec: &Spec) -> Result<Self> {
        let year = context.date_time()?.year();
        let keys = KeyName::ALL.map(|name| KeyReport::planned(spec, name, year));
        Self::new(spec, keys.into(), true, spec.owner.map(|owner| owner.to_string()))
    }

    /// What was made in `directory`, with the paths that it will have in its place.
    pub(super) fn made(spec: &Spec, directory: &KeyDirectory) -> Result<Self> {
        let keys = KeyName::ALL
            .into_iter()
            .map(|name| KeyReport::made(spec, directory, name))
            .collect::<Result<_>>()?;
        Self::new(spec, keys, false, Some(directory.owner()?.to_string()))
    }

    fn new(spec: &Spec, keys: Vec<KeyReport>, dry_run: bool, owner: Option<String>) -> Result<Self> {
        let revocations = make::revocations(spec)?.map_or(0, |lists| lists.entries().count());
        let directory = spec.out.display().to_string();
        Ok(Self {
            dry_run,
            owner,
            keys,
            microsoft: spec.microsoft.all().map(|known| known.name.to_owned()).collect(),
            revocations,
            files: files(revocations > 0),
            next: format!("bootseal enroll plan --keys {directory}"),
            directory,
        })
    }
}

impl KeyReport {
    fn planned(spec: &Spec, name: KeyName, year: u16) -> Self {
        let public = match name {
            KeyName::Grub => GRUB_PUBLIC_KEY.to_owned(),
            _ => format!("{name}.pem"),
        };
        let path = |file: &str| Path::new(&spec.out).join(file).display().to_string();
        Self {
            name: name.name().to_owned(),
            bits: bits(name),
            encrypted: !spec.plain.contains(&name),
            subject: spec.subject(name, year),
            fingerprint: None,
            not_after: None,
            private_key: path(&format!("{name}.key")),
            public_key: path(&public),
        }
    }

    fn made(spec: &Spec, directory: &KeyDirectory, name: KeyName) -> Result<Self> {
        if name == KeyName::Grub {
            let key = directory.grub_public_key()?;
            // The user ID says the year of the certificates; GRUB's key was made in the same moment.
            let year = directory
                .certificate(KeyName::Pk)?
                .parsed()
                .tbs_certificate()
                .validity()
                .not_before;
            return Ok(Self {
                fingerprint: Some(key.fingerprint()),
                ..Self::planned(spec, name, year.to_date_time().year())
            });
        }
        let certificate = directory.certificate(name)?;
        Ok(Self {
            subject: certificate.common_name(),
            fingerprint: Some(certificate.fingerprint().to_hex()),
            not_after: Some(certificate.not_after()),
            ..Self::planned(spec, name, 0)
        })
    }
}

/// Names of all files of a key directory, sorted.
fn files(with_dbx: bool) -> Vec<String> {
    let mut files: Vec<String> = [OWNER, GRUB_PUBLIC_KEY, REMOVE_PK].map(str::to_owned).into();
    files.extend(KeyName::ALL.map(|name| format!("{name}.key")));
    for name in KeyName::CERTIFIED {
        files.extend(["pem", "der"].map(|ending| format!("{name}.{ending}")));
    }
    for variable in KeyName::CERTIFIED.into_iter().filter_map(KeyName::variable) {
        files.extend(["esl", "auth"].map(|ending| format!("{variable}.{ending}")));
    }
    if with_dbx {
        files.push(format!("{}.auth", VariableName::Dbx));
    }
    files.sort();
    files
}
