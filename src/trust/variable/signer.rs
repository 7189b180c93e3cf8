//! The signer of an authenticated write, and the enrolled certificate that vouches for it.

use const_oid::db::rfc5911::ID_DATA;

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::cms::{Refusal as CmsRefusal, SignedData};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::authenticated_variable::{AuthenticatedVariable, VariableName};
use crate::formats::firmware::signature_list::SignatureDatabase;

use super::refusal::Refusal;
use crate::trust::{chain, edk2};

/// The signer's certificate, its signature checked, and the other certificates that came along.
pub(super) fn verified(
    auth: &AuthenticatedVariable,
    variable: VariableName,
    attributes: u32,
) -> Result<(Certificate, Vec<Certificate>), Refusal> {
    let cms = auth.cms()?;
    let certificate = signer_of(&cms)?;
    let [signer] = cms.signers.as_slice() else {
        return Err(Refusal::Shape("has more than one signer"));
    };
    let refused = |reason| Refusal::Signature {
        signer: certificate.common_name(),
        reason,
    };
    // Older firmware looks for SHA-256 at a fixed place and takes nothing else.
    if signer.hash().map_err(refused)? != HashAlgorithm::Sha256 {
        return Err(refused(CmsRefusal::DigestAlgorithm(signer.digest_algorithm)));
    }
    let announced = [edk2::BARE, edk2::IN_CONTENT_INFO]
        .into_iter()
        .any(|offset| edk2::announces(&auth.signed_data, offset, HashAlgorithm::Sha256));
    if !announced || !edk2::is_pkcs7(&cms) {
        return Err(Refusal::Shape(
            "is no PKCS#7 that announces SHA-256 where firmware looks for it",
        ));
    }
    let key = certificate.public_key().map_err(|reason| Refusal::Key {
        subject: certificate.common_name(),
        reason,
    })?;
    signer
        .verify(&key, &cms.content_type, &auth.signed_digest(variable, attributes))
        .map_err(refused)?;
    Ok((certificate, cms.certificates))
}

/// The certificate of the one signer; it has to come along.
fn signer_of(cms: &SignedData<'_>) -> Result<Certificate, Refusal> {
    if cms.content_type != ID_DATA || cms.content.is_some() {
        return Err(Refusal::Shape("is not detached over data"));
    }
    let [signer] = cms.signers.as_slice() else {
        return Err(Refusal::Shape("has more than one signer"));
    };
    cms.certificates_named_by(signer)
        .next()
        .cloned()
        .ok_or(Refusal::NoCertificate)
}

/// The certificate in `enrolled` that is the signer's, or that issued it, directly or through `others`.
pub(super) fn enrolled_issuer(
    enrolled: &SignatureDatabase,
    signer: &Certificate,
    others: &[Certificate],
) -> Option<Certificate> {
    let trusted: Vec<Certificate> = enrolled
        .certificates()
        .filter_map(|(_, der)| Certificate::from_der(der).ok())
        .collect();
    chain::anchor(signer, others, &trusted).cloned()
}
