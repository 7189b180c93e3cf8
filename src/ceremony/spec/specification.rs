//! The specification and its parts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::guid::Guid;
use crate::formats::text::Shown;
use crate::keys::{KeyName, OpenPgpKey, Passphrase};
use crate::system::NewDirectory;
use crate::trust::microsoft::Selection;

use super::super::import::{self, Files};
use super::machine_check::MachineCheck;
use super::parts::{Backup, Derived, FleetSpec, KeySpec, Place, Revocations, Waiver};

/// Sizes of a modulus that firmware, kernel and GRUB read, in bits.
pub(in super::super) const SIZES: [u32; 3] = [2048, 3072, 4096];
/// Before the subjects of a rehearsal.
const REHEARSAL: &str = "TEST";

/// The specification of a ceremony.
pub struct Spec {
    /// The node's key directory: it does not exist yet, or is empty.
    pub out: PathBuf,
    /// Another one, with the private keys that do not belong on a node.
    pub offline: Option<PathBuf>,
    /// The directory that the ceremony is made in; beside `out` unless named.
    pub work: Option<PathBuf>,
    /// The name of the owner: begins the subject of every certificate, 1 to 30 characters.
    pub name: String,
    /// Owner GUID of our entries in the signature lists; a random one if there is none.
    pub owner: Option<Guid>,
    /// Microsoft's certificates that join KEK and db.
    pub microsoft: Selection,
    /// The content of dbx.
    pub dbx: Revocations,
    /// A directory with keys that were made elsewhere, which are taken over.
    pub import: Option<PathBuf>,
    /// A file with GRUB's key, as GnuPG exports a secret key, which is taken over.
    pub grub_key: Option<PathBuf>,
    /// The keys.
    pub keys: BTreeMap<KeyName, KeySpec>,
    /// Their backup, if there is to be one.
    pub backup: Option<Backup>,
    /// The waiver of the restore drill, if somebody waives it.
    pub waiver: Option<Waiver>,
    /// Checks of the machine that must pass.
    pub fatal: BTreeSet<MachineCheck>,
    /// True if it is meant that offline keys or backup lie on the disk of the system.
    pub same_disk: bool,
    /// SHA-256 that the running program must have, lower-case hex.
    pub program: Option<String>,
    /// True if the keys say TEST, and nobody keeps them.
    pub rehearsal: bool,
    /// The passphrase of the keys that are encrypted.
    pub passphrase: Option<Passphrase>,
    /// The passphrase of those of them that go to the node, if it is another.
    pub node_passphrase: Option<Passphrase>,
    /// The passphrase of a backup that is not divided, if it is another.
    pub backup_passphrase: Option<Derived>,
    /// The nodes, if it is a fleet's ceremony: then all else is said of each of them.
    pub fleet: Option<FleetSpec>,
    /// True if it is a part of a fleet's ceremony, whose places are judged as a whole.
    pub is_part: bool,
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
            grub_key: None,
            keys: KeyName::USUAL.map(|name| (name, KeySpec::usual(name))).into(),
            backup: None,
            waiver: None,
            fatal: BTreeSet::new(),
            same_disk: false,
            program: None,
            rehearsal: false,
            passphrase: None,
            node_passphrase: None,
            backup_passphrase: None,
            fleet: None,
            is_part: false,
        }
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

    pub(super) fn key_mut(&mut self, name: KeyName) -> &mut KeySpec {
        self.keys.entry(name).or_insert_with(|| KeySpec::usual(name))
    }

    /// The keys that are made, in the order of authority.
    pub fn names(&self) -> impl Iterator<Item = KeyName> {
        self.keys.keys().copied()
    }

    /// The same, as far as they have a certificate.
    pub(in super::super) fn certified(&self) -> impl Iterator<Item = KeyName> {
        self.names().filter(|name| name.is_certified())
    }

    /// True if the key is made: some are only where they are asked for.
    #[must_use]
    pub fn makes(&self, name: KeyName) -> bool {
        self.keys.contains_key(&name)
    }

    /// True if it makes what firmware enrolls and what GRUB trusts: all ceremonies do, but that of a fleet's own key.
    #[must_use]
    pub fn makes_chain(&self) -> bool {
        self.makes(KeyName::Pk)
    }

    /// The same with this key.
    #[must_use]
    pub fn with_key(mut self, name: KeyName) -> Self {
        self.key_mut(name);
        self
    }

    /// The specification of this key.
    #[must_use]
    pub fn key(&self, name: KeyName) -> KeySpec {
        self.keys.get(&name).cloned().unwrap_or_else(|| KeySpec::usual(name))
    }

    /// The files of the keys that are imported.
    pub(in super::super) fn imported(&self) -> Result<BTreeMap<KeyName, Files>> {
        let Some(directory) = &self.import else {
            return Ok(BTreeMap::new());
        };
        let mut found = import::find_keys(directory)?;
        found.retain(|name, _| self.makes(*name));
        Ok(found)
    }

    /// GRUB's key, if it is imported.
    pub(in super::super) fn imported_grub_key(&self) -> Result<Option<OpenPgpKey>> {
        self.grub_key.as_deref().map(OpenPgpKey::load).transpose()
    }

    /// The names of all keys that are imported.
    pub(in super::super) fn imported_names(&self) -> Result<BTreeSet<KeyName>> {
        let grub = self.grub_key.as_ref().map(|_| KeyName::Grub);
        Ok(self.imported()?.into_keys().chain(grub).collect())
    }

    /// The files of the directory that is imported that may hold keys, and are not taken over.
    pub(in super::super) fn passed_over(&self) -> Result<Vec<PathBuf>> {
        match &self.import {
            Some(directory) => import::passed_over(directory, &self.imported()?, self.grub_key.as_deref()),
            None => Ok(Vec::new()),
        }
    }

    /// True if the key rests encrypted in a file.
    #[must_use]
    pub fn is_encrypted(&self, name: KeyName) -> bool {
        let key = self.key(name);
        key.encrypted && !matches!(key.place, Place::Token(_))
    }

    /// True if a backup can have the private half: all but keys that a token makes.
    #[must_use]
    pub fn is_backed_up(&self, name: KeyName) -> bool {
        !matches!(self.key(name).place, Place::Token(token) if !token.import)
    }

    /// True if a passphrase is needed: for a key, or for a backup that is not under shares.
    #[must_use]
    pub fn needs_passphrase(&self) -> bool {
        let undivided = self.backup.as_ref().is_some_and(|backup| backup.shares.is_none());
        let wraps_backup = undivided && self.backup_passphrase.is_none();
        // A key on its way to a token rests in the work directory for a moment.
        let imports = |name| matches!(self.key(name).place, Place::Token(token) if token.import);
        wraps_backup || self.names().any(|name| self.is_encrypted(name) || imports(name))
    }

    /// This specification with keys that say TEST, below `directory`, with nothing on tokens and nothing imported.
    #[must_use]
    pub fn rehearse(mut self, directory: &Path) -> Self {
        self.rehearsal = true;
        self.import = None;
        self.grub_key = None;
        self.out = directory.join("node");
        self.offline = self.offline.map(|_| directory.join("offline"));
        self.work = Some(directory.join("work"));
        if let Some(backup) = &mut self.backup {
            backup.directory = directory.join("backup");
        }
        for key in self.keys.values_mut() {
            key.rehearse();
        }
        if let Some(fleet) = &mut self.fleet {
            fleet.rehearse(&self.out);
        }
        self
    }

    /// The directory that the ceremony is made in.
    pub fn work_directory(&self) -> Result<PathBuf> {
        if let Some(work) = &self.work {
            return Ok(work.clone());
        }
        let out = absolute(&self.out)?;
        let name = out.file_name().ok_or_else(|| {
            Error::usage(format!("{} cannot be a new key directory", out.shown()))
                .hint("name a directory that does not exist yet, as /root/ceremony")
        })?;
        Ok(out.with_file_name(format!(".{}.ceremony", name.to_string_lossy())))
    }

    /// All directories that come into being, with the names of their places.
    #[must_use]
    pub fn directories(&self) -> Vec<(&'static str, PathBuf)> {
        let mut directories = vec![("node", self.out.clone())];
        directories.extend(self.offline.clone().map(|path| ("offline", path)));
        directories.extend(self.backup.as_ref().map(|backup| ("backup", backup.directory.clone())));
        directories
    }

    /// Checks that nothing is where the directories go.
    pub(in super::super) fn check_targets(&self) -> Result<()> {
        // The ceremonies of a fleet's nodes come to places that have others already, and each looks at its own.
        if self.fleet.is_none() {
            for (_, path) in self.directories() {
                NewDirectory::check(&path)?;
            }
        }
        Ok(())
    }

    /// The passphrase of this key; `None` for a plain one.
    pub(in super::super) fn passphrase_of(&self, name: KeyName) -> Result<Option<&Passphrase>> {
        let of_node = self
            .node_passphrase
            .as_ref()
            .filter(|_| self.key(name).place == Place::Node);
        if self.is_encrypted(name) && of_node.is_some() {
            return Ok(of_node);
        }
        if self.is_encrypted(name) {
            return self
                .required_passphrase(&format!("the {name} key is to be encrypted"))
                .map(Some);
        }
        Ok(None)
    }

    /// The passphrase; `need` names the purpose.
    pub(in super::super) fn required_passphrase(&self, need: &str) -> Result<&Passphrase> {
        self.passphrase.as_ref().ok_or_else(|| {
            Error::usage(format!("{need}, but there is no passphrase")).hint(
                "give one with --passphrase-file FILE, or name keys that stay unencrypted with --plain db,module,grub",
            )
        })
    }

    /// The subject of a key's certificate, or the user ID of GRUB's.
    pub(in super::super) fn subject(&self, name: KeyName, year: u16) -> String {
        let subject = format!("{} {} {year}", self.name, name.purpose());
        if self.rehearsal {
            format!("{REHEARSAL} {subject}")
        } else {
            subject
        }
    }
}

/// The absolute form of a path; nothing has to exist there.
pub(in super::super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).or_could_not_run(|| format!("cannot tell where {} is", path.shown()))
}
