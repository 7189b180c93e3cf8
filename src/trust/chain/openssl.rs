//! The chain as EDK2 has OpenSSL verify it (`X509_verify_cert`), with one certificate of db as the only trusted one: partial
//! chains, any purpose, no time, security level 0. Names count as OpenSSL compares them; path length, key usage, key
//! identifiers, unknown critical extensions and name constraints count too; a certificate of version 1 that signed itself
//! is an authority.

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::signed_hash::SignedHash;
use crate::formats::crypto::x509::extensions::KEY_CERT_SIGN;

use super::effort::Effort;
use super::name_constraints;
use super::refusal::PathRefusal;
use super::traits::{Authority, authority, is_likely_issuer, is_self_signed};

/// Checks that OpenSSL takes `signer` for vouched for by `anchor`, through certificates of `pool` or without.
pub fn verify(
    signer: &Certificate,
    pool: &[Certificate],
    anchor: &Certificate,
    effort: &Effort,
) -> Result<(), PathRefusal> {
    let chain = build(signer, pool, anchor, effort).ok_or(PathRefusal::NoPath)?;
    if anchor.has_short_date() {
        return Err(PathRefusal::ShortDate(anchor.common_name()));
    }
    check_extensions(&chain)?;
    check_signatures(&chain, effort)?;
    name_constraints::check(&chain)
}

/// Climbs from the signer, to the anchor wherever that is possible (`build_chain`, trusted first). A signer that is itself
/// the anchor is found last, after other issuers were climbed to, and those are then part of the chain.
fn build<'c>(
    signer: &'c Certificate,
    pool: &'c [Certificate],
    anchor: &'c Certificate,
    effort: &Effort,
) -> Option<Vec<&'c Certificate>> {
    let mut unused: Vec<&Certificate> = pool.iter().collect();
    let mut chain = vec![signer];
    let mut top = signer;
    loop {
        if is_likely_issuer(anchor, top) {
            if !is_self_signed(top) {
                chain.push(anchor);
                return Some(chain);
            }
            if top == anchor {
                return Some(chain);
            }
        }
        let is_alone = chain.len() == 1;
        let may_follow = |candidate: &&Certificate| {
            effort.compare()
                && is_likely_issuer(candidate, top)
                && (top.is_self_issued() && is_alone || !chain.contains(candidate))
        };
        let next = if is_self_signed(top) && top.fields().decisive.broken.is_none() {
            None
        } else {
            unused.iter().position(may_follow)
        };
        let Some(next) = next else { break };
        top = unused.remove(next);
        chain.push(top);
    }
    (signer == anchor).then_some(chain)
}

fn check_extensions(chain: &[&Certificate]) -> Result<(), PathRefusal> {
    let mut followers = 0;
    for (depth, certificate) in chain.iter().enumerate() {
        let name = || certificate.common_name();
        let extensions = &certificate.fields().decisive;
        if let Some(identifier) = &extensions.unknown_critical {
            return Err(PathRefusal::UnknownCritical {
                certificate: name(),
                identifier: identifier.clone(),
            });
        }
        if extensions.is_proxy {
            return Err(PathRefusal::Proxy(name()));
        }
        let is_last = depth + 1 == chain.len();
        let may_issue = match authority(certificate) {
            Authority::Stated => true,
            Authority::Assumed => is_last,
            Authority::No => false,
        };
        if depth > 0 && !may_issue {
            return Err(PathRefusal::NotAnAuthority(name()));
        }
        if depth > 1 && extensions.path_length.is_some_and(|allowed| followers > allowed) {
            return Err(PathRefusal::PathLength(name()));
        }
        if depth > 0 && !certificate.is_self_issued() {
            followers += 1;
        }
    }
    Ok(())
}

/// Checks each signature but that of the last certificate, which is trusted.
fn check_signatures(chain: &[&Certificate], effort: &Effort) -> Result<(), PathRefusal> {
    for (certificate, issuer) in chain.iter().zip(chain.iter().skip(1)).rev() {
        if !issuer.fields().decisive.allows(KEY_CERT_SIGN) {
            return Err(PathRefusal::KeyUsage(issuer.common_name()));
        }
        let name = || certificate.common_name();
        let key = issuer.public_key().map_err(|_| PathRefusal::Signature(name()))?;
        match effort.signed_with(certificate, &key) {
            None => return Err(PathRefusal::Effort),
            Some(Ok(SignedHash::Md5)) => return Err(PathRefusal::Hash(name())),
            Some(Ok(_)) => {}
            Some(Err(_)) => return Err(PathRefusal::Signature(name())),
        }
    }
    Ok(())
}
