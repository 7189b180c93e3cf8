use super::*;
use crate::keys::SoftwareKey;
use crate::keys::certificate::{Request, self_signed};
use crate::system::{Clock, Context};

fn at(time: u64) -> DateTime {
    Context::host().with_clock(Clock::Fixed(time)).date_time().unwrap()
}

fn convicted(seen: &[Seen]) -> Vec<CertificateCheck> {
    let convicted = seen.iter().filter(|seen| seen.judgement != Judgement::Sound);
    convicted.map(|seen| seen.check).collect()
}

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
    let issued = |bits, years, time| Origin::Issued {
        bits,
        years,
        from: at(time),
    };
    let seen = lint(&certificate, Purpose::Variables, &issued(2048, 10, 1_800_000_000));
    assert_eq!(seen.len(), CertificateCheck::ALL.len());
    assert_eq!(convicted(&seen), []);
    let seen = lint(&certificate, Purpose::Code, &issued(4096, 11, 1_800_000_001));
    assert_eq!(
        convicted(&seen),
        [
            CertificateCheck::Validity,
            CertificateCheck::Key,
            CertificateCheck::ExtendedKeyUsage
        ]
    );
    // Imported, an extension that is not there is no oddity; an end within a year is one.
    let imported = |time| Origin::Imported { now: at(time) };
    let code = lint(&certificate, Purpose::Code, &imported(1_800_000_000));
    assert_eq!(convicted(&code), []);
    for time in [1_799_999_999, 2_100_000_000, 2_500_000_000] {
        let seen = lint(&certificate, Purpose::Variables, &imported(time));
        assert_eq!(convicted(&seen), [CertificateCheck::Validity], "{time}");
    }
}

#[test]
fn an_authority_of_another_issuer_is_convicted_and_its_signature_is_not_mentioned() {
    let authority = crate::trust::microsoft::CERTIFICATES[0].der;
    let authority = Certificate::from_der(authority).unwrap();
    let seen = lint(
        &authority,
        Purpose::Variables,
        &Origin::Imported { now: at(1_800_000_000) },
    );
    let convicted = convicted(&seen);
    assert!(convicted.contains(&CertificateCheck::Issuer) && convicted.contains(&CertificateCheck::Authority));
    assert!(seen.iter().all(|seen| seen.check != CertificateCheck::Signature));
}

#[test]
fn an_altered_certificate_is_of_no_use() {
    let context = Context::host().with_clock(Clock::Fixed(1_800_000_000));
    let key = SoftwareKey::generate(&context, 2048).unwrap();
    let request = Request {
        common_name: "original".to_owned(),
        organization: None,
        purpose: Purpose::Code,
        years: 10,
    };
    let der = self_signed(&context, &key, &request).unwrap().as_der().to_vec();
    let mut altered = der.clone();
    for place in 0..der.len() - 8 {
        if &der[place..place + 8] == b"original" {
            altered[place] = b'O';
        }
    }
    let altered = Certificate::from_der(&altered).unwrap();
    let seen = lint(&altered, Purpose::Code, &Origin::Imported { now: at(1_800_000_000) });
    let unusable: Vec<_> = seen
        .iter()
        .filter(|seen| seen.judgement == Judgement::Unusable)
        .collect();
    assert_eq!(unusable.len(), 1, "{seen:?}");
    assert_eq!(unusable[0].check, CertificateCheck::Signature);
}
