//! Would firmware with this db and dbx start this image? The rules of EDK2's `DxeImageVerificationHandler`.

use crate::formats::authenticode::{Image, Signature, SignatureError, WinCertificate};
use crate::formats::certificate::Certificate;
use crate::formats::hash::HashAlgorithm;
use crate::formats::public_key::PublicKeyError;
use crate::formats::signature_list::{Signature as DatabaseEntry, SignatureDatabase, SignatureType};

use super::{chain, edk2};

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
    /// An encoding that EDK2 does not take.
    #[error("firmware does not read the signature: {0}")]
    Edk2(&'static str),
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
        /// The entry of db.
        entry: DatabaseEntry,
    },
}

impl Acceptance {
    /// The certificate of db that let the image in, which firmware measures into PCR 7. None for a hash: which firmware
    /// measures that is not known here.
    #[must_use]
    pub const fn measured(&self) -> Option<&DatabaseEntry> {
        match self {
            Self::Hash => None,
            Self::Certificate { entry, .. } => Some(entry),
        }
    }
}

impl std::fmt::Display for Acceptance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hash => f.write_str("db lists its hash"),
            Self::Certificate { signer, anchor, .. } if signer == anchor => {
                write!(f, "signed by \"{signer}\", which is in db")
            }
            Self::Certificate { signer, anchor, .. } => {
                write!(f, "signed by \"{signer}\", for whom \"{anchor}\" in db vouches")
            }
        }
    }
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
        self.forbidden_hash(image)?;
        let judged: Vec<Result<Acceptance, Refusal>> = image
            .signatures()
            .iter()
            .map(|entry| self.judge_entry(image, entry))
            .collect();
        if let Some(forbidden) = judged.iter().find(|judged| self.is_fatal(judged)) {
            return forbidden.clone();
        }
        if self.allowed_hash(image) {
            return Ok(Acceptance::Hash);
        }
        let accepted = judged.iter().position(Result::is_ok).unwrap_or_default();
        judged.into_iter().nth(accepted).unwrap_or(Err(Refusal::Unsigned))
    }

    /// Firmware differs in which hashes it tries and in padding; what is forbidden in any way is refused.
    fn forbidden_hash(&self, image: &Image<'_>) -> Result<(), Refusal> {
        for (kind, hash) in IMAGE_HASHES {
            for digest in [image.digest(hash), image.unpadded_digest(hash)] {
                if self.forbidden.contains(kind, digest.as_bytes()) {
                    return Err(Refusal::ForbiddenHash {
                        hash,
                        digest: digest.to_hex(),
                    });
                }
            }
        }
        Ok(())
    }

    /// All firmware looks up SHA-256 of an unsigned image, and of a signed one the hash that was signed.
    fn allowed_hash(&self, image: &Image<'_>) -> bool {
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
            .filter(|(_, hash)| tried.contains(hash))
            .any(|(kind, hash)| self.allowed.contains(kind, image.unpadded_digest(hash).as_bytes()))
    }

    /// The entry of db with this certificate.
    fn entry(&self, certificate: &Certificate) -> Option<DatabaseEntry> {
        let mut entries = self.allowed.certificates();
        let (owner, der) = entries.find(|(_, der)| *der == certificate.as_der())?;
        let data = der.to_vec();
        Some(DatabaseEntry { owner, data })
    }

    /// Whether dbx forbids everything that this certificate signs.
    #[must_use]
    pub fn revokes(&self, certificate: &Certificate) -> bool {
        self.is_revoked(certificate) || self.revoked.contains(certificate)
    }

    /// Whether this verdict on one signature is one on the whole image. With a dbx, EDK2 also refuses an image with a
    /// signature whose signers it cannot read.
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
        if let Some(revoked) = pool.iter().find(|certificate| self.is_revoked(certificate)) {
            return Err(Refusal::ForbiddenCertificate(revoked.common_name()));
        }
        edk2_rules(&signature)?;
        signature.verify_integrity(image)?;
        let signer = proven_signer(&signature)?;
        if let Some(revoked) = chain::anchor(signer, pool, &self.revoked) {
            return Err(Refusal::ForbiddenCertificate(revoked.common_name()));
        }
        match chain::anchor(signer, pool, &self.trusted) {
            Some(anchor) if self.is_revoked(anchor) => Err(Refusal::ForbiddenCertificate(anchor.common_name())),
            Some(anchor) => Ok(Acceptance::Certificate {
                signer: signer.common_name(),
                anchor: anchor.common_name(),
                entry: self.entry(anchor).ok_or(Refusal::NoSigner)?,
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

/// Who made a signature that firmware can read. Says nothing about the image; see [`Signature::verify_integrity`].
pub fn signer<'s>(signature: &'s Signature<'_>) -> Result<&'s Certificate, Refusal> {
    edk2_rules(signature)?;
    proven_signer(signature)
}

/// The certificate inside whose key made the signature. OpenSSL, which EDK2 verifies with, wants every signer's
/// signature to hold; the first one counts as the signer.
fn proven_signer<'s>(signature: &'s Signature<'_>) -> Result<&'s Certificate, Refusal> {
    let cms = &signature.cms;
    let mut signers = cms.signers.iter().map(|info| -> Result<&Certificate, Refusal> {
        let certificate = cms.certificates_of(info).next().ok_or(Refusal::NoSigner)?;
        let digest = signature.content_digest(info.hash().map_err(SignatureError::Refused)?);
        info.verify(&certificate.public_key()?, &cms.content_type, &digest)
            .map_err(SignatureError::Refused)?;
        Ok(certificate)
    });
    let first = signers.next().ok_or(Refusal::NoSigner)??;
    signers.try_for_each(|other| other.map(drop))?;
    Ok(first)
}

/// What EDK2 takes for granted about the encoding (`HashPeImageByType`): it reads the digest algorithm at a fixed place,
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
