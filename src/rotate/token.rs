//! A new key on the token of the one that gives way.

use crate::ceremony::PUBLIC;
use crate::error::Result;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::keys::directory::Ask;
use crate::keys::pkcs11::{TokenKey, TokenUri};
use crate::keys::{KeyDirectory, KeyName, Signer, SoftwareKey};
use crate::system;

use super::new_key::prove;
use super::place::{Files, Place};

/// The protection of a key on a token, as transcripts have it.
pub(super) const TOKEN: &str = "token";
/// Size of the identifier of a new key, in bytes.
const ID: usize = 8;

impl Place<'_> {
    /// Has the token of the old key make a new one beside it, and proves it. Its identifier follows from the old key: a run that was cut
    /// short leaves none behind, since the next one goes on with it. A dry run leaves the token alone.
    pub(super) fn on_token(
        &self,
        name: KeyName,
        uri: &TokenUri,
        old: &RsaPublicKey,
        files: &mut Files,
        ask: &mut Ask<'_>,
    ) -> Result<Box<dyn Signer>> {
        let bits = old.bits().max(name.least_bits());
        if self.context.dry_run() {
            return Ok(Box::new(SoftwareKey::generate(self.context, bits)?));
        }
        let digest = HashAlgorithm::Sha256.digest(&[old.spki_der(), b"successor"]);
        let id: Vec<u8> = digest.as_bytes().iter().take(ID).copied().collect();
        let label = format!("{name}-{}", hex::encode(&id));
        let uri = TokenUri {
            object: None,
            id: Some(id),
            ..uri.clone()
        };
        let ask = &mut |token: &str| ask(&name.pin_of(token));
        let new = TokenKey::generate(&uri, &label, bits, ask)?;
        prove(&new, &TokenKey::open(&uri, ask)?)?;
        files.insert(format!("{name}.uri"), (format!("{uri}\n").into_bytes(), PUBLIC));
        Ok(Box::new(new))
    }

    /// The private half of the new key: still staged, or in its place already.
    pub(super) fn new_private(&self, name: KeyName, ask: &mut Ask<'_>) -> Result<Box<dyn Signer>> {
        let staged = KeyDirectory::unjudged(&self.folder(name));
        if system::is_there(&staged.private_key_path(name))? || system::is_there(&staged.token_uri_path(name))? {
            staged.private(name, ask)
        } else {
            self.keys.private(name, ask)
        }
    }

    /// Takes a new key that is given up off its token.
    pub(super) fn forget_on_token(&self, name: KeyName, ask: &mut Ask<'_>) -> Result<()> {
        match KeyDirectory::unjudged(&self.folder(name)).token_uri(name)? {
            Some(uri) => TokenKey::remove(&uri, &mut |token: &str| ask(&name.pin_of(token))),
            None => Ok(()),
        }
    }
}
