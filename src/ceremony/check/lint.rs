//! A certificate held against what was asked for, and against what firmware and kernel take.

use der::DateTime;
use der::oid::AssociatedOid;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};

use crate::formats::crypto::certificate::Certificate;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::keys::certificate::Purpose;

/// What was asked for.
pub(crate) struct Expected {
    pub purpose: Purpose,
    pub bits: u32,
    pub years: u16,
    /// Begin of validity.
    pub from: DateTime,
}

/// What is wrong.
pub(crate) fn lint(certificate: &Certificate, expected: &Expected) -> Vec<String> {
    let mut findings = Vec::new();
    let mut insist = |holds: bool, finding: &str| {
        if !holds {
            findings.push(finding.to_owned());
        }
    };
    let tbs = certificate.parsed().tbs_certificate();
    let serial = tbs.serial_number().as_bytes();
    // RFC 5280, section 4.1.2.2.
    insist(
        (8..=20).contains(&serial.len()) && serial.first().is_some_and(|byte| *byte < 0x80),
        "its serial number is not a positive one of 8 to 20 bytes",
    );
    let validity = tbs.validity();
    let (from, until) = (validity.not_before.to_date_time(), validity.not_after.to_date_time());
    insist(from == expected.from, "it is not valid from the ceremony on");
    insist(
        until.year() == from.year().saturating_add(expected.years),
        "it is not valid for as long as it should",
    );
    insist(certificate.is_self_issued(), "it is not its own issuer");
    match certificate.public_key() {
        Ok(key) => {
            insist(
                key.bits() == expected.bits,
                "its key is not of the size that was asked for",
            );
            let digest = HashAlgorithm::Sha256.digest(&[certificate.tbs_der()]);
            let signature = certificate.parsed().signature().raw_bytes();
            insist(key.verify(&digest, signature).is_ok(), "its signature does not hold");
        }
        Err(_) => insist(false, "its key is not one that firmware takes"),
    }
    let constraints = extension::<BasicConstraints>(certificate);
    insist(
        constraints.is_some_and(|constraints| !constraints.ca),
        "it is a certificate authority's, or does not say that it is none",
    );
    let usage = extension::<KeyUsage>(certificate);
    insist(
        usage.is_some_and(|usage| usage.digital_signature() && !usage.key_cert_sign()),
        "its key usage is not digitalSignature",
    );
    let code = extension::<ExtendedKeyUsage>(certificate)
        .is_some_and(|usage| usage.0 == [const_oid::db::rfc5280::ID_KP_CODE_SIGNING]);
    insist(
        code == (expected.purpose == Purpose::Code),
        "its extended key usage is not what it should be",
    );
    let subject = extension::<SubjectKeyIdentifier>(certificate);
    let authority = extension::<AuthorityKeyIdentifier>(certificate).and_then(|authority| authority.key_identifier);
    insist(
        subject.is_some() && subject.map(|subject| subject.0) == authority,
        "its key identifiers differ, or are not there",
    );
    findings
}

fn extension<T: AssociatedOid + for<'a> der::Decode<'a>>(certificate: &Certificate) -> Option<T> {
    let extensions = certificate.parsed().tbs_certificate().extensions()?;
    let found = extensions.iter().find(|extension| extension.extn_id == T::OID)?;
    T::from_der(found.extn_value.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SoftwareKey;
    use crate::keys::certificate::{Request, self_signed};
    use crate::system::{Clock, Context};

    #[test]
    fn our_certificates_pass_and_others_are_told_why_not() {
        let context = Context::host().with_clock(Clock::Fixed(1_800_000_000));
        let key = SoftwareKey::generate(&context, 2048).unwrap();
        let request = Request {
            common_name: "x".to_owned(),
            organization: None,
            purpose: Purpose::Variables,
            years: 10,
        };
        let certificate = self_signed(&context, &key, &request).unwrap();
        let expected = |purpose, bits, years, now| Expected {
            purpose,
            bits,
            years,
            from: Context::host().with_clock(Clock::Fixed(now)).date_time().unwrap(),
        };
        let of = |expected: Expected| lint(&certificate, &expected);
        let none: [String; 0] = [];
        assert_eq!(of(expected(Purpose::Variables, 2048, 10, 1_800_000_000)), none);
        assert_eq!(
            of(expected(Purpose::Code, 4096, 11, 1_800_000_001)),
            [
                "it is not valid from the ceremony on",
                "it is not valid for as long as it should",
                "its key is not of the size that was asked for",
                "its extended key usage is not what it should be"
            ]
        );
        let authority = crate::trust::microsoft::CERTIFICATES[0].der;
        let authority = Certificate::from_der(authority).unwrap();
        let findings = lint(&authority, &expected(Purpose::Variables, 2048, 15, 0));
        assert!(
            findings.contains(&"it is not its own issuer".to_owned()),
            "{findings:?}"
        );
        assert!(
            findings.iter().any(|finding| finding.contains("authority")),
            "{findings:?}"
        );
    }
}
