//! Keys and certificates that were made elsewhere.

use super::*;
use crate::formats::crypto::certificate::Certificate;
use crate::keys::SoftwareKey;
use crate::keys::certificate::{Request, self_signed};

/// A directory with the keys and certificates of other ceremonies, each valid from this time on.
pub(super) fn foreign(directory: &Path, keys: &[(KeyName, &SoftwareKey)], years: u16, time: u64) {
    let context = Context::host().with_clock(Clock::Fixed(time));
    for (name, key) in keys {
        let request = Request {
            common_name: format!("foreign {name}"),
            organization: None,
            purpose: spec::purpose(*name),
            years,
        };
        let certificate = self_signed(&context, *key, &request).unwrap();
        let path = directory.join(format!("{name}.key"));
        fs::write(&path, key.to_pem(&context, None).unwrap().as_bytes()).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(directory.join(format!("{name}.crt")), certificate.to_pem().unwrap()).unwrap();
    }
}

fn importing(outside: &Path) -> Spec {
    let mut spec = plain("taken", &outside.join("node"));
    spec.import = Some(outside.join("foreign"));
    for (name, key) in &mut spec.keys {
        key.bits = if *name == KeyName::Grub { 3072 } else { 2048 };
    }
    fs::create_dir(outside.join("foreign")).unwrap();
    spec
}

#[test]
fn an_odd_certificate_is_told_of_and_recorded() {
    let outside = tempfile::tempdir().unwrap();
    let spec = importing(outside.path());
    let key = SoftwareKey::generate(&Context::host(), 2048).unwrap();
    foreign(&outside.path().join("foreign"), &[(KeyName::Db, &key)], 1, LEAP_DAY);
    // A day before its end.
    let context = Context::host().with_clock(Clock::Fixed(LEAP_DAY + 364 * 24 * 60 * 60));
    let plan = Plan::new(&context, &spec).unwrap();
    let [finding] = plan.contents.findings.as_slice() else {
        panic!("{:?}", plan.contents.findings)
    };
    assert_eq!(
        (finding.subject.as_str(), finding.kind),
        ("db", CertificateCheck::Validity.kind())
    );
    let recorded = serde_json::to_value(&plan.contents).unwrap()["findings"].clone();
    assert_eq!(recorded[0]["key"], "db");
    assert_eq!(recorded[0]["check"], "validity");
    assert_eq!(recorded[0]["reason"], finding.text);
    let certificate = fs::read(outside.path().join("foreign/db.crt")).unwrap();
    let certificate = Certificate::from_pem(&certificate).unwrap();
    assert_eq!(
        plan.contents.keys[2].certificate,
        Some(certificate.fingerprint().to_hex())
    );

    let report = run(&context, &spec).unwrap();
    assert_eq!(report.findings.len(), 1);
    let verified = verify::verify(&spec.out, None).unwrap();
    assert_eq!(verified.findings, [""; 0]);
    assert!(!verified.complete);
    assert!(
        verified.remarks[0].contains("db certificate is odd"),
        "{:?}",
        verified.remarks
    );

    let transcript = Transcript::parse(&fs::read(spec.out.join(TRANSCRIPT)).unwrap()).unwrap();
    let (checks, findings) = transcript
        .events()
        .find_map(|event| match event {
            Event::Checked { checks, findings } => Some((checks, findings)),
            _ => None,
        })
        .unwrap();
    assert_eq!(findings[0].check, "validity");
    let db = checks.iter().find(|check| check.starts_with("db certificate")).unwrap();
    assert!(
        db.starts_with("db certificate, imported: ") && !db.contains("valid from"),
        "{db}"
    );
    let pk = checks.iter().find(|check| check.starts_with("PK certificate")).unwrap();
    assert!(
        pk.starts_with("PK certificate, issued here: ") && pk.contains("valid from"),
        "{pk}"
    );
}

#[test]
fn one_key_in_two_places_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    let spec = importing(outside.path());
    let key = SoftwareKey::generate(&Context::host(), 2048).unwrap();
    let keys = [(KeyName::Pk, &key), (KeyName::Kek, &key)];
    foreign(&outside.path().join("foreign"), &keys, 10, LEAP_DAY);
    let refused = Plan::new(&Context::host(), &spec).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the imported PK and KEK certificates have the same key"
    );
    assert_eq!(refused.kind().exit_code(), 1);
}
