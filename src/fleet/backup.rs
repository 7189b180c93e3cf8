//! The backups of nodes: each is under a passphrase that whoever has the fleet's key makes again. So the shares of the fleet's own backup
//! open those of all nodes, also of nodes that joined after the shares were handed out.

use std::path::Path;

use crate::ceremony::Derived;
use crate::ceremony::backup::drill::{Opener, under_fleet};
use crate::error::{Error, Result};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::keys::directory::Ask;
use crate::keys::{Identity, KeyDirectory, KeyName, Passphrase, Signer};

/// The beginning of the text that a passphrase is made from.
const BACKUP_OF: &str = "fleet backup of node";

/// The passphrase of the backup of a node.
pub(super) fn of_node(identity: &Identity, node: &str, number: u64) -> Result<Derived> {
    let under = format!("{BACKUP_OF} {number} {node}");
    let passphrase = passphrase(identity.signer.as_ref(), &under)?;
    Ok(Derived { passphrase, under })
}

/// SHA-256 of the signature of the text, in hexadecimal: RSASSA-PKCS1-v1_5 is the same each time, and nobody else can make it.
fn passphrase(signer: &dyn Signer, under: &str) -> Result<Passphrase> {
    let signature = signer.sign(&HashAlgorithm::Sha256.digest(&[under.as_bytes()]))?;
    Passphrase::new(&HashAlgorithm::Sha256.digest(&[&signature]).to_hex())
}

/// The secret that opens an archive, from the fleet's key in this directory: its offline one, or one that the key was restored into.
pub fn opener(fleet: &Path, archive: &Path, ask: &mut Ask<'_>) -> Result<Opener> {
    let under = under_fleet(archive)?.filter(|under| under.starts_with(BACKUP_OF));
    let under = under.ok_or_else(|| {
        Error::usage(format!("{} is not under the key of a fleet", archive.shown()))
            .hint("leave --fleet out, and give the passphrase or the shares")
    })?;
    let identity = KeyDirectory::open(fleet)?.identity(KeyName::Fleet, ask)?;
    passphrase(identity.signer.as_ref(), &under).map(Opener::Fleet)
}
