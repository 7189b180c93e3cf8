//! A certificate held against RFC 5280, the limits of firmware and kernel, and the specification.
//!
//! The same checks run on certificates that the ceremony issues and on those that it imports. Ours must pass all of them,
//! or bootseal has a bug. An imported one may be odd, which its owner is told and the transcript records; one that firmware
//! or kernel cannot use is refused.

use der::DateTime;
use der::oid::AssociatedOid;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};

use crate::formats::crypto::certificate::{Certificate, NotIssuedBy};
use crate::keys::certificate::Purpose;

use super::spec::{CertificateCheck, SIZES};

/// The usual length of a serial number, in bytes: long enough to be random, at most what RFC 5280, section 4.1.2.2,
/// allows.
const SERIAL_BYTES: std::ops::RangeInclusive<usize> = 8..=20;
/// The usual public exponent, big-endian.
const EXPONENT: [u8; 3] = [1, 0, 1];
/// An imported certificate that ends earlier is odd, in seconds: a year of 365 days.
const SHORTEST: i64 = 365 * 24 * 60 * 60;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judgement {
    /// As it should be.
    Sound,
    /// Unusual: firmware and kernel take it, and its owner should know.
    Odd,
    /// Of no use: firmware or kernel does not take it.
    Unusable,
}

/// A check that ran, and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub check: CertificateCheck,
    pub judgement: Judgement,
    pub text: String,
}

/// Where a certificate comes from; decides how strict the checks are.
pub(super) enum Origin {
    /// The ceremony issued it, with these properties.
    Issued {
        /// Size of the modulus, in bits.
        bits: u32,
        /// Validity, in years.
        years: u16,
        /// Begin of validity.
        from: DateTime,
    },
    /// Somebody made it before the ceremony, which is held at this moment.
    Imported {
        /// The moment of the ceremony.
        now: DateTime,
    },
}

/// Runs every check on a certificate. The signature of one that another key issued cannot be verified here: then that
/// check does not run, and the result has no line of it.
pub(super) fn lint(certificate: &Certificate, purpose: Purpose, origin: &Origin) -> Vec<Seen> {
    let linted = Linted {
        certificate,
        purpose,
        origin,
    };
    CertificateCheck::ALL
        .into_iter()
        .filter_map(|check| linted.run(check))
        .collect()
}

/// A certificate with its purpose and origin, which decide about it.
struct Linted<'a> {
    certificate: &'a Certificate,
    purpose: Purpose,
    origin: &'a Origin,
}

/// The judgement of a check, and its observation in words.
type Judged = (Judgement, String);

impl Linted<'_> {
    fn run(&self, check: CertificateCheck) -> Option<Seen> {
        let (judgement, text) = match check {
            CertificateCheck::SerialNumber => self.serial_number(),
            CertificateCheck::Validity => self.validity(),
            CertificateCheck::Issuer => self.issuer(),
            CertificateCheck::Signature => self.signature()?,
            CertificateCheck::Key => self.key(),
            CertificateCheck::Authority => self.authority(),
            CertificateCheck::KeyUsage => self.key_usage(),
            CertificateCheck::ExtendedKeyUsage => self.extended_key_usage(),
            CertificateCheck::KeyIdentifiers => self.key_identifiers(),
        };
        Some(Seen { check, judgement, text })
    }

    /// The judgement on an extension that is not there: by RFC 5280 nothing is wrong with that, but ours have all of them.
    fn absent(&self, extension: &str) -> Judged {
        let judgement = match self.origin {
            Origin::Issued { .. } => Judgement::Odd,
            Origin::Imported { .. } => Judgement::Sound,
        };
        (judgement, format!("no {extension}"))
    }

    fn serial_number(&self) -> Judged {
        let bytes = self.certificate.serial();
        let is_positive = bytes.iter().any(|byte| *byte != 0) && bytes.first().is_some_and(|byte| *byte < 0x80);
        let hex = hex::encode(bytes);
        if is_positive && SERIAL_BYTES.contains(&bytes.len()) {
            return (Judgement::Sound, format!("serial number of {} bytes", bytes.len()));
        }
        (
            Judgement::Odd,
            format!(
                "its serial number is 0x{hex}, not a positive one of 8 to 20 bytes, as RFC 5280 and chance ask for"
            ),
        )
    }

    fn validity(&self) -> Judged {
        let (from, until) = (
            &self.certificate.fields().not_before,
            &self.certificate.fields().not_after,
        );
        let seconds = |time: &DateTime| i64::try_from(time.unix_duration().as_secs()).ok();
        let is_sound = match self.origin {
            Origin::Issued { years, from: begin, .. } => {
                let lasts = until.year().zip(from.year()).map(|(until, from)| until - from);
                from.seconds() == seconds(begin) && lasts == Some(i64::from(*years))
            }
            Origin::Imported { now } => {
                let rest = until.seconds().zip(seconds(now)).map(|(until, now)| until - now);
                from.seconds() <= seconds(now) && from.seconds().is_some() && rest.is_some_and(|rest| rest >= SHORTEST)
            }
        };
        if is_sound {
            return (Judgement::Sound, format!("valid from {from} until {until}"));
        }
        let expected = match self.origin {
            Origin::Issued { years, from, .. } => format!("{years} years from {from} on"),
            Origin::Imported { .. } => "at least a year from the ceremony on".to_owned(),
        };
        let text = format!("it is valid from {from} until {until}, and should be for {expected}");
        (Judgement::Odd, text)
    }

    fn issuer(&self) -> Judged {
        if self.certificate.is_self_issued() {
            return (Judgement::Sound, "its own issuer".to_owned());
        }
        let issuer = self.certificate.issuer();
        (
            Judgement::Odd,
            format!("it is issued by \"{issuer}\", not by itself: no revocation by its issuer reaches firmware"),
        )
    }

    fn signature(&self) -> Option<Judged> {
        if !self.certificate.is_self_issued() {
            return None;
        }
        Some(match self.certificate.verify_signed_by_itself() {
            Ok(hash) => (Judgement::Sound, format!("signed by its own key with {}", hash.name())),
            Err(error @ NotIssuedBy::Algorithm(_)) => {
                (Judgement::Odd, format!("its signature cannot be verified: {error}"))
            }
            Err(error) => (
                Judgement::Unusable,
                format!("its signature does not hold, and the kernel refuses it: {error}"),
            ),
        })
    }

    fn key(&self) -> Judged {
        let key = match self.certificate.public_key() {
            Ok(key) => key,
            Err(error) => {
                return (
                    Judgement::Unusable,
                    format!("its key is of no use to firmware and kernel: {error}"),
                );
            }
        };
        let bits = key.bits();
        if !SIZES.contains(&bits) {
            let text = format!("its key is RSA-{bits}; firmware and kernel read 2048, 3072 and 4096");
            return (Judgement::Unusable, text);
        }
        if let Origin::Issued { bits: expected, .. } = self.origin
            && bits != *expected
        {
            return (
                Judgement::Odd,
                format!("its key is RSA-{bits}, and RSA-{expected} was asked for"),
            );
        }
        if key.exponent() == EXPONENT {
            return (Judgement::Sound, format!("RSA-{bits} with the exponent 65537"));
        }
        let exponent = hex::encode(key.exponent());
        (
            Judgement::Odd,
            format!("its key is RSA-{bits} with the exponent 0x{exponent}, not 0x010001"),
        )
    }

    fn authority(&self) -> Judged {
        match self.extension::<BasicConstraints>() {
            Err(()) => (Judgement::Odd, "its basic constraints do not read".to_owned()),
            Ok(None) => self.absent("basic constraints"),
            Ok(Some(BasicConstraints { ca: false, .. })) => (Judgement::Sound, "no certificate authority".to_owned()),
            Ok(Some(BasicConstraints { ca: true, .. })) => (
                Judgement::Odd,
                "it is a certificate authority (CA:TRUE): who trusts it also trusts every certificate that its key signs".to_owned(),
            ),
        }
    }

    fn key_usage(&self) -> Judged {
        match self.extension::<KeyUsage>() {
            Err(()) => (Judgement::Odd, "its key usage does not read".to_owned()),
            Ok(None) => self.absent("key usage"),
            Ok(Some(usage)) if usage.digital_signature() && !usage.key_cert_sign() => {
                (Judgement::Sound, "key usage digitalSignature".to_owned())
            }
            Ok(Some(usage)) => {
                let text = if usage.digital_signature() {
                    "its key usage has keyCertSign, the right to issue certificates"
                } else {
                    "its key usage lacks digitalSignature"
                };
                (Judgement::Odd, text.to_owned())
            }
        }
    }

    fn extended_key_usage(&self) -> Judged {
        let signs_code = |usage: &ExtendedKeyUsage| usage.0.contains(&const_oid::db::rfc5280::ID_KP_CODE_SIGNING);
        match (self.extension::<ExtendedKeyUsage>(), self.purpose) {
            (Err(()), _) => (Judgement::Odd, "its extended key usage does not read".to_owned()),
            (Ok(None), Purpose::Variables | Purpose::Measurements) => {
                (Judgement::Sound, "no extended key usage".to_owned())
            }
            (Ok(None), Purpose::Code) => self.absent("extended key usage"),
            (Ok(Some(usage)), Purpose::Code) if signs_code(&usage) => {
                (Judgement::Sound, "extended key usage codeSigning".to_owned())
            }
            (Ok(Some(usage)), purpose) => {
                let oids: Vec<String> = usage.0.iter().map(ToString::to_string).collect();
                let expected = match purpose {
                    Purpose::Code => "codeSigning is what it needs",
                    Purpose::Measurements => "a key that signs values of PCRs has none",
                    Purpose::Variables => "a key that signs firmware variables has none",
                };
                let text = format!("its extended key usage is {}; {expected}", oids.join(", "));
                (Judgement::Odd, text)
            }
        }
    }

    fn key_identifiers(&self) -> Judged {
        let unreadable = (Judgement::Odd, "its key identifiers do not read".to_owned());
        let (Ok(subject), Ok(authority)) = (
            self.extension::<SubjectKeyIdentifier>(),
            self.extension::<AuthorityKeyIdentifier>(),
        ) else {
            return unreadable;
        };
        let subject = subject.map(|subject| subject.0);
        let authority = authority.and_then(|authority| authority.key_identifier);
        match (subject, authority) {
            (Some(subject), Some(authority)) if subject == authority || !self.certificate.is_self_issued() => {
                (Judgement::Sound, "key identifiers of subject and issuer".to_owned())
            }
            (Some(_), Some(_)) => (
                Judgement::Odd,
                "its key identifiers of subject and issuer differ, although it is its own issuer".to_owned(),
            ),
            (None, _) => self.absent("key identifier"),
            (Some(_), None) => self.absent("key identifier of the issuer"),
        }
    }

    /// An extension; `None` if the certificate has none of this kind, an error if its content is not of this form.
    fn extension<T: AssociatedOid + for<'a> der::Decode<'a>>(&self) -> Result<Option<T>, ()> {
        let mut extensions = self.certificate.fields().extensions.iter();
        let found = extensions.find(|extension| extension.kind == T::OID.as_bytes());
        found
            .map(|extension| T::from_der(&extension.value).map_err(drop))
            .transpose()
    }
}

#[cfg(test)]
mod tests;
