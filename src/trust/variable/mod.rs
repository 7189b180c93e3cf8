//! The verdict of firmware on an authenticated write of PK, KEK, db or dbx. The rules are those of EDK2
//! (`SecurityPkg/Library/AuthVariableLib/AuthService.c`), from which most firmware is made; where EDK2 has a switch,
//! the stricter setting decides.

mod lists;
mod recognise;
mod refusal;
mod signer;
#[cfg(test)]
mod tests;

use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::{
    APPEND, ATTRIBUTES, AuthenticatedVariable, EfiTime, VariableName,
};
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};

use signer::Signed;

pub use lists::check_lists;
pub use recognise::{Recognised, Unrecognised, recognise};
pub use refusal::Refusal;

/// The state of the firmware when the write comes.
#[derive(Debug, Clone, Copy)]
pub struct Firmware<'a> {
    /// The present platform key; empty in Setup Mode.
    pub pk: &'a SignatureDatabase,
    /// The present key exchange keys.
    pub kek: &'a SignatureDatabase,
    /// True in Setup Mode.
    pub setup_mode: bool,
    /// The time of the last write of this variable, if it exists and its time is known.
    pub last_write: Option<EfiTime>,
}

/// The authority on which firmware takes a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authority {
    /// No authority: in Setup Mode firmware does not check signatures of KEK, db and dbx.
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
    let write = Signed::verified(auth, variable, attributes)?;
    let signer = write.first.clone();
    if firmware.setup_mode {
        let (_, new) = lists.certificates().next().ok_or(Refusal::NoPlatformKey)?;
        let (new, _) = Certificate::from_der_prefix(new)?;
        return if write.is_vouched_for_by(&new) {
            Ok(Authority::NewPlatformKey(Box::new(signer)))
        } else {
            Err(wrong(&signer, "the new PK itself"))
        };
    }
    // No chains here: the present PK itself has to sign.
    if firmware.pk.contains(SignatureType::X509, signer.as_der()) && write.is_vouched_for_by(&signer) {
        return Ok(Authority::PlatformKey(Box::new(signer)));
    }
    if matches!(variable, VariableName::Pk | VariableName::Kek) {
        return Err(wrong(&signer, "the PK"));
    }
    Ok(Authority::KeyExchangeKey {
        enrolled: Box::new(write.enrolled_issuer(firmware.kek)?),
        signer: Box::new(signer),
    })
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
