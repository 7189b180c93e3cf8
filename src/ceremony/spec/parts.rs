//! The parts of a specification.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::keys::certificate::Purpose;
use crate::keys::pkcs11::TokenUri;
use crate::keys::{KeyName, Passphrase};
use crate::system::NodeName;

use super::shares::Shares;

/// Validity of certificates unless another is asked for, in years.
pub const DEFAULT_YEARS: u16 = 10;

/// The revocations that go into dbx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revocations {
    /// Microsoft's list for x86-64, signed anew by our own KEK.
    #[default]
    Microsoft,
    /// None.
    None,
}

/// The place of a private key.
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
    /// True if the key is made here, so that the backup has it, and then put there; else the token makes it.
    pub import: bool,
}

/// One of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySpec {
    /// Size of the modulus, in bits: 2048, 3072 or 4096.
    pub bits: u32,
    /// Validity of its certificate, in years, 1 to 100.
    pub years: u16,
    /// The place of the private half.
    pub place: Place,
    /// True if the file is encrypted; without effect on a token.
    pub encrypted: bool,
}

/// The backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// A directory that does not exist yet, or is empty.
    pub directory: PathBuf,
    /// The numbers of shares of the secret that opens it; undivided it is the passphrase of the keys.
    pub shares: Option<Shares>,
}

/// The word of a person who takes it upon himself that no backup has been tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The name of the person.
    pub by: String,
    /// The reason.
    pub reason: String,
}

/// The nodes of a fleet, and what they have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetSpec {
    /// The key that signs the fleet's transcript and the bundles; offline, and always encrypted.
    pub key: KeySpec,
    /// The directory of the bundles.
    pub bundles: PathBuf,
    /// The nodes that are named.
    pub nodes: Vec<NodeSpec>,
}

/// A node of a fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its name: host name or machine-id.
    pub name: NodeName,
    /// Its keys.
    pub keys: BTreeMap<KeyName, KeySpec>,
}

/// A passphrase that nobody keeps, since it can be made again.
pub struct Derived {
    /// The passphrase.
    pub passphrase: Passphrase,
    /// The text that it is made from, by a key that is kept.
    pub under: String,
}

/// The purpose that the certificate of a key states.
pub(crate) const fn purpose(name: KeyName) -> Purpose {
    match name {
        KeyName::Pk | KeyName::Kek | KeyName::Fleet => Purpose::Variables,
        KeyName::Pcr => Purpose::Measurements,
        KeyName::Db | KeyName::Module | KeyName::Grub => Purpose::Code,
    }
}

impl KeySpec {
    /// A rehearsal puts nothing on tokens.
    pub(super) fn rehearse(&mut self) {
        if matches!(self.place, Place::Token(_)) {
            self.place = Place::Node;
            self.encrypted = false;
        }
    }

    /// The usual key of this name: firmware reads RSA-2048 everywhere and more only lately; kernel and GRUB read up to
    /// 4096.
    #[must_use]
    pub const fn usual(name: KeyName) -> Self {
        let bits = match name {
            KeyName::Pk | KeyName::Kek | KeyName::Db | KeyName::Pcr => 2048,
            KeyName::Module | KeyName::Grub | KeyName::Fleet => 4096,
        };
        Self {
            bits,
            years: DEFAULT_YEARS,
            place: Place::Node,
            encrypted: true,
        }
    }
}

impl FleetSpec {
    /// The same in a rehearsal, whose bundles go to this directory.
    pub(super) fn rehearse(&mut self, bundles: &Path) {
        bundles.clone_into(&mut self.bundles);
        let keys = self.nodes.iter_mut().flat_map(|node| node.keys.values_mut());
        keys.chain([&mut self.key]).for_each(KeySpec::rehearse);
    }
}
