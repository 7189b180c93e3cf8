//! The signatures of a SignedData as EDK2 has OpenSSL verify them (`PKCS7_verify`), apart from the chains of their signers.
//!
//! Neither versions nor the signature algorithm nor the attribute with the content type are looked at; the hash is the one
//! that the signer names, if the SignedData announces it.

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::cms::{Refusal as CmsRefusal, SignedData, SignerInfo};
use crate::formats::crypto::rsa_public_key::RsaPublicKeyError;
use crate::formats::crypto::signed_hash::SignedHash;

use super::chain::{self, Effort, PathRefusal};

/// The reason for which a signer's signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The certificate of the signer is not inside.
    #[error("the signature does not contain its signer's certificate")]
    NoSigner,
    /// A certificate inside that OpenSSL reads up to 3.2, and the signature with it.
    #[error("{}", PathRefusal::ShortDate(.0.clone()))]
    ShortDate(String),
    /// The key of the signer cannot be used.
    #[error("the signer's certificate: {0}")]
    Key(#[from] RsaPublicKeyError),
    /// A hash that the signer names and the SignedData does not announce.
    #[error("the signer's digest algorithm is not announced")]
    NotAnnounced,
    /// More than is done for one file.
    #[error("to verify the signatures of the file is more work than is done for one")]
    Effort,
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] CmsRefusal),
}

/// The certificate of each signer, whose signatures all hold over this content, which is given in parts. There is at least
/// one.
pub fn signers<'s>(
    cms: &'s SignedData<'_>,
    content: &[&[u8]],
    effort: &Effort,
) -> Result<Vec<&'s Certificate>, Refusal> {
    if let Some(short) = short_date(cms) {
        return Err(Refusal::ShortDate(short.common_name()));
    }
    if let Some(unknown) = unknown_digest(cms) {
        return Err(CmsRefusal::DigestAlgorithm(unknown).into());
    }
    // All are found before any signature is looked at.
    let named: Vec<&Certificate> = cms
        .signers
        .iter()
        .map(|info| named(cms, info))
        .collect::<Result<_, _>>()?;
    for (info, certificate) in cms.signers.iter().zip(&named) {
        let algorithm = info.digest_algorithm;
        let hash = SignedHash::from_oid(algorithm.as_bytes()).filter(|hash| *hash != SignedHash::Md5);
        let hash = hash.ok_or(CmsRefusal::DigestAlgorithm(algorithm))?;
        if !cms.digest_algorithms.contains(&algorithm) {
            return Err(Refusal::NotAnnounced);
        }
        verify(info, certificate, hash, content, effort)?;
    }
    Ok(named)
}

/// The certificate of each signer whose own signature holds by the rules of any firmware, whatever the others do.
pub fn proven_signers<'s>(cms: &'s SignedData<'_>, content: &[&[u8]], effort: &Effort) -> Vec<&'s Certificate> {
    let mut announced: Vec<SignedHash> = Vec::new();
    for kind in &cms.digest_algorithms {
        let hash = SignedHash::from_oid(kind.as_bytes());
        announced.extend(hash.filter(|hash| !announced.contains(hash)));
    }
    let signers = cms.signers.iter().filter_map(|info| {
        let certificate = named(cms, info).ok()?;
        let algorithm = info.digest_algorithm.as_bytes();
        // Some firmware also takes the name of a whole signature for that of its hash, and OpenSSL 3 takes one that is
        // announced where it does not know the signer's.
        let announced = announced.iter().copied().map(Some);
        let named = [SignedHash::from_oid(algorithm), SignedHash::of_rsa_signature(algorithm)];
        let mut hashes = named.into_iter().chain(announced).flatten();
        hashes.find(|hash| verify(info, certificate, *hash, content, effort).is_ok())?;
        Some(certificate)
    });
    signers.collect()
}

/// True if every signer is named by a certificate inside.
pub fn has_all_signers(cms: &SignedData<'_>) -> bool {
    cms.signers.iter().all(|info| named(cms, info).is_ok())
}

/// A certificate inside for which OpenSSL from 3.3 on reads nothing of the signature.
pub fn short_date<'s>(cms: &'s SignedData<'_>) -> Option<&'s Certificate> {
    cms.certificates.iter().find(|certificate| certificate.has_short_date())
}

/// Checks that each signer's chain leads to this one trusted certificate.
pub fn verify_chains(
    signers: &[&Certificate],
    pool: &[Certificate],
    anchor: &Certificate,
    effort: &Effort,
) -> Result<(), PathRefusal> {
    signers
        .iter()
        .try_for_each(|signer| chain::verify(signer, pool, anchor, effort))
}

fn unknown_digest(cms: &SignedData<'_>) -> Option<der::asn1::ObjectIdentifier> {
    let is_unknown = |kind: &&der::asn1::ObjectIdentifier| SignedHash::from_oid(kind.as_bytes()).is_none();
    cms.digest_algorithms.iter().find(is_unknown).copied()
}

/// The first certificate inside that the signer names.
fn named<'s>(cms: &'s SignedData<'_>, info: &SignerInfo<'_>) -> Result<&'s Certificate, Refusal> {
    let mut named = cms.certificates.iter().filter(|certificate| info.names(certificate));
    named.next().ok_or(Refusal::NoSigner)
}

fn verify(
    info: &SignerInfo<'_>,
    certificate: &Certificate,
    hash: SignedHash,
    content: &[&[u8]],
    effort: &Effort,
) -> Result<(), Refusal> {
    let key = certificate.public_key()?;
    if !effort.verify(&key) {
        return Err(Refusal::Effort);
    }
    let mut signed = hash.digest(content);
    if let Some(attributes) = info
        .signed_attributes
        .as_ref()
        .filter(|attributes| !attributes.is_empty())
    {
        let stated = attributes.message_digest();
        let stated = stated.ok_or(CmsRefusal::SignedAttribute("message digest"))?;
        if *stated != *signed {
            return Err(CmsRefusal::MessageDigest.into());
        }
        signed = hash.digest(&[&attributes.der]);
    }
    key.verify_digest_info(&hash.digest_info(&signed), &info.signature)
        .map_err(CmsRefusal::from)?;
    Ok(())
}
