//! RSA private operations by the `rsa` crate, blinded, with the Chinese remainder theorem: the fallback where there is
//! no AWS-LC, and its cross-check.

use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;

use crate::formats::crypto::hash::Digest;
use crate::formats::crypto::rsa_public_key::{RsaPublicKey, pkcs1v15};

/// A private key of the `rsa` crate.
pub(super) struct PortableKey {
    private: RsaPrivateKey,
    public: RsaPublicKey,
}

impl PortableKey {
    /// Reads a DER `RSAPrivateKey` (RFC 8017, appendix A.1.2); `None` if its numbers do not fit together.
    pub(super) fn new(pkcs1: &[u8]) -> Option<Self> {
        let private = RsaPrivateKey::from_pkcs1_der(pkcs1).ok()?;
        let public = RsaPublicKey::from_rsa(private.to_public_key()).ok()?;
        Some(Self { private, public })
    }

    /// RSASSA-PKCS1-v1_5 over a digest. `None` if it fails, or if the result does not verify: a fault in one half of
    /// the computation would give the private key away to whoever sees the signature.
    pub(super) fn sign(&self, digest: &Digest) -> Option<Vec<u8>> {
        let signature = self
            .private
            .sign(pkcs1v15(digest.algorithm()), digest.as_bytes())
            .ok()?;
        self.public.verify(digest, &signature).ok()?;
        Some(signature)
    }
}
