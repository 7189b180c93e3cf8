//! The signers of an authenticated write, and the enrolled certificate that vouches for them.

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, VariableName, signed_bytes};
use crate::formats::firmware::signature_list::SignatureDatabase;

use super::refusal::Refusal;
use crate::trust::chain::{Effort, PathRefusal};
use crate::trust::{edk2, pkcs7};

/// The signers of a write, whose signatures hold, and the certificates that came along.
pub(super) struct Signed {
    /// The certificate of the first signer, by which EDK2 knows the write.
    pub first: Certificate,
    others: Vec<Certificate>,
    pool: Vec<Certificate>,
    effort: Effort,
}

impl Signed {
    /// Checks the signatures of a write. As in EDK2, content inside the signature does not count, nor its type.
    pub(super) fn verified(
        auth: &AuthenticatedVariable,
        variable: VariableName,
        attributes: u32,
    ) -> Result<Self, Refusal> {
        let (cms, _) = auth.cms_prefix()?;
        // Older firmware looks for SHA-256 at a fixed place and takes nothing else.
        let announced = [edk2::BARE, edk2::IN_CONTENT_INFO]
            .into_iter()
            .any(|offset| edk2::announces(&auth.signed_data, offset, HashAlgorithm::Sha256));
        if !announced {
            return Err(Refusal::Shape(
                "is no PKCS#7 that announces SHA-256 where firmware looks for it",
            ));
        }
        let effort = Effort::default();
        let head = signed_bytes(variable.name(), &variable.vendor(), attributes, &auth.time);
        let signers = pkcs7::signers(&cms, &[&head, &auth.payload], &effort).map_err(|reason| match reason {
            pkcs7::Refusal::NoSigner => Refusal::NoCertificate,
            reason => {
                let named = cms
                    .signers
                    .first()
                    .and_then(|info| cms.certificates_named_by(info).next());
                Refusal::Signature {
                    signer: named.map_or_else(String::new, Certificate::common_name),
                    reason,
                }
            }
        })?;
        let (first, others) = signers.split_first().ok_or(Refusal::NoCertificate)?;
        Ok(Self {
            first: (*first).clone(),
            others: others.iter().map(|signer| (*signer).clone()).collect(),
            pool: cms.certificates.clone(),
            effort,
        })
    }

    /// The certificate of `enrolled` that vouches for every signer; an error that says why the nearest does not.
    pub(super) fn enrolled_issuer(&self, enrolled: &SignatureDatabase) -> Result<Certificate, Refusal> {
        let mut nearest = None;
        for (_, der) in enrolled.certificates() {
            let Ok((trusted, _)) = Certificate::from_der_prefix(der) else {
                continue;
            };
            match self.verify_chain(&trusted) {
                Ok(()) => return Ok(trusted),
                Err(PathRefusal::NoPath) => {}
                Err(reason) => {
                    nearest = nearest.or(Some(Refusal::Path {
                        signer: self.first.common_name(),
                        anchor: trusted.common_name(),
                        reason,
                    }));
                }
            }
        }
        Err(nearest.unwrap_or_else(|| Refusal::WrongSigner {
            signer: self.first.common_name(),
            wanted: "in KEK, nor the PK",
        }))
    }

    /// True if this certificate vouches for every signer.
    pub(super) fn is_vouched_for_by(&self, trusted: &Certificate) -> bool {
        self.verify_chain(trusted).is_ok()
    }

    fn verify_chain(&self, trusted: &Certificate) -> Result<(), PathRefusal> {
        let signers: Vec<&Certificate> = std::iter::once(&self.first).chain(&self.others).collect();
        pkcs7::verify_chains(&signers, &self.pool, trusted, &self.effort)
    }
}
