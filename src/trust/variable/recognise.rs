//! The variable that an `.auth` file is for: the file does not name it, but its signature holds for one alone.

use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::authenticated_variable::{
    APPEND_ATTRIBUTES, ATTRIBUTES, AuthenticatedVariable, VariableName,
};

use super::refusal::Refusal;
use super::signer::Signed;

/// The purpose of an `.auth` file, and its signer. Trust in the signer is decided by [`super::judge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// The variable that was signed for.
    pub variable: VariableName,
    /// The attributes that were signed for: 0x27 replaces, 0x67 appends.
    pub attributes: u32,
    /// The certificate, found inside, of the key that signed.
    pub signer: Certificate,
}

/// An `.auth` file whose signature holds for none of the variables.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unrecognised {
    /// The signature cannot be judged at all.
    #[error(transparent)]
    Unreadable(Refusal),
    /// The signature holds for none of PK, KEK, db, dbx, neither to replace nor to append.
    #[error(
        "the signature by {signer} holds for none of PK, KEK, db and dbx: the file was altered, or is for another \
         variable"
    )]
    NoVariable {
        /// The signer's name.
        signer: String,
    },
}

/// Finds the variable and attributes for which the signature of `auth` holds.
pub fn recognise(auth: &AuthenticatedVariable) -> Result<Recognised, Unrecognised> {
    let mut last_signer = String::new();
    for variable in VariableName::ALL {
        for attributes in [ATTRIBUTES, APPEND_ATTRIBUTES] {
            match Signed::verified(auth, variable, attributes) {
                Ok(Signed { first: signer, .. }) => {
                    return Ok(Recognised {
                        variable,
                        attributes,
                        signer,
                    });
                }
                Err(Refusal::Signature { signer, .. }) => last_signer = signer,
                Err(refusal) => return Err(Unrecognised::Unreadable(refusal)),
            }
        }
    }
    Err(Unrecognised::NoVariable { signer: last_signer })
}
