//! The verdict of firmware with a db and a dbx on an image, by the rules of EDK2's `DxeImageVerificationHandler`.

mod reason;
#[cfg(test)]
mod tests;

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticated_variable::{EfiTime, VariableName};
use crate::formats::firmware::authenticode::{Image, Signature, SignatureError, WinCertificate};
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};

use super::microsoft::SecurityVersion;
use super::{chain, edk2};

pub use reason::{Acceptance, Place, Refusal, Revocation};

/// Image hashes that a database may list, by the type of their list.
const IMAGE_HASHES: [(SignatureType, HashAlgorithm); 3] = [
    (SignatureType::Sha256, HashAlgorithm::Sha256),
    (SignatureType::Sha384, HashAlgorithm::Sha384),
    (SignatureType::Sha512, HashAlgorithm::Sha512),
];
/// Certificate hashes that a revocation list may hold.
const CERTIFICATE_HASHES: [(SignatureType, HashAlgorithm); 3] = [
    (SignatureType::X509Sha256, HashAlgorithm::Sha256),
    (SignatureType::X509Sha384, HashAlgorithm::Sha384),
    (SignatureType::X509Sha512, HashAlgorithm::Sha512),
];

/// db and dbx, ready to judge images.
#[derive(Debug, Clone)]
pub struct Policy {
    allowed: SignatureDatabase,
    forbidden: SignatureDatabase,
    trusted: Vec<Certificate>,
    revoked: Vec<Certificate>,
}

impl Policy {
    /// The policy of a firmware with these databases. Certificates that cannot be read match nothing, as in EDK2.
    #[must_use]
    pub fn new(db: &SignatureDatabase, dbx: &SignatureDatabase) -> Self {
        Self {
            allowed: db.clone(),
            forbidden: dbx.clone(),
            trusted: certificates(db),
            revoked: certificates(dbx),
        }
    }

    /// Judges an image.
    pub fn judge(&self, image: &Image<'_>) -> Result<Acceptance, Refusal> {
        self.forbidden_hash(image)?;
        let judged: Vec<Result<Acceptance, Refusal>> = image
            .signatures()
            .iter()
            .map(|entry| self.judge_entry(image, entry))
            .collect();
        if let Some(forbidden) = judged.iter().find(|judged| self.is_fatal(judged)) {
            return forbidden.clone();
        }
        if let Some(place) = self.allowed_hash(image) {
            return Ok(Acceptance::Hash(place));
        }
        let decisive = judged.iter().find(|judged| judged.is_ok()).or(judged.first());
        decisive.cloned().unwrap_or(Err(Refusal::Unsigned))
    }

    /// Firmware differs in which hashes it tries and in padding; what is forbidden in any way is refused.
    fn forbidden_hash(&self, image: &Image<'_>) -> Result<(), Refusal> {
        // Images are large, and dbx lists hashes of one algorithm as a rule.
        let is_listed = |kind| self.forbidden.entries_of_type(kind).next().is_some();
        for (kind, hash) in IMAGE_HASHES.into_iter().filter(|(kind, _)| is_listed(*kind)) {
            for digest in [image.digest(hash), image.unpadded_digest(hash)] {
                if let Some(place) = place(VariableName::Dbx, &self.forbidden, kind, &digest) {
                    return Err(Refusal::ForbiddenHash {
                        hash,
                        digest: digest.to_hex(),
                        place,
                    });
                }
            }
        }
        Ok(())
    }

    /// All firmware looks up SHA-256 of an unsigned image, and of a signed one the hash that was signed.
    fn allowed_hash(&self, image: &Image<'_>) -> Option<Place> {
        let mut tried: Vec<HashAlgorithm> = image
            .signatures()
            .iter()
            .filter_map(|entry| entry.signature().ok())
            .map(|signature| signature.hash)
            .collect();
        if image.signatures().is_empty() {
            tried.push(HashAlgorithm::Sha256);
        }
        IMAGE_HASHES
            .into_iter()
            .filter(|(kind, hash)| tried.contains(hash) && self.allowed.entries_of_type(*kind).next().is_some())
            .find_map(|(kind, hash)| place(VariableName::Db, &self.allowed, kind, &image.unpadded_digest(hash)))
    }

    /// True if dbx forbids everything that this certificate signs.
    #[must_use]
    pub fn revokes(&self, certificate: &Certificate) -> bool {
        self.revocation(certificate).is_some() || self.revoked.contains(certificate)
    }

    /// True if this verdict on one signature decides about the whole image. With a dbx, EDK2 also refuses an image with
    /// a signature whose signers it cannot read.
    fn is_fatal(&self, judged: &Result<Acceptance, Refusal>) -> bool {
        match judged {
            Err(Refusal::ForbiddenCertificate(_)) => true,
            Err(Refusal::Signature(SignatureError::NotPkcs7 { .. } | SignatureError::ImageChanged { .. })) => false,
            Err(Refusal::Signature(_) | Refusal::Edk2(_)) => !self.forbidden.is_empty(),
            _ => false,
        }
    }

    fn judge_entry(&self, image: &Image<'_>, entry: &WinCertificate<'_>) -> Result<Acceptance, Refusal> {
        let signature = entry.signature()?;
        let pool = &signature.cms.certificates;
        // Before anything else, and whatever was signed: EDK2 asks dbx for the hashes of the certificates alone.
        if let Some(revocation) = pool.iter().find_map(|certificate| self.revocation(certificate)) {
            return Err(Refusal::ForbiddenCertificate(Box::new(revocation)));
        }
        edk2_rules(&signature)?;
        signature.verify_integrity(image)?;
        let signer = proven_signer(&signature)?;
        if let Some(revoked) = chain::anchor(signer, pool, &self.revoked) {
            let found = Place::find(VariableName::Dbx, &self.forbidden, is_certificate(revoked));
            let (place, _) = found.ok_or(Refusal::NoSigner)?;
            return Err(Refusal::ForbiddenCertificate(Box::new(Revocation {
                certificate: revoked.common_name(),
                place,
                since: None,
            })));
        }
        let anchor = chain::anchor(signer, pool, &self.trusted);
        let anchor = anchor.ok_or_else(|| Refusal::Untrusted(signer.common_name()))?;
        if let Some(revocation) = self.revocation(anchor) {
            return Err(Refusal::ForbiddenCertificate(Box::new(revocation)));
        }
        let found = Place::find(VariableName::Db, &self.allowed, is_certificate(anchor));
        let (place, entry) = found.ok_or(Refusal::NoSigner)?;
        Ok(Acceptance::Certificate {
            signer: signer.common_name(),
            anchor: anchor.common_name(),
            entry: entry.clone(),
            place,
        })
    }

    /// True if dbx lists the hash of the certificate's to-be-signed part. EDK2 lifts a revocation that begins at a
    /// certain time for an image with an RFC 3161 timestamp of before, made by an authority of dbt
    /// (`PassTimestampCheck`); without dbt, which hardly any machine has, nothing is lifted. Here it counts from the
    /// beginning: what is accepted here, firmware accepts as well, and [`Refusal::may_be_lifted`] tells of the rest.
    fn revocation(&self, certificate: &Certificate) -> Option<Revocation> {
        CERTIFICATE_HASHES.into_iter().find_map(|(kind, hash)| {
            let digest = hash.digest(&[certificate.tbs_der()]);
            let is_meant = |own, listed: &[u8]| own == kind && listed.starts_with(digest.as_bytes());
            let (place, entry) = Place::find(VariableName::Dbx, &self.forbidden, is_meant)?;
            let time = entry.data.get(digest.as_bytes().len()..).and_then(<[u8]>::first_chunk);
            Some(Revocation {
                certificate: certificate.common_name(),
                place,
                since: time.copied().map(EfiTime::from_bytes).filter(|time| !time.is_zero()),
            })
        })
    }
}

fn is_certificate(wanted: &Certificate) -> impl Fn(SignatureType, &[u8]) -> bool {
    move |kind, data| kind == SignatureType::X509 && data == wanted.as_der()
}

/// The entry that lists an image's hash. A security version number has the form of one, and is none.
fn place(variable: VariableName, database: &SignatureDatabase, kind: SignatureType, digest: &Digest) -> Option<Place> {
    let is_meant = |own, data: &[u8]| own == kind && data == digest.as_bytes();
    let (place, entry) = Place::find(variable, database, is_meant)?;
    SecurityVersion::from_entry(kind, entry).is_none().then_some(place)
}

/// The certificate of the signer of a signature that firmware can read. It says nothing about the image; see
/// [`Signature::verify_integrity`].
pub fn signer<'s>(signature: &'s Signature<'_>) -> Result<&'s Certificate, Refusal> {
    edk2_rules(signature)?;
    proven_signer(signature)
}

/// The certificate inside whose key made the signature. OpenSSL, which EDK2 verifies with, wants every signer's
/// signature to hold; the first one counts as the signer.
fn proven_signer<'s>(signature: &'s Signature<'_>) -> Result<&'s Certificate, Refusal> {
    let cms = &signature.cms;
    let mut signers = cms.signers.iter().map(|info| -> Result<&Certificate, Refusal> {
        let certificate = cms.certificates_named_by(info).next().ok_or(Refusal::NoSigner)?;
        let digest = signature.content_digest(info.hash().map_err(SignatureError::Refused)?);
        info.verify(&certificate.public_key()?, &cms.content_type, &digest)
            .map_err(SignatureError::Refused)?;
        Ok(certificate)
    });
    let first = signers.next().ok_or(Refusal::NoSigner)??;
    signers.try_for_each(|other| other.map(drop))?;
    Ok(first)
}

/// The encoding that EDK2 takes for granted (`HashPeImageByType`): it reads the digest algorithm at a fixed place,
/// and knows SHA-2 only.
fn edk2_rules(signature: &Signature<'_>) -> Result<(), Refusal> {
    if !IMAGE_HASHES.iter().any(|(_, hash)| *hash == signature.hash) {
        return Err(Refusal::Edk2(
            "its image hash is not one of SHA-256, SHA-384 and SHA-512",
        ));
    }
    if !edk2::is_pkcs7(&signature.cms) {
        return Err(Refusal::Edk2("it is CMS of a version that PKCS#7 does not have"));
    }
    if edk2::announces(signature.der, edk2::IN_CONTENT_INFO, signature.hash) {
        Ok(())
    } else {
        Err(Refusal::Edk2(
            "it does not announce its digest algorithm where firmware looks for it",
        ))
    }
}

fn certificates(database: &SignatureDatabase) -> Vec<Certificate> {
    database
        .certificates()
        .filter_map(|(_, der)| Certificate::from_der(der).ok())
        .collect()
}
