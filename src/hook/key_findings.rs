//! The findings about keys that keep a hook from signing the next kernel, or that may be meant.

use std::io::ErrorKind;
use std::path::Path;

use crate::ceremony::life;
use crate::error::{Error, Result};
use crate::finding::{Finding, Kind};
use crate::formats::text::{Shown, printable};
use crate::keys::pkcs11::TokenUri;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::config::Config;
use crate::system::{self, Context, is_private};

/// There is no key directory.
const NO_KEYS: Kind = Kind::error("no_keys");
/// The key directory cannot be read.
const UNREADABLE_KEYS: Kind = Kind::error("unreadable_keys");
/// A key that signs is missing.
const KEY_MISSING: Kind = Kind::warning("key_missing");
/// A key is encrypted, and no file holds its passphrase.
const NO_PASSPHRASE: Kind = Kind::warning("no_passphrase");
/// The program that prints the passphrase cannot be started.
const PASSPHRASE_COMMAND: Kind = Kind::error("passphrase_command");
/// The private half of a key is missing.
const NO_PRIVATE_KEY: Kind = Kind::error("no_private_key");
/// The private half of a key is not taken, since others may read it.
const KEY_UNUSABLE: Kind = Kind::error("key_unusable");
/// The private half of a key is not that of its certificate, or of GRUB's public key.
pub const KEY_MISMATCH: Kind = Kind::error("key_mismatch");
/// The file with the PIN of a token is missing.
const PIN_FILE_MISSING: Kind = Kind::error("pin_file_missing");
/// A key is on a token, and no file holds its PIN.
const NO_PIN: Kind = Kind::warning("no_pin");

/// A copy that was exported is of a former key.
const OUTDATED_COPY: Kind = Kind::warning("outdated_copy");

/// The findings about exported copies, for Portage, the kernel's build and others, that are of a former key.
pub(super) fn copies(context: &Context, keys: &Path) -> Result<Vec<Finding>> {
    let Ok(Some(keys)) = KeyDirectory::find(keys) else {
        return Ok(Vec::new());
    };
    let outdated = life::outdated_copies(context, &keys.below(context.root()))?;
    let found = |copy: &life::Copy| {
        let (path, key) = (copy.path.shown(), printable(&copy.key));
        let text = format!(
            "{path} was exported from the {key} key before that was changed; whoever takes it works with the former one"
        );
        Finding::new(OUTDATED_COPY, path, text).remedy(copy.remedy())
    };
    Ok(outdated.iter().map(found).collect())
}

/// The findings about the keys. Could not run if the key directory cannot be looked into: there may be all of them.
pub(super) fn key_findings(context: &Context, config: &Config, keys: &Path, uses_grub: bool) -> Result<Vec<Finding>> {
    let place = keys.shown();
    let unreadable = |error: Error| {
        if error.io_kind() == Some(ErrorKind::PermissionDenied) {
            return Err(error);
        }
        let text = format!("the keys at {place} cannot be read: {}", error.in_one_line());
        Ok(vec![
            Finding::new(UNREADABLE_KEYS, keys.shown(), text).remedies(error.hints()),
        ])
    };
    let directory = match KeyDirectory::find(keys) {
        Ok(Some(found)) => found.below(context.root()),
        Ok(None) => {
            let text = format!("there are no keys at {place}: nothing is signed");
            return Ok(vec![Finding::new(NO_KEYS, keys.shown(), text).remedy("bootseal setup")]);
        }
        Err(error) => return unreadable(error),
    };
    let listed = match life::list(&directory) {
        Ok(listed) => listed,
        Err(error) => return unreadable(error),
    };
    let mut findings = Vec::new();
    for name in [KeyName::Module, KeyName::Db, KeyName::Grub] {
        let found = |kind, text: String| Finding::new(kind, format!("{name} key"), text);
        let Some(key) = listed.iter().find(|key| key.name == name.name()) else {
            if name == KeyName::Grub && !uses_grub {
                continue;
            }
            let unsigned = match name {
                KeyName::Module => "modules are",
                KeyName::Grub => "files that GRUB opens are",
                _ => "the image is",
            };
            let text = format!("there is no {name} key at {place}: {unsigned} not signed");
            findings.push(found(KEY_MISSING, text));
            continue;
        };
        let is_encrypted = ["scrypt", "pbkdf2"].contains(&key.protection.as_str());
        if is_encrypted && !config.hook.is_unattended() {
            let text = format!("the {name} key is encrypted, and nobody may be there to type the passphrase");
            let remedy = "name a file or a program: [hook] passphrase_file or passphrase_command in the configuration";
            findings.push(found(NO_PASSPHRASE, text).remedy(remedy));
        } else if key.private_key.is_none() {
            let text = format!("the private half of the {name} key is not at {place}");
            let remedy = format!("copy {name}.key there, or name its token in {name}.uri");
            findings.push(found(NO_PRIVATE_KEY, text).remedy(remedy));
        } else if let Ok(Some(uri)) = directory.token_uri(name) {
            findings.extend(pin(name, &uri, config));
        } else if let Err(error) = directory.check_halves(name) {
            let is_open = matches!(is_private(&directory.private_key_path(name)), Ok(false));
            let kind = if is_open { KEY_UNUSABLE } else { KEY_MISMATCH };
            findings.push(found(kind, printable(&error.in_one_line())).remedies(error.hints()));
        }
    }
    Ok(findings)
}

/// The finding of a program for the passphrase that is missing, or that others could change. It is not started to look: that
/// would have the secret told.
pub(super) fn passphrase_command(context: &Context, config: &Config) -> Option<Finding> {
    let program = &config.hook.passphrase_command.as_ref()?.program;
    let path = context.path(program);
    let found = |reason: String| {
        let text = format!(
            "[hook] passphrase_command cannot start {}: {}",
            program.shown(),
            printable(&reason)
        );
        Finding::new(PASSPHRASE_COMMAND, program.shown(), text)
    };
    match system::check_ours(&path) {
        Err(error) => Some(found(error.in_one_line()).remedies(error.hints())),
        Ok(()) if path.is_file() => None,
        Ok(()) => Some(found("it is not there".to_owned()).remedy("install it, or name the one that is there")),
    }
}

/// The finding of a token whose PIN is nowhere.
fn pin(name: KeyName, uri: &TokenUri, config: &Config) -> Option<Finding> {
    let found = |kind, text: String| Finding::new(kind, format!("{name} key"), text);
    match &uri.pin_source {
        Some(path) if !path.exists() => {
            let path = path.shown();
            let text = format!("the PIN of the {name} key's token is to be in {path}, which is not there");
            let remedy = format!("write it there, with mode 0400, or change {name}.uri");
            Some(found(PIN_FILE_MISSING, text).remedy(remedy))
        }
        None if !config.hook.is_unattended() => {
            let text = format!("the {name} key is on a token, and nobody may be there to type the PIN");
            let remedy = format!("name a file with it: pin-source=file:PATH in {name}.uri");
            Some(found(NO_PIN, text).remedy(remedy))
        }
        _ => None,
    }
}
