//! The chain as the kernel walks it for modules (`pkcs7_validate_trust`).

use crate::formats::crypto::certificate::Certificate;

/// Longest path from a signer to an anchor, in certificates between them.
const MAX_DEPTH: usize = 8;

/// The anchor that vouches for `signer`: the same certificate, or one that issued it, directly or through certificates
/// of `pool`.
#[must_use]
pub fn anchor<'a>(signer: &Certificate, pool: &[Certificate], anchors: &'a [Certificate]) -> Option<&'a Certificate> {
    let mut unused: Vec<&Certificate> = pool.iter().filter(|certificate| *certificate != signer).collect();
    let mut level = vec![signer];
    for _ in 0..=MAX_DEPTH {
        for certificate in &level {
            let vouches =
                |anchor: &&Certificate| *anchor == *certificate || certificate.verify_issued_by(anchor).is_ok();
            if let Some(found) = anchors.iter().find(vouches) {
                return Some(found);
            }
        }
        // Each certificate is climbed to once, so hostile pools cost no more than their size squared.
        let (issuers, rest) = unused
            .into_iter()
            .partition(|candidate| level.iter().any(|below| below.verify_issued_by(candidate).is_ok()));
        (level, unused) = (issuers, rest);
        if level.is_empty() {
            return None;
        }
    }
    None
}
