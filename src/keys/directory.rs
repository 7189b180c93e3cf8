//! The key directory, which a ceremony makes and every other command reads.
//!
//! | file | content |
//! |---|---|
//! | `PK.key`, `KEK.key`, `db.key`, `module.key`, `grub.key`, where asked for `pcr.key` | private keys, PKCS#8 PEM, mode 0400 |
//! | `NAME.uri` in place of `NAME.key` | a line with the PKCS#11 URI (RFC 7512) of the key on a token |
//! | `PK.pem`, `KEK.pem`, `db.pem`, `module.pem`, `pcr.pem` and `.der` | certificates |
//! | `PK.esl`, `KEK.esl`, `db.esl` | signature lists: the data of the variables |
//! | `PK.auth`, `KEK.auth`, `db.auth` | the same, signed for a write of the variable |
//! | `dbx.auth` | revocations, signed for a write that appends |
//! | `applied-VARIABLE-DIGEST.auth` | a write that others had signed, and that was applied; empty once our own lists have its entries |
//! | `noPK.auth` | an empty PK, signed by the present one: back to Setup Mode; beside the private key of PK alone |
//! | `grub.gpg` | the OpenPGP public keys that GRUB embeds: one, as a ceremony makes it |
//! | `owner.guid` | the owner GUID of our entries |
//! | `ceremony.jsonl` | the transcript of the ceremony, and of the later life of its keys |

use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, VariableName};
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::grub::openpgp::GrubKey;
use crate::formats::text::Shown;
use crate::system;
use crate::system::config::DEFAULT_KEYS;

use super::grub_keys::{read_grub_key, read_grub_keys};
use super::name::KeyName;
use super::passphrase::Passphrase;
use super::pkcs8::Protection;
use super::pkcs11::{TokenKey, TokenUri};
use super::signer::{Identity, Signer};
use super::software::SoftwareKey;

/// File with the owner's GUID.
pub const OWNER: &str = "owner.guid";
/// File with GRUB's public key.
pub const GRUB_PUBLIC_KEY: &str = "grub.gpg";
/// File with the write that deletes PK.
pub const REMOVE_PK: &str = "noPK.auth";
/// Directory of the files that `keys rotate` has made and not yet put in their places, one for each key below it.
const ROTATION: &str = "rotation";
/// Directory of keys that gave way to others.
pub const RETIRED: &str = "retired";
/// File with the transcript of the ceremony.
pub const TRANSCRIPT: &str = "ceremony.jsonl";
/// Longest URI of a key that is read, in bytes.
const MAX_URI: u64 = 4096;
/// Largest of the other files that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;

/// Asks for a secret; the argument names it, as "Passphrase of the db key".
pub type Ask<'a> = dyn FnMut(&str) -> Result<Passphrase> + 'a;

/// A directory with the files of a ceremony. Every method reads the one or two files that it needs, so a command that
/// signs with db never opens PK or KEK.
#[derive(Debug, Clone)]
pub struct KeyDirectory {
    path: PathBuf,
    /// The directory that stands for `/` to links in it.
    root: PathBuf,
}

impl KeyDirectory {
    /// The key directory at `path`; nothing in it is read yet. Directory and files must be ours alone: also the public
    /// halves decide what is accepted. A directory without any file of a ceremony is none: nothing would follow from it.
    pub fn open(path: &Path) -> Result<Self> {
        // Where keys usually are the first machine is led there; a place that was named is made.
        let make = || {
            if path == Path::new(DEFAULT_KEYS) {
                "bootseal setup".to_owned()
            } else {
                format!("bootseal ceremony run --name NAME --out {}", quoted(path))
            }
        };
        match Self::find(path)? {
            Some(keys) => Ok(keys),
            None if path.is_dir() => {
                let text = format!("{} holds none of the files of a key directory", path.shown());
                let mount = "if it is meant to be mounted there, mount it; else name the right one with --keys DIR";
                Err(Error::could_not_run(text).hint(mount).hint(make()))
            }
            None => Err(Error::could_not_run(format!("there is no key directory at {}", path.shown())).hint(make())),
        }
    }

    /// The same; none if there is no directory, or one without any file of a ceremony. Could not run if that cannot be seen.
    pub fn find(path: &Path) -> Result<Option<Self>> {
        if !system::is_there(path)? || !path.is_dir() {
            return Ok(None);
        }
        system::check_directory_is_ours(path)?;
        let keys = Self::unjudged(path);
        Ok(keys.has_any()?.then_some(keys))
    }

    /// True if a file of a ceremony is there.
    fn has_any(&self) -> Result<bool> {
        let of_key = |name| {
            [
                self.public_path(name),
                self.private_key_path(name),
                self.token_uri_path(name),
            ]
        };
        let of_variable = |name| [self.lists_path(name), self.update_path(name)];
        let others = [OWNER, REMOVE_PK, TRANSCRIPT, ROTATION].map(|file| self.file_path(file));
        let files = KeyName::ALL.into_iter().flat_map(of_key);
        let files = files
            .chain(VariableName::ALL.into_iter().flat_map(of_variable))
            .chain(others);
        for path in files {
            if system::is_there(&path)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same for whoever tells what is wrong with it: others may be able to change it.
    #[must_use]
    pub fn unjudged(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            root: PathBuf::from("/"),
        }
    }

    /// The same directory of a machine whose root is mounted here, where links in it lead to where they do on that machine.
    #[must_use]
    pub fn below(mut self, root: &Path) -> Self {
        if self.path.starts_with(root) {
            self.root = root.to_path_buf();
        }
        self
    }

    /// The path of the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of a key's private half.
    #[must_use]
    pub fn private_key_path(&self, name: KeyName) -> PathBuf {
        self.file_path(&format!("{name}.key"))
    }

    /// Path of a key's certificate, PEM.
    #[must_use]
    pub fn certificate_path(&self, name: KeyName) -> PathBuf {
        self.file_path(&format!("{name}.pem"))
    }

    /// Path of a key's public half: the certificate, PEM, or GRUB's public key.
    #[must_use]
    pub fn public_path(&self, name: KeyName) -> PathBuf {
        match name {
            KeyName::Grub => self.file_path(GRUB_PUBLIC_KEY),
            _ => self.certificate_path(name),
        }
    }

    /// The key on a token that stands for this one, if one does.
    pub fn token_uri(&self, name: KeyName) -> Result<Option<TokenUri>> {
        let path = self.token_uri_path(name);
        if system::is_there(&path)? {
            read_uri(&path).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Path of a variable's signature lists.
    #[must_use]
    pub fn lists_path(&self, variable: VariableName) -> PathBuf {
        self.file_path(&format!("{variable}.esl"))
    }

    /// Path of the signed write of a variable.
    #[must_use]
    pub fn update_path(&self, variable: VariableName) -> PathBuf {
        self.file_path(&format!("{variable}.auth"))
    }

    /// Path of one of the other files: [`OWNER`], [`GRUB_PUBLIC_KEY`], [`REMOVE_PK`].
    #[must_use]
    pub fn file_path(&self, file: &str) -> PathBuf {
        let path = self.path.join(file);
        if self.root == Path::new("/") {
            return path;
        }
        // What is not there, or leads nowhere, is for who reads it to tell of.
        system::resolve(&self.root, &path).unwrap_or(path)
    }

    /// The certificate of a key.
    pub fn certificate(&self, name: KeyName) -> Result<Certificate> {
        let path = self.certificate_path(name);
        Certificate::from_pem(&system::read_ours(&path, MAX_FILE)?).or_refuse(|| format!("cannot use {}", path.shown()))
    }

    /// A private key with its certificate, after checking that they belong together. `ask` is called only if the key is
    /// encrypted, or on a token whose PIN is nowhere else.
    pub fn identity(&self, name: KeyName, ask: &mut Ask<'_>) -> Result<Identity> {
        let certificate = self.certificate(name)?;
        let certified = certificate
            .public_key()
            .or_refuse(|| format!("cannot use {}", self.certificate_path(name).shown()))?;
        Ok(Identity {
            name: name.name().to_owned(),
            signer: self.signer(name, &certified, &self.certificate_path(name), ask)?,
            certificate,
        })
    }

    /// GRUB's key: the private half, after checking that it belongs to the public one. `ask` is called only if the key
    /// is encrypted.
    pub fn grub_key(&self, ask: &mut Ask<'_>) -> Result<(Box<dyn Signer>, GrubKey)> {
        let path = self.file_path(GRUB_PUBLIC_KEY);
        let keys = read_grub_keys(&path)?;
        let signer = self.private(KeyName::Grub, ask)?;
        let own = keys.into_iter().find(|key| key.public_key() == signer.public_key());
        let key = own.ok_or_else(|| self.mismatch(KeyName::Grub, &path))?;
        Ok((signer, key))
    }

    /// Checks that a private half that lies here in clear is that of the certificate, or of GRUB's public key. False if that
    /// cannot be seen without a secret: the key is encrypted, on a token, or elsewhere.
    pub fn check_halves(&self, name: KeyName) -> Result<bool> {
        let path = self.private_key_path(name);
        if !system::is_there(&path)? || SoftwareKey::protection(&path)? != Protection::Plain {
            return Ok(false);
        }
        let ask: &mut Ask<'_> = &mut |_| Err(Error::bug("a key in clear has no passphrase"));
        match name {
            KeyName::Grub => self.grub_key(ask).map(|_| true),
            _ => self.identity(name, ask).map(|_| true),
        }
    }

    /// The public keys that GRUB embeds: the present ones, and while `keys rotate grub` is under way the next one.
    pub fn grub_public_keys(&self) -> Result<Vec<GrubKey>> {
        let mut keys = read_grub_keys(&self.file_path(GRUB_PUBLIC_KEY))?;
        keys.extend(self.next_grub_key()?);
        Ok(keys)
    }

    /// The public key that GRUB embeds, the first one if there are several.
    pub fn grub_public_key(&self) -> Result<GrubKey> {
        read_grub_key(&self.file_path(GRUB_PUBLIC_KEY))
    }

    /// The public key that takes the place of GRUB's present one, while `keys rotate grub` is under way.
    pub fn next_grub_key(&self) -> Result<Option<GrubKey>> {
        let next = self.rotation(KeyName::Grub).join(GRUB_PUBLIC_KEY);
        next.exists().then(|| read_grub_key(&next)).transpose()
    }

    /// The directory of the files of a key's rotation that is under way.
    #[must_use]
    pub fn rotation(&self, name: KeyName) -> PathBuf {
        self.path.join(ROTATION).join(name.name())
    }

    /// The owner GUID of our own entries.
    pub fn owner(&self) -> Result<Guid> {
        let path = self.file_path(OWNER);
        let bytes = system::read_ours(&path, MAX_FILE)?;
        let text = String::from_utf8_lossy(&bytes);
        text.trim()
            .parse()
            .or_refuse(|| format!("{} holds no GUID", path.shown()))
    }

    /// The signed write of a variable: PK, KEK and db replace it, dbx appends to it.
    pub fn update(&self, variable: VariableName) -> Result<AuthenticatedVariable> {
        read_update(&self.update_path(variable))
    }

    /// The same, if there is one.
    pub fn update_if_there(&self, variable: VariableName) -> Result<Option<AuthenticatedVariable>> {
        let is_there = system::is_there(&self.update_path(variable))?;
        is_there.then(|| self.update(variable)).transpose()
    }

    /// The signed write that deletes PK; `None` where there is none, as on a node.
    pub fn remove_pk(&self) -> Result<Option<AuthenticatedVariable>> {
        let path = self.file_path(REMOVE_PK);
        system::is_there(&path)?.then(|| read_update(&path)).transpose()
    }

    /// The content of the variable once it is enrolled. A ceremony without revocations leaves dbx empty.
    pub fn database(&self, variable: VariableName) -> Result<SignatureDatabase> {
        let (path, lists) = if variable == VariableName::Dbx {
            let path = self.update_path(variable);
            if !system::is_there(&path)? {
                return Ok(SignatureDatabase::default());
            }
            let lists = read_update(&path)?.payload;
            (path, lists)
        } else {
            let path = self.lists_path(variable);
            let lists = system::read_ours(&path, MAX_FILE)?;
            (path, lists)
        };
        SignatureDatabase::parse(&lists).or_refuse(|| format!("cannot read signature lists from {}", path.shown()))
    }

    /// Path of the file that names a key on a token.
    #[must_use]
    pub fn token_uri_path(&self, name: KeyName) -> PathBuf {
        self.file_path(&format!("{name}.uri"))
    }

    /// True if a key of the directory is on a token.
    #[must_use]
    pub fn has_tokens(&self) -> bool {
        KeyName::ALL.iter().any(|name| self.token_uri_path(*name).exists())
    }

    fn signer(&self, name: KeyName, public: &RsaPublicKey, known: &Path, ask: &mut Ask<'_>) -> Result<Box<dyn Signer>> {
        let key = self.private(name, ask)?;
        if key.public_key() == public {
            return Ok(key);
        }
        Err(self.mismatch(name, known))
    }

    fn mismatch(&self, name: KeyName, known: &Path) -> Error {
        let file = self.private_key_path(name);
        let path = if file.exists() {
            file.clone()
        } else {
            self.token_uri_path(name)
        };
        let word = quoted(&path);
        let (key, known) = (path.shown(), known.shown());
        let refused = Error::refused(format!("{key} is not the private key of {known}"));
        if path != file {
            return refused.hint(format!("name the key of {known} in {key}, by object or id"));
        }
        let keys = quoted(&self.path);
        refused
            .hint(format!(
                "if {known} is the wrong one, from another directory of the ceremony: bootseal keys sync --keys {keys} STICK"
            ))
            .hint(format!(
                "if {key} is: bootseal ceremony restore --only {name} --with {keys} BACKUP NEW && mv -f NEW/{name}.key {word} && rm -r NEW"
            ))
    }

    /// A private key, not compared with its certificate yet. `ask` is called only if the key is encrypted, or on a
    /// token whose PIN is nowhere else.
    pub fn private(&self, name: KeyName, ask: &mut Ask<'_>) -> Result<Box<dyn Signer>> {
        let (file, uri) = (self.private_key_path(name), self.token_uri_path(name));
        match (file.exists(), uri.exists()) {
            (true, true) => {
                let (file, uri) = (file.shown(), uri.shown());
                Err(Error::refused(format!(
                    "there are both {file} and {uri}, so it is not clear where the key is"
                ))
                .hint("remove the one that is not to be used"))
            }
            (false, true) => {
                let ask = &mut |token: &str| ask(&name.pin_of(token));
                Ok(Box::new(TokenKey::open(&read_uri(&uri)?, ask)?))
            }
            (_, false) => Ok(Box::new(self.software_key(name, ask)?)),
        }
    }

    /// A private key from its file, which can be encrypted anew.
    pub fn software_key(&self, name: KeyName, ask: &mut Ask<'_>) -> Result<SoftwareKey> {
        let path = self.private_key_path(name);
        SoftwareKey::load(&path, &mut || ask(&name.secret_in(&path)))
    }
}

fn read_uri(path: &Path) -> Result<TokenUri> {
    // The library that it names is loaded into this process.
    let bytes = system::read_ours(path, MAX_URI)?;
    let cannot = || format!("{} holds no PKCS#11 URI of a key", path.shown());
    let text = String::from_utf8(bytes).or_refuse(cannot)?;
    text.trim().parse().or_refuse(cannot)
}

fn read_update(path: &Path) -> Result<AuthenticatedVariable> {
    AuthenticatedVariable::parse(&system::read_ours(path, MAX_FILE)?)
        .or_refuse(|| format!("{} is no signed write of a variable", path.shown()))
}
