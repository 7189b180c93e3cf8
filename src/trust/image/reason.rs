//! The reason for which firmware would start an image, or not: down to the entry of db or dbx that decides.

use std::fmt;

use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{EfiTime, VariableName};
use crate::formats::firmware::authenticode::SignatureError;
use crate::formats::firmware::guid::Guid;
use crate::formats::firmware::signature_list::{Signature, SignatureDatabase, SignatureType};

use crate::trust::chain::PathRefusal;
use crate::trust::pkcs7;

/// The place of an entry in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// db or dbx.
    pub variable: VariableName,
    /// Its number among all entries of the variable, from 1.
    pub number: usize,
    /// The type of its list.
    pub kind: SignatureType,
    /// The owner GUID of the entry: the one who put it there.
    pub owner: Guid,
}

impl Place {
    /// The first entry that is meant, and its content.
    pub(super) fn find(
        variable: VariableName,
        database: &SignatureDatabase,
        is_meant: impl Fn(SignatureType, &[u8]) -> bool,
    ) -> Option<(Self, &Signature)> {
        let mut entries = database.entries().zip(1..);
        let ((kind, entry), number) = entries.find(|((kind, entry), _)| is_meant(*kind, &entry.data))?;
        let owner = entry.owner;
        Some((
            Self {
                variable,
                number,
                kind,
                owner,
            },
            entry,
        ))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            variable,
            number,
            kind,
            owner,
        } = self;
        if *owner == Guid::MICROSOFT {
            write!(f, "entry {number} of {variable}, {kind}, owner Microsoft")
        } else {
            write!(f, "entry {number} of {variable}, {kind}, owner {owner}")
        }
    }
}

/// The way in which dbx forbids a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// Common name of the certificate.
    pub certificate: String,
    /// The entry that forbids it.
    pub place: Place,
    /// From when on, if the entry does not say always.
    pub since: Option<EfiTime>,
    /// The signer of another signature, if that alone would be accepted.
    pub despite: Option<String>,
}

impl fmt::Display for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate, place, .. } = self;
        write!(
            f,
            "dbx forbids the certificate \"{certificate}\" that signed the image ({place})"
        )?;
        if let Some(since) = self.since {
            write!(
                f,
                "; from {since} on, but what it signed before is refused as well, unless a timestamp in it is vouched for by dbt"
            )?;
        }
        match &self.despite {
            Some(other) => write!(
                f,
                "; EDK2 refuses an image for any such signature, while firmware that judges each signature by itself would \
                 start it: its signature by \"{other}\" is accepted"
            ),
            None => Ok(()),
        }
    }
}

/// The reason for which firmware would refuse an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No signature, and its hash is not in db.
    #[error("the image is not signed, and db does not list its hash")]
    Unsigned,
    /// Its hash is forbidden.
    #[error("dbx forbids the image's {} hash {digest} ({place})", hash.name())]
    ForbiddenHash {
        /// The algorithm.
        hash: HashAlgorithm,
        /// The hash, hexadecimal.
        digest: String,
        /// The entry that lists it.
        place: Place,
    },
    /// A signature leads to a forbidden certificate; one such signature kills an image with several.
    #[error("{0}")]
    ForbiddenCertificate(Box<Revocation>),
    /// More signatures and certificates than are looked at for one image; one of them may be forbidden.
    #[error(
        "to judge its signatures is more work than is done for one image: so many, or so large, are its certificates"
    )]
    Effort,
    /// A signature is malformed or that of another image.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A signer's signature does not hold, or its certificate is missing.
    #[error(transparent)]
    Signer(#[from] pkcs7::Refusal),
    /// Signed, but by nobody whom db trusts.
    #[error("signed by {0}, whom no certificate of db vouches for")]
    Untrusted(String),
    /// Signed by somebody whom db names as far as names go, and whose chain firmware does not take.
    #[error("signed by {signer}; firmware does not take the chain to \"{anchor}\" in db: {reason}")]
    Path {
        /// Common name of the signer.
        signer: String,
        /// Common name of the certificate in db.
        anchor: String,
        /// The fault of the chain.
        reason: PathRefusal,
    },
}

impl Refusal {
    /// The same refusal of an image that has another signature, which alone would be accepted.
    #[must_use]
    pub(super) fn beside(mut self, accepted: Option<&Acceptance>) -> Self {
        if let (Self::ForbiddenCertificate(revocation), Some(Acceptance::Certificate { signer, .. })) =
            (&mut self, accepted)
        {
            revocation.despite = Some(signer.clone());
        }
        self
    }

    /// True if firmware that has a dbt might start the image all the same: it lets through what a trusted timestamp
    /// proves to be older than the revocation. Timestamps are not verified here, so this is refused.
    #[must_use]
    pub fn may_be_lifted(&self) -> bool {
        matches!(self, Self::ForbiddenCertificate(revocation) if revocation.since.is_some())
    }
}

/// The reason for which firmware would start an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    /// db lists its hash.
    Hash(Place),
    /// A certificate of db vouches for a signature.
    Certificate {
        /// Common name of the signer.
        signer: String,
        /// Common name of the certificate in db.
        anchor: String,
        /// The entry of db.
        entry: Signature,
        /// The place of the entry.
        place: Place,
    },
}

impl Acceptance {
    /// The certificate of db that let the image in, which firmware measures into PCR 7. None for a hash: which firmware
    /// measures that is not known here.
    #[must_use]
    pub const fn measured(&self) -> Option<&Signature> {
        match self {
            Self::Hash(_) => None,
            Self::Certificate { entry, .. } => Some(entry),
        }
    }
}

impl fmt::Display for Acceptance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(place) => write!(f, "db lists its hash ({place})"),
            Self::Certificate {
                signer, anchor, place, ..
            } if signer == anchor => {
                write!(f, "signed by \"{signer}\", which is in db ({place})")
            }
            Self::Certificate {
                signer, anchor, place, ..
            } => {
                write!(
                    f,
                    "signed by \"{signer}\", for whom \"{anchor}\" in db vouches ({place})"
                )
            }
        }
    }
}
