//! The chain by which dbx forbids a signer. Firmware differs in what it takes for an issuer, and a chain that one firmware
//! takes is enough: so nothing counts here but names, compared as OpenSSL does, and signatures. An authority need not be
//! one by its extensions, the hash of a signature may be broken, and a signature that cannot be verified here might hold.

use crate::formats::crypto::certificate::{Certificate, NotIssuedBy};

use super::effort::Effort;

/// The certificate of `forbidden` that is the signer's, or that could have issued it, directly or through certificates of
/// `pool`. Once there is no effort left, the answer says nothing.
#[must_use]
pub fn forbidden_issuer<'a>(
    signer: &Certificate,
    pool: &[Certificate],
    forbidden: &'a [Certificate],
    effort: &Effort,
) -> Option<&'a Certificate> {
    let mut unused: Vec<&Certificate> = pool.iter().filter(|certificate| *certificate != signer).collect();
    let mut level = vec![signer];
    while !level.is_empty() && !effort.is_spent() {
        for certificate in &level {
            let is_meant = |other: &&Certificate| {
                other.tbs_der() == certificate.tbs_der() || may_have_issued(other, certificate, effort)
            };
            if let Some(found) = forbidden.iter().find(is_meant) {
                return Some(found);
            }
        }
        // Each certificate is climbed to once, so hostile pools cost no more than their size squared.
        let (issuers, rest) = unused
            .into_iter()
            .partition(|candidate| level.iter().any(|below| may_have_issued(candidate, below, effort)));
        (level, unused) = (issuers, rest);
    }
    None
}

fn may_have_issued(issuer: &Certificate, certificate: &Certificate, effort: &Effort) -> bool {
    if !effort.compare() || issuer.fields().subject != certificate.fields().issuer {
        return false;
    }
    match issuer.public_key().map(|key| effort.signed_with(certificate, &key)) {
        Ok(Some(Err(NotIssuedBy::Signature(_) | NotIssuedBy::Algorithms)) | None) => false,
        // The key or the algorithm is not one that is verified here.
        Ok(_) | Err(_) => true,
    }
}
