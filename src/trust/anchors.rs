//! The certificates, databases and keys that verdicts rest on.

use crate::error::Result;
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::VariableName;
use crate::formats::firmware::signature_list::SignatureDatabase;
use crate::formats::grub::openpgp::GrubKey;
use crate::keys::directory::GRUB_PUBLIC_KEY;
use crate::keys::{KeyDirectory, KeyName};
use crate::system::is_there;

use super::applied::meant;

/// The certificates, databases and keys that firmware, kernel and GRUB of a machine trust.
#[derive(Debug, Clone, Default)]
pub struct Anchors {
    /// The firmware's PK.
    pub pk: SignatureDatabase,
    /// The firmware's KEK.
    pub kek: SignatureDatabase,
    /// The firmware's db.
    pub db: SignatureDatabase,
    /// The firmware's dbx.
    pub dbx: SignatureDatabase,
    /// Certificates that the kernel trusts for modules.
    pub modules: Vec<Certificate>,
    /// Keys that GRUB embeds.
    pub grub: Vec<GrubKey>,
    /// True if shim starts GRUB, and not the firmware.
    pub with_shim: bool,
}

impl Anchors {
    /// The anchors of a machine that was set up from this key directory. A file that the directory does not have adds
    /// none.
    pub fn from_directory(keys: &KeyDirectory) -> Result<Self> {
        let database = |variable| {
            if is_there(&keys.lists_path(variable))? || is_there(&keys.update_path(variable))? {
                meant(keys, variable)
            } else {
                Ok(SignatureDatabase::default())
            }
        };
        let mut anchors = Self {
            pk: database(VariableName::Pk)?,
            kek: database(VariableName::Kek)?,
            db: database(VariableName::Db)?,
            dbx: database(VariableName::Dbx)?,
            ..Self::default()
        };
        if is_there(&keys.certificate_path(KeyName::Module))? {
            anchors.modules.push(keys.certificate(KeyName::Module)?);
        }
        if is_there(&keys.file_path(GRUB_PUBLIC_KEY))? {
            anchors.grub = keys.grub_public_keys()?;
        }
        Ok(anchors)
    }
}
