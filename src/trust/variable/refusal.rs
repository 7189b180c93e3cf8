//! The reasons for which firmware would not take a write.

use crate::formats::crypto::certificate::CertificateError;
use crate::formats::crypto::cms::CmsError;
use crate::formats::crypto::rsa_public_key::RsaPublicKeyError;
use crate::formats::firmware::authenticated_variable::EfiTime;
use crate::formats::firmware::signature_list::{SignatureListError, SignatureType};

use crate::trust::chain::PathRefusal;
use crate::trust::pkcs7;

/// The reason for which firmware would not take a write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Other attributes than 0x27, with or without the append bit.
    #[error("attributes {0:#x} are not those of a Secure Boot variable (0x27, to append 0x67)")]
    Attributes(u32),
    /// The new data is no sequence of signature lists.
    #[error("the new data is malformed: {0}")]
    Lists(#[from] SignatureListError),
    /// A type that firmware does not take.
    #[error("signature lists of type {0} are not accepted")]
    EntryType(SignatureType),
    /// Entries of another size than their type has, or a list header.
    #[error("a signature list of type {kind} has entries of {size} bytes, or a header")]
    EntrySize {
        /// The list's type.
        kind: SignatureType,
        /// The size of its entries' data, in bytes.
        size: usize,
    },
    /// An entry that should be a certificate and is not.
    #[error("an entry is not a certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// A certificate whose key is not RSA.
    #[error("the certificate of {subject} has a key that firmware does not take: {reason}")]
    Key {
        /// The certificate's subject.
        subject: String,
        /// The fault of its key.
        reason: RsaPublicKeyError,
    },
    /// PK with more than one entry.
    #[error("PK holds one certificate; here are {0} entries")]
    TooManyPlatformKeys(usize),
    /// PK in Setup Mode without a certificate in it.
    #[error("the new PK holds no certificate")]
    NoPlatformKey,
    /// A time with fields that must be zero.
    #[error("the time stamp has fields that must be zero")]
    TimeNotZero,
    /// A time that is not later than that of the last write.
    #[error("the time stamp {time} is not later than that of the last write, {last_write}")]
    TimeNotLater {
        /// The write's time.
        time: EfiTime,
        /// The present variable's time.
        last_write: EfiTime,
    },
    /// The signature cannot be read.
    #[error("the signature is malformed: {0}")]
    Malformed(#[from] CmsError),
    /// More than one signer, or content inside.
    #[error("the signature {0}")]
    Shape(&'static str),
    /// The signer's certificate is not inside.
    #[error("the signature comes without the signer's certificate")]
    NoCertificate,
    /// The signature does not hold for this variable, these attributes, this time and this data.
    #[error("signed by {signer}, but not for this variable, or not with this content: {reason}")]
    Signature {
        /// The signer's name.
        signer: String,
        /// The reason for which it does not hold.
        reason: pkcs7::Refusal,
    },
    /// Signed by somebody who does not decide about this variable.
    #[error("signed by {signer}, who is not {wanted}")]
    WrongSigner {
        /// The signer's name.
        signer: String,
        /// The signer that the variable asks for.
        wanted: &'static str,
    },
    /// Signed by somebody whom KEK names as far as names go, and whose chain firmware does not take.
    #[error("signed by {signer}; firmware does not take the chain to \"{anchor}\" in KEK: {reason}")]
    Path {
        /// The signer's name.
        signer: String,
        /// Common name of the certificate in KEK.
        anchor: String,
        /// The fault of the chain.
        reason: PathRefusal,
    },
}
