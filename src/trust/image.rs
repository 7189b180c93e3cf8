//! Would firmware with this db and dbx start this image? The rules of EDK2's `DxeImageVerificationHandler`.

use crate::formats::authenticode::{Image, Signature, SignatureError};
use crate::formats::certificate::Certificate;
use crate::formats::hash::HashAlgorithm;
use crate::formats::public_key::PublicKeyError;
use crate::formats::signature_list::{SignatureDatabase, SignatureType};

use super::chain;

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

/// Why firmware would refuse an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature, and its hash is not in db.
    #[error("the image is not signed, and db does not list its hash")]
    Unsigned,
    /// Its hash is forbidden.
    #[error("dbx forbids the image's {} hash {digest}", hash.name())]
    ForbiddenHash {
        /// The algorithm.
        hash: HashAlgorithm,
        /// The hash, hexadecimal.
        digest: String,
    },
    /// A signature leads to a forbidden certificate; one such signature kills an image with several.
    #[error("dbx forbids the certificate \"{0}\" that signed the image")]
    ForbiddenCertificate(String),
    /// A signature is malformed or that of another image.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signature does not hold the certificate of its signer.
    #[error("the signature does not contain its signer's certificate")]
    NoSigner,
    /// The signer's key cannot be used.
    #[error("the signer's certificate: {0}")]
    Key(#[from] PublicKeyError),
    /// Signed, but by nobody whom db trusts.
    #[error("signed by {0}, whom no certificate of db vouches for")]
    Untrusted(String),
}

/// Why firmware would start an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    /// db lists its hash.
    Hash,
    /// A certificate of db vouches for a signature.
    Certificate {
        /// Common name of the signer.
        signer: String,
        /// Common name of the certificate in db.
        anchor: String,
    },
}

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
        for (kind, hash) in IMAGE_HASHES {
            let digest = image.digest(hash);
            if self.forbidden.contains(kind, digest.as_bytes()) {
                return Err(Refusal::ForbiddenHash {
                    hash,
                    digest: digest.to_hex(),
                });
            }
        }
        let judged: Vec<Result<Acceptance, Refusal>> = image
            .signatures()
            .iter()
            .map(|entry| self.judge_signature(image, &entry.signature()?))
            .collect();
        if let Some(forbidden) = judged
            .iter()
            .find(|judged| matches!(judged, Err(Refusal::ForbiddenCertificate(_))))
        {
            return forbidden.clone();
        }
        let hash_is_allowed = IMAGE_HASHES
            .into_iter()
            .any(|(kind, hash)| self.allowed.contains(kind, image.digest(hash).as_bytes()));
        if hash_is_allowed {
            return Ok(Acceptance::Hash);
        }
        let accepted = judged.iter().position(Result::is_ok).unwrap_or_default();
        judged.into_iter().nth(accepted).unwrap_or(Err(Refusal::Unsigned))
    }

    fn judge_signature(&self, image: &Image<'_>, signature: &Signature<'_>) -> Result<Acceptance, Refusal> {
        signature.verify_integrity(image)?;
        let signer = signer(signature)?;
        let pool = &signature.cms.certificates;
        if let Some(revoked) = chain::anchor(signer, pool, &self.revoked) {
            return Err(Refusal::ForbiddenCertificate(revoked.common_name()));
        }
        if let Some(revoked) = pool.iter().find(|certificate| self.is_revoked(certificate)) {
            return Err(Refusal::ForbiddenCertificate(revoked.common_name()));
        }
        match chain::anchor(signer, pool, &self.trusted) {
            Some(anchor) if self.is_revoked(anchor) => Err(Refusal::ForbiddenCertificate(anchor.common_name())),
            Some(anchor) => Ok(Acceptance::Certificate {
                signer: signer.common_name(),
                anchor: anchor.common_name(),
            }),
            None => Err(Refusal::Untrusted(signer.common_name())),
        }
    }

    /// Whether dbx lists the hash of the certificate's to-be-signed part. A revocation that begins at a certain time
    /// counts from the beginning: Authenticode here carries no trusted timestamp that would lift it.
    fn is_revoked(&self, certificate: &Certificate) -> bool {
        CERTIFICATE_HASHES.into_iter().any(|(kind, hash)| {
            let digest = hash.digest(&[certificate.tbs_der()]);
            self.forbidden
                .of_type(kind)
                .any(|(_, listed)| listed.starts_with(digest.as_bytes()))
        })
    }
}

/// The certificate inside whose key made the signature.
pub fn signer<'s>(signature: &'s Signature<'_>) -> Result<&'s Certificate, Refusal> {
    let info = signature.cms.signers.first().ok_or(Refusal::NoSigner)?;
    let certificate = signature.cms.certificates_of(info).next().ok_or(Refusal::NoSigner)?;
    signature.verify_signed_by(&certificate.public_key()?)?;
    Ok(certificate)
}

fn certificates(database: &SignatureDatabase) -> Vec<Certificate> {
    database
        .certificates()
        .filter_map(|(_, der)| Certificate::from_der(der).ok())
        .collect()
}
