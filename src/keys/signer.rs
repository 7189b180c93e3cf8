//! The one door to private operations, for keys in files and on tokens.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::{Explain, Result};
use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::cms::{Shape, Unsigned};
use crate::formats::crypto::hash::Digest;
use crate::formats::crypto::rsa_public_key::RsaPublicKey;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, EfiTime, VariableName};

/// An RSA private key that can be used, but not read.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> &RsaPublicKey;

    /// RSASSA-PKCS1-v1_5 over a digest; the signature is as long as the modulus, big-endian.
    fn sign(&self, digest: &Digest) -> Result<Vec<u8>>;

    /// A secret that only who has the private key can make, for the manifest of signed files. `None` where the key
    /// cannot be read, as on a token.
    fn manifest_secret(&self) -> Result<Option<Zeroizing<[u8; 32]>>> {
        Ok(None)
    }
}

impl<T: Signer + ?Sized> Signer for Arc<T> {
    fn public_key(&self) -> &RsaPublicKey {
        (**self).public_key()
    }

    fn sign(&self, digest: &Digest) -> Result<Vec<u8>> {
        (**self).sign(digest)
    }

    fn manifest_secret(&self) -> Result<Option<Zeroizing<[u8; 32]>>> {
        (**self).manifest_secret()
    }
}

/// A private key and its certificate.
pub struct Identity {
    /// The key's name in the key directory: PK, KEK, db or module.
    pub name: String,
    /// The certificate.
    pub certificate: Certificate,
    /// The private key.
    pub signer: Box<dyn Signer>,
}

impl Identity {
    /// Makes a complete CMS `SignedData` of this shape over content with this digest.
    pub fn sign_cms(&self, shape: Shape, content: Digest) -> Result<Vec<u8>> {
        let unsigned = Unsigned::new(shape, &self.certificate, content);
        let cannot = || format!("cannot assemble a signature by the {} key", self.name);
        let signature = self.signer.sign(&unsigned.to_be_signed().or_bug(cannot)?)?;
        unsigned.assemble(&signature).or_bug(cannot)
    }

    /// Signs a write of a firmware variable: `payload` is its new data, or with the append bit in `attributes` what is
    /// added to it. Firmware takes a write that does not append only if `time` is later than that of the last one.
    pub fn sign_update(
        &self,
        variable: VariableName,
        attributes: u32,
        time: EfiTime,
        payload: Vec<u8>,
    ) -> Result<AuthenticatedVariable> {
        let mut update = AuthenticatedVariable {
            time,
            signed_data: Vec::new(),
            payload,
        };
        update.signed_data = self.sign_cms(Shape::Variable, update.signed_digest(variable, attributes))?;
        Ok(update)
    }
}
