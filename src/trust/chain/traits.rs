//! The properties that OpenSSL gives a certificate before it looks at a chain.

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::signed_hash::SignedHash;
use crate::formats::crypto::x509::extensions::KEY_CERT_SIGN;

/// Content octets of RSASSA-PSS, which is an RSA key's signature too, though it is not verified here.
const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];

/// The way in which a certificate is an authority (`X509_check_ca`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authority {
    /// It is none.
    No,
    /// By its basic constraints.
    Stated,
    /// By less: it may be the last of a chain, and no other. Version 1 and self-signed, by its key usage alone, or by
    /// Netscape's type.
    Assumed,
}

pub(super) fn authority(certificate: &Certificate) -> Authority {
    let fields = certificate.fields();
    let extensions = &fields.decisive;
    if extensions.broken.is_some() || !extensions.allows(KEY_CERT_SIGN) {
        return Authority::No;
    }
    let is_assumed = fields.is_v1 && is_self_signed(certificate)
        || extensions.key_usage.is_some()
        || extensions.is_netscape_authority;
    match extensions.authority {
        Some(true) => Authority::Stated,
        None if is_assumed => Authority::Assumed,
        Some(false) | None => Authority::No,
    }
}

/// True if the certificate seems to be signed by its own key (`EXFLAG_SS`); the signature itself is not looked at.
pub(super) fn is_self_signed(certificate: &Certificate) -> bool {
    certificate.is_self_issued() && is_named_by(certificate, certificate) && fits_key(certificate, certificate)
}

/// True if `issuer` is likely to have issued `certificate` (`ossl_x509_likely_issued`): by names, identifiers and algorithm.
pub(super) fn is_likely_issuer(issuer: &Certificate, certificate: &Certificate) -> bool {
    let is_sound = |certificate: &Certificate| certificate.fields().decisive.broken.is_none();
    issuer.fields().subject == certificate.fields().issuer
        && is_sound(issuer)
        && is_sound(certificate)
        && is_named_by(issuer, certificate)
        && fits_key(issuer, certificate)
}

/// True unless the certificate names another one as its issuer (`X509_check_akid`).
fn is_named_by(issuer: &Certificate, certificate: &Certificate) -> bool {
    let Some(named) = &certificate.fields().decisive.authority_key_id else {
        return true;
    };
    let own = issuer.fields();
    let is_other_key = match (&named.key_id, &own.decisive.subject_key_id) {
        (Some(named), Some(own)) => named != own,
        _ => false,
    };
    let is_other_serial = named.serial.as_ref().is_some_and(|serial| *serial != own.serial);
    let is_other_issuer = named.issuer.as_ref().is_some_and(|issuer| *issuer != own.issuer);
    !(is_other_key || is_other_serial || is_other_issuer)
}

/// True if the certificate's signature is of a kind that the issuer's key makes. Firmware knows RSA.
fn fits_key(issuer: &Certificate, certificate: &Certificate) -> bool {
    let kind = certificate.fields().signed_algorithm.kind.as_slice();
    (SignedHash::of_rsa_signature(kind).is_some() || kind == RSASSA_PSS) && issuer.public_key().is_ok()
}
