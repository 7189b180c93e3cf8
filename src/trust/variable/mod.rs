//! Would firmware take this authenticated write of PK, KEK, db or dbx? The rules are those of EDK2
//! (`SecurityPkg/Library/AuthVariableLib/AuthService.c`), from which most firmware is made; where EDK2 has a switch,
//! the stricter setting decides.

mod lists;
mod recognise;
mod signer;
#[cfg(test)]
mod tests;

use crate::formats::crypto::certificate::{Certificate, CertificateError};
use crate::formats::crypto::cms::{CmsError, Refusal as CmsRefusal};
use crate::formats::crypto::rsa_public_key::RsaPublicKeyError;
use crate::formats::firmware::authenticated_variable::{
    APPEND, ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName,
};
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureListError, SignatureType};

pub use lists::check_lists;
pub use recognise::{Recognised, Unrecognised, recognise};

/// What firmware holds when the write comes.
#[derive(Debug, Clone, Copy)]
pub struct Firmware<'a> {
    /// The present platform key; empty in Setup Mode.
    pub pk: &'a SignatureDatabase,
    /// The present key exchange keys.
    pub kek: &'a SignatureDatabase,
    /// Whether firmware is in Setup Mode.
    pub setup_mode: bool,
    /// The time of the last write of this variable, if it exists and its time is known.
    pub last_write: Option<EfiTime>,
}

/// On whose word firmware takes a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// Nobody's: in Setup Mode firmware does not check signatures of KEK, db and dbx.
    Unchecked,
    /// The new platform key's own: Setup Mode.
    NewPlatformKey(Box<Certificate>),
    /// The present platform key's.
    PlatformKey(Box<Certificate>),
    /// A key exchange key's, or of one that it issued.
    KeyExchangeKey {
        /// The certificate in KEK.
        enrolled: Box<Certificate>,
        /// The certificate of the key that signed.
        signer: Box<Certificate>,
    },
}

impl Authority {
    /// The certificate of the key that signed, where firmware looks at it.
    #[must_use]
    pub fn signer(&self) -> Option<&Certificate> {
        match self {
            Self::Unchecked => None,
            Self::NewPlatformKey(signer) | Self::PlatformKey(signer) | Self::KeyExchangeKey { signer, .. } => {
                Some(signer)
            }
        }
    }
}

/// Why firmware would not take a write.
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
        /// What is wrong with its key.
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
        /// Why it does not hold.
        reason: CmsRefusal,
    },
    /// Signed by somebody who does not decide about this variable.
    #[error("signed by {signer}, who is not {wanted}")]
    WrongSigner {
        /// The signer's name.
        signer: String,
        /// Who should have signed.
        wanted: &'static str,
    },
}

/// Judges one write: `variable` with `attributes`, as `auth` holds it.
pub fn judge(
    firmware: &Firmware<'_>,
    variable: VariableName,
    attributes: u32,
    auth: &AuthenticatedVariable,
) -> Result<Authority, Refusal> {
    if attributes & !APPEND != ATTRIBUTES {
        return Err(Refusal::Attributes(attributes));
    }
    let lists = SignatureDatabase::parse(&auth.payload)?;
    check_lists(variable, &lists)?;
    if firmware.setup_mode && variable != VariableName::Pk {
        return Ok(Authority::Unchecked);
    }
    check_time(firmware, attributes, auth)?;
    let (signer, chain) = signer::verified(auth, variable, attributes)?;
    if firmware.setup_mode {
        let (_, new) = lists.certificates().next().ok_or(Refusal::NoPlatformKey)?;
        return if signer.as_der() == new {
            Ok(Authority::NewPlatformKey(Box::new(signer)))
        } else {
            Err(wrong(&signer, "the new PK itself"))
        };
    }
    // No chains here: the present PK itself has to sign.
    if firmware.pk.contains(SignatureType::X509, signer.as_der()) {
        return Ok(Authority::PlatformKey(Box::new(signer)));
    }
    if matches!(variable, VariableName::Pk | VariableName::Kek) {
        return Err(wrong(&signer, "the PK"));
    }
    match signer::enrolled_issuer(firmware.kek, &signer, &chain) {
        Some(enrolled) => Ok(Authority::KeyExchangeKey {
            enrolled: Box::new(enrolled),
            signer: Box::new(signer),
        }),
        None => Err(wrong(&signer, "in KEK, nor the PK")),
    }
}

fn check_time(firmware: &Firmware<'_>, attributes: u32, auth: &AuthenticatedVariable) -> Result<(), Refusal> {
    if !auth.time.is_plain() {
        return Err(Refusal::TimeNotZero);
    }
    match firmware.last_write {
        // Appending cannot take anything away, so an old append may come at any time.
        Some(last_write) if attributes & APPEND == 0 && !auth.time.is_later_than(&last_write) => {
            let time = auth.time;
            Err(Refusal::TimeNotLater { time, last_write })
        }
        _ => Ok(()),
    }
}

fn wrong(signer: &Certificate, wanted: &'static str) -> Refusal {
    let signer = signer.common_name();
    Refusal::WrongSigner { signer, wanted }
}
