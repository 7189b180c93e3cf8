//! What a ceremony is to make: the one input that is reviewed.

mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::formats::firmware::guid::Guid;
use crate::keys::pkcs11::TokenUri;
use crate::keys::{KeyName, Passphrase};
use crate::system::NewDirectory;
use crate::trust::microsoft::Selection;

use super::import::{self, Files};
use super::preflight::CheckId;

/// Validity of certificates unless another is asked for, in years.
pub const DEFAULT_YEARS: u16 = 10;
/// Longest name of a ceremony, in characters; with what a certificate's subject adds it has up to 64.
const MAX_NAME: usize = 30;
/// Sizes of a modulus that firmware, kernel and GRUB read, in bits.
const SIZES: [u32; 3] = [2048, 3072, 4096];
/// Before the subjects of a rehearsal.
const REHEARSAL: &str = "TEST";

/// Which revocations go into dbx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revocations {
    /// Microsoft's list for x86-64, signed anew by our own KEK.
    #[default]
    Microsoft,
    /// None.
    None,
}

/// Where a private key goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The node's key directory.
    Node,
    /// The offline directory.
    Offline,
    /// A token.
    Token(Box<TokenPlace>),
}

/// A key on a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPlace {
    /// The key, as `NAME.uri` will hold it but for the identifier.
    pub uri: String,
    /// The same, read.
    pub parsed: TokenUri,
    /// Whether the key is made here, so that the backup has it, and then put there; else the token makes it.
    pub import: bool,
}

/// One of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// Size of the modulus, in bits: 2048, 3072 or 4096.
    pub bits: u32,
    /// Validity of its certificate, in years, 1 to 100.
    pub years: u16,
    /// Where the private half goes.
    pub place: Place,
    /// Whether the file is encrypted; without effect on a token.
    pub encrypted: bool,
}

/// The backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// A directory that does not exist yet, or is empty.
    pub directory: PathBuf,
    /// How the secret that opens it is divided; undivided it is the passphrase of the keys.
    pub shares: Option<Shares>,
}

/// How many shares there are, and how many are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    /// How many give the secret back, 2 to `of`.
    pub needed: u8,
    /// How many there are, up to 16.
    pub of: u8,
}

/// Who takes it upon himself that no backup has been tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
}

/// What to make.
pub struct Spec {
    /// The node's key directory: it does not exist yet, or is empty.
    pub out: PathBuf,
    /// Another one, with the private keys that do not belong on a node.
    pub offline: Option<PathBuf>,
    /// Where it is made; beside `out` unless named.
    pub work: Option<PathBuf>,
    /// Whose keys they are: begins the subject of every certificate, 1 to 30 characters.
    pub name: String,
    /// Owner GUID of our entries in the signature lists; a random one if there is none.
    pub owner: Option<Guid>,
    /// Microsoft's certificates that join KEK and db.
    pub microsoft: Selection,
    /// What dbx holds.
    pub dbx: Revocations,
    /// A directory with keys that were made elsewhere, which are taken over.
    pub import: Option<PathBuf>,
    /// The keys.
    pub keys: BTreeMap<KeyName, KeySpec>,
    /// Their backup, if there is to be one.
    pub backup: Option<Backup>,
    /// Who waives the restore drill, if somebody does.
    pub waiver: Option<Waiver>,
    /// Checks of the machine that must pass.
    pub fatal: BTreeSet<CheckId>,
    /// SHA-256 that the running program must have, lower-case hex.
    pub program: Option<String>,
    /// Whether the keys say TEST, and nobody keeps them.
    pub rehearsal: bool,
    /// Wraps the keys that are encrypted.
    pub passphrase: Option<Passphrase>,
}

impl KeySpec {
    /// The usual key of this name: firmware reads RSA-2048 everywhere and more only lately; kernel and GRUB read up to
    /// 4096.
    #[must_use]
    pub const fn usual(name: KeyName) -> Self {
        let bits = match name {
            KeyName::Pk | KeyName::Kek | KeyName::Db => 2048,
            KeyName::Module | KeyName::Grub => 4096,
        };
        Self {
            bits,
            years: DEFAULT_YEARS,
            place: Place::Node,
            encrypted: true,
        }
    }
}

impl Spec {
    /// A ceremony with the defaults: every key encrypted in one directory, Microsoft's default certificates and
    /// revocations.
    #[must_use]
    pub fn new(name: impl Into<String>, out: impl Into<PathBuf>) -> Self {
        Self {
            out: out.into(),
            offline: None,
            work: None,
            name: name.into(),
            owner: None,
            microsoft: Selection::default(),
            dbx: Revocations::default(),
            import: None,
            keys: KeyName::ALL.map(|name| (name, KeySpec::usual(name))).into(),
            backup: None,
            waiver: None,
            fatal: BTreeSet::new(),
            program: None,
            rehearsal: false,
            passphrase: None,
        }
    }

    /// Reads a specification file, as `keys.example/ceremony.toml` shows it. Unknown keys are errors.
    pub fn load(path: &Path) -> Result<Self> {
        file::load(path)
    }

    /// Leaves these keys unencrypted, for signing without anybody there.
    #[must_use]
    pub fn with_plain(mut self, names: impl IntoIterator<Item = KeyName>) -> Self {
        for name in names {
            self.key_mut(name).encrypted = false;
        }
        self
    }

    /// Sets the validity of all certificates, in years.
    #[must_use]
    pub fn with_years(mut self, years: u16) -> Self {
        for key in self.keys.values_mut() {
            key.years = years;
        }
        self
    }

    fn key_mut(&mut self, name: KeyName) -> &mut KeySpec {
        self.keys.entry(name).or_insert_with(|| KeySpec::usual(name))
    }

    /// What is asked of this key.
    #[must_use]
    pub fn key(&self, name: KeyName) -> KeySpec {
        self.keys.get(&name).cloned().unwrap_or_else(|| KeySpec::usual(name))
    }

    /// Where the keys are that are imported.
    pub(super) fn imported(&self) -> Result<BTreeMap<KeyName, Files>> {
        self.import.as_deref().map_or_else(|| Ok(BTreeMap::new()), import::look)
    }

    /// Whether the key rests encrypted in a file.
    #[must_use]
    pub fn is_encrypted(&self, name: KeyName) -> bool {
        let key = self.key(name);
        key.encrypted && !matches!(key.place, Place::Token(_))
    }

    /// Whether the backup can have the private half: all but keys that a token makes.
    #[must_use]
    pub fn is_backed_up(&self, name: KeyName) -> bool {
        !matches!(self.key(name).place, Place::Token(token) if !token.import)
    }

    /// Whether a passphrase is needed: for a key, or for a backup that is not under shares.
    #[must_use]
    pub fn needs_passphrase(&self) -> bool {
        let wraps_backup = self.backup.as_ref().is_some_and(|backup| backup.shares.is_none());
        // A key on its way to a token rests in the work directory for a moment.
        let imports = |name| matches!(self.key(name).place, Place::Token(token) if token.import);
        wraps_backup
            || KeyName::ALL
                .into_iter()
                .any(|name| self.is_encrypted(name) || imports(name))
    }

    /// The same with keys that say TEST, below `directory`, with nothing on tokens.
    #[must_use]
    pub fn rehearse(mut self, directory: &Path) -> Self {
        self.rehearsal = true;
        self.import = None;
        self.out = directory.join("node");
        self.offline = self.offline.map(|_| directory.join("offline"));
        self.work = Some(directory.join("work"));
        if let Some(backup) = &mut self.backup {
            backup.directory = directory.join("backup");
        }
        for key in self.keys.values_mut() {
            if matches!(key.place, Place::Token(_)) {
                key.place = Place::Node;
                key.encrypted = false;
            }
        }
        self
    }

    /// Where the ceremony is made.
    #[must_use]
    pub fn work_directory(&self) -> PathBuf {
        self.work.clone().unwrap_or_else(|| {
            let out = std::path::absolute(&self.out).unwrap_or_else(|_| self.out.clone());
            let name = out.file_name().unwrap_or_default().to_string_lossy().into_owned();
            out.with_file_name(format!(".{name}.ceremony"))
        })
    }

    /// Checks all that can be checked before anything is made.
    pub fn validate(&self) -> Result<()> {
        let name = self.name.as_str();
        if name.trim().is_empty() || name.trim() != name || name.contains(char::is_control) {
            return Err(Error::usage(
                "a ceremony's name has at least one character, none of them a control character, and no spaces around it",
            ));
        }
        if name.chars().count() > MAX_NAME {
            return Err(Error::usage(format!(
                "a ceremony's name has at most {MAX_NAME} characters"
            )));
        }
        for name in KeyName::ALL {
            self.validate_key(name)?;
        }
        for name in self.imported()?.into_keys() {
            if !self.is_backed_up(name) {
                return Err(
                    Error::usage(format!("the {name} key is imported, so its token cannot make it"))
                        .hint(format!("[keys.{name}] token = \"import\" puts it there")),
                );
            }
        }
        self.validate_backup()?;
        self.validate_directories()
    }

    fn validate_key(&self, name: KeyName) -> Result<()> {
        let key = self.key(name);
        if !(1..=100).contains(&key.years) {
            return Err(Error::usage(format!(
                "certificates are valid for 1 to 100 years; {name} asks for {}",
                key.years
            )));
        }
        if !SIZES.contains(&key.bits) || key.bits < name.least_bits() {
            let readers = match name {
                KeyName::Grub => "an image of GRUB embeds keys of 3072 and 4096",
                _ => "firmware and kernel read 2048, 3072 and 4096",
            };
            return Err(Error::usage(format!("the {name} key has {} bits; {readers}", key.bits)));
        }
        if key.place == Place::Offline && self.offline.is_none() {
            return Err(Error::usage(format!("the {name} key is to be offline, but no directory is named for that"))
                .hint(format!(
                    "name it: offline = \"/mnt/stick/keys\"; or say that the key belongs on the node: [keys.{name}] place = \"node\""
                )));
        }
        Ok(())
    }

    fn validate_backup(&self) -> Result<()> {
        let Some(Shares { needed, of }) = self.backup.as_ref().and_then(|backup| backup.shares) else {
            return Ok(());
        };
        if (2..=of).contains(&needed) && of <= 16 {
            return Ok(());
        }
        Err(Error::usage(format!(
            "{needed} of {of} shares cannot be: at least 2 are needed, of at most 16"
        )))
    }

    /// All directories that come into being, with what they are for.
    #[must_use]
    pub fn directories(&self) -> Vec<(&'static str, PathBuf)> {
        let mut directories = vec![("node", self.out.clone())];
        directories.extend(self.offline.clone().map(|path| ("offline", path)));
        directories.extend(self.backup.as_ref().map(|backup| ("backup", backup.directory.clone())));
        directories
    }

    fn validate_directories(&self) -> Result<()> {
        let mut seen = vec![self.work_directory()];
        for (_, path) in self.directories() {
            let absolute = std::path::absolute(&path).unwrap_or(path);
            if let Some(other) = seen
                .iter()
                .find(|other| other.starts_with(&absolute) || absolute.starts_with(other))
            {
                return Err(Error::usage(format!(
                    "{} and {} lie in each other; each is a directory of its own",
                    other.display(),
                    absolute.display()
                )));
            }
            seen.push(absolute);
        }
        Ok(())
    }

    /// Checks that nothing is where the directories go.
    pub(super) fn check_targets(&self) -> Result<()> {
        for (_, path) in self.directories() {
            NewDirectory::check(&path)?;
        }
        Ok(())
    }

    /// The passphrase of this key; `None` for a plain one.
    pub(super) fn passphrase_of(&self, name: KeyName) -> Result<Option<&Passphrase>> {
        if self.is_encrypted(name) {
            return self
                .the_passphrase(&format!("the {name} key is to be encrypted"))
                .map(Some);
        }
        Ok(None)
    }

    /// The passphrase, which something needs.
    pub(super) fn the_passphrase(&self, what_for: &str) -> Result<&Passphrase> {
        self.passphrase.as_ref().ok_or_else(|| {
            Error::usage(format!("{what_for}, but there is no passphrase")).hint(
                "give one with --passphrase-file FILE, or name keys that stay unencrypted with --plain db,module,grub",
            )
        })
    }

    /// The subject of a key's certificate, or the user ID of GRUB's.
    pub(super) fn subject(&self, name: KeyName, year: u16) -> String {
        let subject = format!("{} {} {year}", self.name, name.purpose());
        if self.rehearsal {
            format!("{REHEARSAL} {subject}")
        } else {
            subject
        }
    }
}
