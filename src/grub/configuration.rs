//! What the image runs first. It is signed with the image, and it is all that stands between a bad `grub.cfg.sig` and an
//! open shell.

use sha2::Sha512;

use crate::error::{Error, Result};
use crate::keys::Passphrase;
use crate::system::Context;

use super::file_system::FileSystem;

/// Rounds of PBKDF2: GRUB does some 100,000 a second on one core.
const ROUNDS: u32 = 50_000;
/// Size of salt and hash, in bytes, as `grub-mkpasswd-pbkdf2` makes them.
const SIZE: usize = 64;
/// How a hash begins.
const SCHEME: &str = "grub.pbkdf2.sha512.";

/// Beside `grub.cfg`: the last one that was signed, for the time between a new one and its signature.
pub const KEPT_MENU: &str = "grub.cfg.signed";

/// Who may edit entries and get a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superuser {
    /// The name.
    pub name: String,
    /// `grub.pbkdf2.sha512.ROUNDS.SALT.HASH`; without one there is no password that lets anybody in.
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
            let fields: Vec<&str> = hash.strip_prefix(SCHEME).unwrap_or_default().split('.').collect();
            matches!(fields.as_slice(), [rounds, salt, hash]
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

/// Hashes a password for GRUB with a salt of its own.
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
    // Reached where that one's signature does not hold: grub-mkconfig wrote it anew, and who was to sign it was killed.
    line(&format!("configfile $prefix/{KEPT_MENU}"));
    // `configfile` is silent about what it does not read; this says why.
    line("verify_detached $prefix/grub.cfg $prefix/grub.cfg.sig");
    line("echo 'bootseal: nothing was started: grub.cfg is missing, or its signature does not hold.'");
    line("sleep 10");
    line("reboot");
    text
}
