//! What a ceremony would do, step by step and file by file, under one digest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Explain, Result};
use crate::formats::backup::words::fingerprint_words;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::keys::KeyName;
use crate::keys::directory::{GRUB_PUBLIC_KEY, OWNER, REMOVE_PK, TRANSCRIPT};
use crate::system::Context;

use super::backup::{ARCHIVE, SHEET, share_name};
use super::import::Files;
use super::make;
use super::spec::{Place, Revocations, Spec};

/// Permission bits of all that is no secret; the directories' own keep others out.
pub(crate) const PUBLIC: u32 = 0o644;
/// Permission bits of secrets.
pub(crate) const SECRET: u32 = 0o400;

/// What [`super::run`] would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// SHA-256 over all that follows, lower-case hex: `run --plan` takes it.
    pub digest: String,
    /// The same for people to compare: eight words.
    pub words: String,
    /// What is to be done.
    #[serde(flatten)]
    pub contents: Contents,
}

/// What the digest is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Whose keys they are.
    pub name: String,
    /// Whether nobody keeps them.
    pub rehearsal: bool,
    /// Owner GUID of our entries; null if a random one is made.
    pub owner: Option<String>,
    /// The keys, in the order of authority.
    pub keys: Vec<PlannedKey>,
    /// Short names of Microsoft's certificates in KEK and db.
    pub microsoft: Vec<String>,
    /// How many revocations `dbx.auth` holds.
    pub revocations: usize,
    /// How many shares of the backup's secret there are, and how many are needed; null if there are none.
    pub shares: Option<PlannedShares>,
    /// Who waives the restore drill; null if nobody does.
    pub drill_waived_by: Option<String>,
    /// Checks of the machine that must pass.
    pub fatal: Vec<&'static str>,
    /// Where it is made.
    pub work: String,
    /// The steps, in their order.
    pub steps: Vec<String>,
    /// All files that remain, with place and mode.
    pub files: Vec<PlannedFile>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedKey {
    /// PK, KEK, db, module or grub.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Size of the modulus, in bits.
    pub bits: u32,
    /// Common name of the certificate, or user ID of GRUB's key.
    pub subject: String,
    /// Whether it was made elsewhere, and is taken over with its certificate.
    pub imported: bool,
    /// Validity of the certificate, in years; GRUB's key does not expire.
    pub years: Option<u16>,
    /// "node", "offline", or the URI of a token.
    pub place: String,
    /// How it rests: "scrypt", "plain", or "token".
    pub protection: &'static str,
    /// Whether the backup has its private half.
    pub backed_up: bool,
}

/// How the backup's secret is divided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedShares {
    /// How many give it back.
    pub needed: u8,
    /// How many there are.
    pub of: u8,
}

/// A file to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedFile {
    /// "node", "offline", "backup".
    pub place: &'static str,
    /// Where it goes.
    pub path: String,
    /// Permission bits, octal.
    pub mode: String,
}

/// How a key rests.
pub(super) fn protection(spec: &Spec, name: KeyName) -> &'static str {
    match spec.key(name).place {
        Place::Token(_) => "token",
        _ if spec.is_encrypted(name) => "scrypt",
        _ => "plain",
    }
}

impl Plan {
    /// What the specification asks for, if the ceremony began now.
    pub fn new(context: &Context, spec: &Spec) -> Result<Self> {
        spec.validate()?;
        let year = context.date_time()?.year();
        let imported = spec.imported()?;
        let keys = KeyName::ALL.map(|name| {
            let key = spec.key(name);
            let (bits, subject) = match imported.get(&name) {
                None => (key.bits, spec.subject(name, year)),
                Some(files) => {
                    let certificate = files.certificate()?;
                    let public = certificate.public_key();
                    let public = public.or_refuse(|| format!("the imported {name} certificate is of no use"))?;
                    (public.bits(), certificate.common_name())
                }
            };
            let is_imported = imported.contains_key(&name);
            Ok(PlannedKey {
                name: name.name().to_owned(),
                kind: "rsa",
                bits,
                subject,
                imported: is_imported,
                years: (name != KeyName::Grub && !is_imported).then_some(key.years),
                place: match &key.place {
                    Place::Node => "node".to_owned(),
                    Place::Offline => "offline".to_owned(),
                    Place::Token(token) => token.uri.clone(),
                },
                protection: protection(spec, name),
                backed_up: spec.backup.is_some() && spec.is_backed_up(name),
            })
        });
        let keys: Vec<PlannedKey> = keys.into_iter().collect::<Result<_>>()?;
        let revocations = make::revocations(spec)?.map_or(0, |lists| lists.entries().count());
        let shares = spec.backup.as_ref().and_then(|backup| backup.shares);
        let contents = Contents {
            name: spec.name.clone(),
            rehearsal: spec.rehearsal,
            owner: spec.owner.map(|owner| owner.to_string()),
            keys,
            microsoft: spec.microsoft.all().map(|known| known.name.to_owned()).collect(),
            revocations,
            shares: shares.map(|shares| PlannedShares {
                needed: shares.needed,
                of: shares.of,
            }),
            drill_waived_by: spec.waiver.as_ref().map(|waiver| waiver.by.clone()),
            fatal: spec.fatal.iter().map(|check| check.name()).collect(),
            work: spec.work_directory().display().to_string(),
            steps: steps(spec, &imported),
            files: files(spec),
        };
        let text = serde_json::to_vec(&contents).or_bug(|| "cannot encode the plan".to_owned())?;
        let digest = HashAlgorithm::Sha256.digest(&[&text]);
        Ok(Self {
            digest: digest.to_hex(),
            words: fingerprint_words(digest.as_bytes()),
            contents,
        })
    }

    /// What the digest is over, as the transcript has it.
    pub(super) fn text(&self) -> Result<String> {
        serde_json::to_string(&self.contents).or_bug(|| "cannot encode the plan".to_owned())
    }

    /// Names of the files of a place, sorted.
    #[must_use]
    pub fn names(&self, place: &str) -> Vec<String> {
        let files = self.contents.files.iter().filter(|file| file.place == place);
        let name = |file: &PlannedFile| {
            let path = Path::new(&file.path);
            path.file_name().unwrap_or_default().to_string_lossy().into_owned()
        };
        files.map(name).collect()
    }
}

fn steps(spec: &Spec, imported: &BTreeMap<KeyName, Files>) -> Vec<String> {
    let mut steps = vec![
        "look at the machine: network, swap, core dumps, work space, clock, randomness, program, \
                          Secure Boot"
            .to_owned(),
    ];
    for name in KeyName::ALL {
        let key = spec.key(name);
        let is_imported = imported.contains_key(&name);
        steps.push(match &key.place {
            Place::Token(_) if is_imported => format!("take the imported {name} key over, and put it on its token"),
            _ if is_imported => format!("take the imported {name} key over"),
            Place::Token(token) if token.import => {
                format!("make the {name} key, RSA-{}, and put it on its token", key.bits)
            }
            Place::Token(_) => format!("let its token make the {name} key, RSA-{}", key.bits),
            _ => format!("make the {name} key, RSA-{}", key.bits),
        });
    }
    for name in KeyName::CERTIFIED {
        if imported.contains_key(&name) {
            steps.push(format!("take the imported {name} certificate over"));
            continue;
        }
        steps.push(format!("issue its certificate to {name}"));
    }
    steps.push("make GRUB's OpenPGP public key".to_owned());
    steps.push("write the owner's GUID down".to_owned());
    for variable in ["PK", "KEK", "db"] {
        steps.push(format!("make and sign the contents of {variable}"));
    }
    if spec.dbx == Revocations::Microsoft {
        steps.push("sign the revocations for dbx".to_owned());
    }
    steps.push("sign the removal of PK".to_owned());
    steps.push(
        "read all back: sign and verify with each key, look through the certificates, enroll into a simulated \
         firmware, let it judge a signed image"
            .to_owned(),
    );
    if let Some(backup) = &spec.backup {
        steps.push("make the backup, and restore all keys from it".to_owned());
        if let Some(shares) = backup.shares {
            steps.push(format!(
                "divide its secret into {} shares, of which {} open it",
                shares.of, shares.needed
            ));
        }
    }
    steps.push("sign the transcript with every key".to_owned());
    for (place, path) in spec.directories() {
        steps.push(format!("put the {place} directory in its place: {}", path.display()));
    }
    steps
}

fn files(spec: &Spec) -> Vec<PlannedFile> {
    let mut public: Vec<String> = [OWNER, GRUB_PUBLIC_KEY, REMOVE_PK, TRANSCRIPT]
        .map(str::to_owned)
        .into();
    for name in KeyName::CERTIFIED {
        public.extend(["pem", "der"].map(|ending| format!("{name}.{ending}")));
    }
    for variable in KeyName::CERTIFIED.into_iter().filter_map(KeyName::variable) {
        public.extend(["esl", "auth"].map(|ending| format!("{variable}.{ending}")));
    }
    if spec.dbx == Revocations::Microsoft {
        public.push(format!("{}.auth", VariableName::Dbx));
    }
    let on_token = |name: &KeyName| matches!(spec.key(*name).place, Place::Token(_));
    public.extend(
        KeyName::ALL
            .into_iter()
            .filter(on_token)
            .map(|name| format!("{name}.uri")),
    );
    let mut files = Vec::new();
    for (place, directory) in spec.directories() {
        let directory = std::path::absolute(&directory).unwrap_or(directory);
        let mut names: Vec<(PathBuf, u32)> = Vec::new();
        if place == "backup" {
            names.extend([ARCHIVE, SHEET].map(|name| (name.into(), SECRET)));
            names.push((TRANSCRIPT.into(), PUBLIC));
            let shares = spec.backup.as_ref().and_then(|backup| backup.shares);
            let numbers = shares.into_iter().flat_map(|shares| 1..=shares.of);
            names.extend(numbers.map(|number| (Path::new("shares").join(share_name(number)), SECRET)));
        } else {
            names.extend(public.iter().map(|name| (PathBuf::from(name), PUBLIC)));
            let here = |name: &KeyName| match spec.key(*name).place {
                Place::Node => place == "node",
                Place::Offline => place == "offline",
                Place::Token(_) => false,
            };
            let keys = KeyName::ALL.into_iter().filter(here);
            names.extend(keys.map(|name| (format!("{name}.key").into(), SECRET)));
        }
        names.sort();
        files.extend(names.into_iter().map(|(name, mode)| PlannedFile {
            place,
            path: directory.join(name).display().to_string(),
            mode: format!("{mode:04o}"),
        }));
    }
    files
}
