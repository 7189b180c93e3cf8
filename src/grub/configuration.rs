//! The configuration that is embedded in the image and runs first. It is signed with the image, and is the only protection
//! between a bad `grub.cfg.sig` and an open shell.

use sha2::Sha512;

use crate::error::{Error, Result};
use crate::keys::Passphrase;
use crate::system::Context;

use super::file_system::FileSystem;

/// Rounds of PBKDF2; GRUB does about 100,000 a second on one core.
const ROUNDS: u32 = 50_000;
/// Size of salt and hash, in bytes, as `grub-mkpasswd-pbkdf2` makes them.
const SIZE: usize = 64;
/// The beginning of a hash.
const SCHEME: &str = "grub.pbkdf2.sha512.";

/// The file beside `grub.cfg` with the last signed menu, for the time between a new menu and its signature.
pub const KEPT_MENU: &str = "grub.cfg.signed";

/// The user who may edit entries and get a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superuser {
    /// The name.
    pub name: String,
    /// The hash `grub.pbkdf2.sha512.ROUNDS.SALT.HASH`; without one, no password is accepted.
    pub hash: Option<String>,
}

impl Superuser {
    pub(super) fn check(&self) -> Result<()> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(is_name) {
            return Err(Error::usage(format!(
                "\"{}\" is no name of letters, digits, - and _",
                self.name
            )));
        }
        let is_hash = |hash: &String| {
            let fields: Option<Vec<&str>> = hash.strip_prefix(SCHEME).map(|fields| fields.split('.').collect());
            matches!(fields.as_deref(), Some([rounds, salt, hash])
                if rounds.parse::<u32>().is_ok_and(|rounds| rounds > 0)
                    && !salt.is_empty() && hex::decode(salt).is_ok()
                    && !hash.is_empty() && hex::decode(hash).is_ok())
        };
        if self.hash.as_ref().is_some_and(|hash| !is_hash(hash)) {
            return Err(
                Error::usage("the password is no hash as grub-mkpasswd-pbkdf2 makes it").hint("bootseal grub password")
            );
        }
        Ok(())
    }
}

/// The hash of a password for GRUB, with a random salt.
pub fn hash_password(context: &Context, password: &Passphrase) -> Result<String> {
    let salt: [u8; SIZE] = context.random()?;
    let mut hash = [0; SIZE];
    pbkdf2::pbkdf2_hmac::<Sha512>(password.danger_reveal().as_bytes(), &salt, ROUNDS, &mut hash);
    let [salt, hash] = [salt, hash].map(hex::encode_upper);
    Ok(format!("{SCHEME}{ROUNDS}.{salt}.{hash}"))
}

/// The embedded configuration. GRUB's rescue parser reads it: one command a line, no `if`.
pub(super) fn embedded(file_system: &FileSystem, superuser: &Superuser) -> String {
    let mut text = String::from("set check_signatures=enforce\nexport check_signatures\n");
    let mut line = |words: &str| {
        text.push_str(words);
        text.push('\n');
    };
    line(&format!("set superusers={}", superuser.name));
    line("export superusers");
    if let Some(hash) = &superuser.hash {
        line(&format!("password_pbkdf2 {} {hash}", superuser.name));
    }
    for uuid in &file_system.encrypted {
        // GRUB leaves the hyphens out.
        line(&format!("cryptomount -u {}", uuid.replace('-', "")));
    }
    // By UUID: looking for a file would open it, and want a signature.
    line(&format!("search.fs_uuid {} root", file_system.uuid));
    line(&format!("set prefix=($root){}", file_system.path.trim_end_matches('/')));
    line("configfile $prefix/grub.cfg");
    // Reached if the signature of grub.cfg does not hold: grub-mkconfig wrote it anew, and the signing run was killed.
    line(&format!("configfile $prefix/{KEPT_MENU}"));
    // `configfile` does not say why it fails to read a file; this command does.
    line("verify_detached $prefix/grub.cfg $prefix/grub.cfg.sig");
    line("echo 'bootseal: nothing was started: grub.cfg is missing, or its signature does not hold.'");
    line("sleep 10");
    line("reboot");
    text
}
