//! RSA private operations by AWS-LC, which makes several times as many a second as the portable implementation.
//!
//! AWS-LC's safe interface has no RSA with SHA-3, so this file calls the C library. The argument for it:
//!
//! - The pointer comes from `RSA_private_key_from_bytes`, is not null, and is freed once, on drop.
//! - `RSA_sign_raw` gets a buffer of `RSA_size` bytes with its length, and an input slice with its length; it keeps
//!   neither.
//! - AWS-LC's RSA keys may be used by several threads at once as long as none changes them (`openssl/rsa.h`, "RSA is
//!   thread-safe"), and nothing here changes a key after it was read. Its blinding factors are under its own lock.
#![allow(unsafe_code)]

use std::ptr::NonNull;

use aws_lc_sys::{RSA, RSA_PKCS1_PADDING, RSA_free, RSA_private_key_from_bytes, RSA_sign_raw, RSA_size};

use crate::formats::crypto::hash::Digest;

/// A private key inside AWS-LC.
pub(super) struct AwsLcKey {
    key: NonNull<RSA>,
    /// Size of the modulus, in bytes.
    width: usize,
}

// SAFETY: see the file's argument; the key is only read after `new`.
unsafe impl Send for AwsLcKey {}
// SAFETY: as above.
unsafe impl Sync for AwsLcKey {}

impl AwsLcKey {
    /// Reads a DER `RSAPrivateKey` (RFC 8017, appendix A.1.2); `None` if AWS-LC does not take it.
    pub(super) fn new(pkcs1: &[u8]) -> Option<Self> {
        // SAFETY: pointer and length are those of one slice, which is only read during the call.
        let key = NonNull::new(unsafe { RSA_private_key_from_bytes(pkcs1.as_ptr(), pkcs1.len()) })?;
        // SAFETY: the key is valid, and nobody else has it.
        let width = usize::try_from(unsafe { RSA_size(key.as_ptr()) }).ok();
        let key = Self {
            key,
            width: width.unwrap_or(0),
        };
        (key.width > 0).then_some(key)
    }

    /// RSASSA-PKCS1-v1_5 over a digest. AWS-LC checks the result with the public key before it hands it out, against
    /// faults in the computation. `None` if it fails.
    pub(super) fn sign(&self, digest: &Digest) -> Option<Vec<u8>> {
        let mut encoded = digest.algorithm().digest_info_prefix().to_vec();
        encoded.extend_from_slice(digest.as_bytes());
        let mut signature = vec![0; self.width];
        let mut length = 0;
        // SAFETY: the key is valid; both buffers are live and passed with their lengths; `length` is written only.
        let done = unsafe {
            RSA_sign_raw(
                self.key.as_ptr(),
                &raw mut length,
                signature.as_mut_ptr(),
                signature.len(),
                encoded.as_ptr(),
                encoded.len(),
                RSA_PKCS1_PADDING,
            )
        };
        (done == 1 && length == self.width).then_some(signature)
    }
}

impl Drop for AwsLcKey {
    fn drop(&mut self) {
        // SAFETY: the key is valid, and this is its only owner. AWS-LC wipes what it frees.
        unsafe { RSA_free(self.key.as_ptr()) };
    }
}
