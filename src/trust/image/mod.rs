//! The verdict of firmware with a db and a dbx on an image, by the rules of EDK2's `DxeImageVerificationHandler`.

mod reason;
#[cfg(test)]
mod tests;

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::cms::SignedData;
use crate::formats::crypto::hash::{Digest, HashAlgorithm};
use crate::formats::firmware::authenticated_variable::{EfiTime, VariableName};
use crate::formats::firmware::authenticode::{Image, Signature, SignatureError, WinCertificate, announced_hash};
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};

use super::chain::{self, Effort};
use super::microsoft::SecurityVersion;
use super::pkcs7;

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

    /// The algorithms of the image hashes that the databases list.
    #[must_use]
    pub fn image_hashes(&self) -> Vec<HashAlgorithm> {
        let is_listed = |kind| {
            let lists = [&self.allowed, &self.forbidden];
            lists.iter().any(|list| list.entries_of_type(kind).next().is_some())
        };
        let listed = IMAGE_HASHES.into_iter().filter(|(kind, _)| is_listed(*kind));
        listed.map(|(_, hash)| hash).collect()
    }

    /// Judges an image.
    pub fn judge(&self, image: &Image<'_>) -> Result<Acceptance, Refusal> {
        self.forbidden_hash(image)?;
        let effort = Effort::default();
        let judged: Vec<Result<Acceptance, Refusal>> = image
            .signatures()
            .iter()
            .map(|entry| self.judge_entry(image, entry, &effort))
            .collect();
        if let Some(Err(forbidden)) = judged.iter().find(|judged| self.is_fatal(judged)) {
            let other = judged.iter().find_map(|judged| judged.as_ref().ok());
            return Err(forbidden.clone().beside(other));
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
    /// a signature whose signers it cannot read; what it does not read at all it passes over.
    fn is_fatal(&self, judged: &Result<Acceptance, Refusal>) -> bool {
        match judged {
            Err(Refusal::ForbiddenCertificate(_) | Refusal::Effort) => true,
            Err(
                Refusal::Signature(SignatureError::Cms(_))
                | Refusal::Signer(pkcs7::Refusal::NoSigner | pkcs7::Refusal::ShortDate(_)),
            ) => !self.forbidden.is_empty(),
            _ => false,
        }
    }

    fn judge_entry(
        &self,
        image: &Image<'_>,
        entry: &WinCertificate<'_>,
        effort: &Effort,
    ) -> Result<Acceptance, Refusal> {
        // Before anything else, and whatever was signed: EDK2 asks dbx for the hashes of the certificates alone.
        self.forbidden_certificate_hash(entry)?;
        let signature = entry.signature()?;
        let pool = &signature.cms.certificates;
        if !pkcs7::has_all_signers(&signature.cms) {
            return Err(pkcs7::Refusal::NoSigner.into());
        }
        signature.verify_integrity(image)?;
        for signer in pkcs7::proven_signers(&signature.cms, &[signature.content], effort) {
            if let Some(revoked) = chain::forbidden_issuer(signer, pool, &self.revoked, effort) {
                let found = Place::find(VariableName::Dbx, &self.forbidden, is_certificate(revoked));
                let (place, _) = found.ok_or(pkcs7::Refusal::NoSigner)?;
                return Err(Refusal::ForbiddenCertificate(Box::new(Revocation {
                    certificate: revoked.common_name(),
                    place,
                    since: None,
                    despite: None,
                })));
            }
        }
        if effort.is_spent() {
            return Err(Refusal::Effort);
        }
        let signers = pkcs7::signers(&signature.cms, &[signature.content], effort)?;
        let anchor = self.anchor(&signers, pool, effort)?;
        if let Some(revocation) = self.revocation(anchor) {
            return Err(Refusal::ForbiddenCertificate(Box::new(revocation)));
        }
        let found = Place::find(VariableName::Db, &self.allowed, is_certificate(anchor));
        let (place, entry) = found.ok_or(pkcs7::Refusal::NoSigner)?;
        Ok(Acceptance::Certificate {
            signer: name(&signers),
            anchor: anchor.common_name(),
            entry: entry.clone(),
            place,
        })
    }

    fn forbidden_certificate_hash(&self, entry: &WinCertificate<'_>) -> Result<(), Refusal> {
        let Some(pkcs7) = entry.pkcs7().filter(|pkcs7| announced_hash(pkcs7).is_some()) else {
            return Ok(());
        };
        let Ok((cms, _)) = SignedData::parse_prefix(pkcs7) else {
            return Ok(());
        };
        let revocation = cms
            .certificates
            .iter()
            .find_map(|certificate| self.revocation(certificate));
        revocation.map_or(Ok(()), |revocation| {
            Err(Refusal::ForbiddenCertificate(Box::new(revocation)))
        })
    }

    /// The certificate of db that vouches for every signer.
    fn anchor(&self, signers: &[&Certificate], pool: &[Certificate], effort: &Effort) -> Result<&Certificate, Refusal> {
        let mut nearest = None;
        for trusted in &self.trusted {
            match pkcs7::verify_chains(signers, pool, trusted, effort) {
                Ok(()) => return Ok(trusted),
                Err(chain::PathRefusal::NoPath) => {}
                Err(reason) => nearest = nearest.or(Some((trusted.common_name(), reason))),
            }
        }
        let signer = name(signers);
        Err(match nearest {
            Some((anchor, reason)) => Refusal::Path { signer, anchor, reason },
            None => Refusal::Untrusted(signer),
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
                despite: None,
            })
        })
    }
}

/// Firmware reads a certificate at the start of an entry, and no further.
fn is_certificate(wanted: &Certificate) -> impl Fn(SignatureType, &[u8]) -> bool {
    move |kind, data| kind == SignatureType::X509 && data.starts_with(wanted.as_der())
}

fn name(signers: &[&Certificate]) -> String {
    signers.first().map_or_else(String::new, |signer| signer.common_name())
}

/// The entry that lists an image's hash. A security version number has the form of one, and is none.
fn place(variable: VariableName, database: &SignatureDatabase, kind: SignatureType, digest: &Digest) -> Option<Place> {
    let is_meant = |own, data: &[u8]| own == kind && data == digest.as_bytes();
    let (place, entry) = Place::find(variable, database, is_meant)?;
    SecurityVersion::from_entry(kind, entry).is_none().then_some(place)
}

/// True if EDK2 refuses the image for this entry, whatever else is in it, once there is a dbx: the signers of the signature cannot be
/// read.
#[must_use]
pub fn is_unreadable(entry: &WinCertificate<'_>) -> bool {
    match entry.signature() {
        Ok(signature) => !pkcs7::has_all_signers(&signature.cms) || pkcs7::short_date(&signature.cms).is_some(),
        Err(error) => matches!(error, SignatureError::Cms(_)),
    }
}

/// The certificate of the signer of a signature that firmware can read. It says nothing about the image; see
/// [`Signature::verify_integrity`]. OpenSSL, which EDK2 verifies with, wants every signer's signature to hold; the first
/// one counts as the signer.
pub fn signer<'s>(signature: &'s Signature<'_>) -> Result<&'s Certificate, Refusal> {
    let signers = pkcs7::signers(&signature.cms, &[signature.content], &Effort::default())?;
    signers
        .first()
        .copied()
        .ok_or(Refusal::Signer(pkcs7::Refusal::NoSigner))
}

fn certificates(database: &SignatureDatabase) -> Vec<Certificate> {
    database
        .certificates()
        .filter_map(|(_, der)| Some(Certificate::from_der_prefix(der).ok()?.0))
        .collect()
}
