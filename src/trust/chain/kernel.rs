//! The chain as the kernel walks it for modules (`pkcs7_validate_trust`).

use crate::formats::crypto::certificate::Certificate;

use super::effort::Effort;

/// Longest path from a signer to an anchor, in certificates between them.
const MAX_DEPTH: usize = 8;

/// The anchor that vouches for `signer`: the same certificate, or one that issued it, directly or through certificates
/// of `pool`. None once there is no effort left.
#[must_use]
pub fn anchor<'a>(
    signer: &Certificate,
    pool: &[Certificate],
    anchors: &'a [Certificate],
    effort: &Effort,
) -> Option<&'a Certificate> {
    let has_issued = |issuer: &Certificate, certificate: &Certificate| {
        certificate.fields().issuer == issuer.fields().subject
            && issuer.public_key().is_ok_and(|key| effort.verify(&key))
            && certificate.verify_issued_by(issuer).is_ok()
    };
    let mut unused: Vec<&Certificate> = pool.iter().filter(|certificate| *certificate != signer).collect();
    let mut level = vec![signer];
    for _ in 0..=MAX_DEPTH {
        for certificate in &level {
            let vouches = |anchor: &&Certificate| *anchor == *certificate || has_issued(anchor, certificate);
            if let Some(found) = anchors.iter().find(vouches) {
                return Some(found);
            }
        }
        // Each certificate is climbed to once, so hostile pools cost no more than their size squared.
        let (issuers, rest) = unused
            .into_iter()
            .partition(|candidate| level.iter().any(|below| has_issued(candidate, below)));
        (level, unused) = (issuers, rest);
        if level.is_empty() {
            return None;
        }
    }
    None
}
