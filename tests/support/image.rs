//! EFI images as the tests see them, apart from the program's own reading where that is what they judge.

use bootseal::formats::firmware::authenticode::{Image, Signature};

use super::signer::TestKey;
pub use crate::hostile::flat::flat_digest;

/// The file without any signature, padded to a multiple of 8 bytes.
pub fn without_signatures(image: &Image<'_>) -> Vec<u8> {
    image.rewritten(|_| false, None).unwrap().to_vec()
}

/// The file without the signature at `index`.
pub fn without_signature_at(image: &Image<'_>, index: usize) -> Vec<u8> {
    image.rewritten(|other| other != index, None).unwrap().to_vec()
}

/// True if `key` made the signature of the first signer.
pub fn is_signed_by(signature: &Signature<'_>, key: &TestKey) -> bool {
    let public = key.certificate.public_key().unwrap();
    let signer = &signature.cms.signers[0];
    signer.hash().is_ok_and(|hash| {
        signer
            .verify(&public, &signature.cms.content_type, &signature.content_digest(hash))
            .is_ok()
    })
}
