use super::*;
use crate::formats::firmware::authenticode::minimal_image;
use crate::formats::firmware::guid::Guid;
use crate::trust::identities::{DB, OWNER, database, sign_image};

fn signed() -> Vec<u8> {
    sign_image(&minimal_image(), &DB)
}

/// dbx with another entry, and then the hash of db's certificate, revoked at this time.
fn revoked_at(time: [u8; 16]) -> SignatureDatabase {
    let mut dbx = SignatureDatabase::default();
    dbx.add_sha256(Guid::MICROSOFT, &[7; 32]);
    let digest = HashAlgorithm::Sha256.digest(&[DB.certificate.tbs_der()]);
    dbx.add(SignatureType::X509Sha256, OWNER, &[digest.as_bytes(), &time].concat());
    dbx
}

#[test]
fn a_revocation_with_a_time_refuses_and_says_what_could_lift_it() {
    let file = signed();
    let image = Image::parse(&file).unwrap();
    let judge = |dbx: &SignatureDatabase| Policy::new(&database(&[&DB]), dbx).judge(&image).unwrap_err();
    let always = judge(&revoked_at([0; 16]));
    assert!(!always.may_be_lifted());
    let place = "(entry 2 of dbx, x509_sha256, owner 00000001-0002-0003-0404-040404040404)";
    assert_eq!(
        always.to_string(),
        format!("dbx forbids the certificate \"Test db\" that signed the image {place}")
    );
    // EDK2 looks at year to second only.
    let mut time = [0; 16];
    time[12] = 1;
    assert!(!judge(&revoked_at(time)).may_be_lifted());
    let from = crate::trust::identities::time(9);
    let later = judge(&revoked_at(from.to_bytes()));
    assert!(later.may_be_lifted());
    let text = later.to_string();
    assert!(
        text.contains(place) && text.contains("2026-01-01") && text.contains("dbt"),
        "{text}"
    );
}

#[test]
fn verdicts_name_the_entry() {
    let file = signed();
    let image = Image::parse(&file).unwrap();
    let mut db = SignatureDatabase::default();
    db.add_sha256(Guid::MICROSOFT, &[7; 32]);
    db.merge(&database(&[&DB]));
    let nothing = SignatureDatabase::default();
    let accepted = Policy::new(&db, &nothing).judge(&image).unwrap();
    let place = "(entry 2 of db, x509, owner 00000001-0002-0003-0404-040404040404)";
    assert_eq!(
        accepted.to_string(),
        format!("signed by \"Test db\", which is in db {place}")
    );
    let digest = image.digest(HashAlgorithm::Sha256);
    let mut hash = SignatureDatabase::default();
    hash.add(SignatureType::Sha256, Guid::MICROSOFT, digest.as_bytes());
    let by_hash = Policy::new(&hash, &nothing).judge(&image).unwrap();
    assert_eq!(
        by_hash.to_string(),
        "db lists its hash (entry 1 of db, sha256, owner Microsoft)"
    );
    let refused = Policy::new(&db, &hash).judge(&image).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "dbx forbids the image's sha256 hash {digest} (entry 1 of dbx, sha256, owner Microsoft)",
            digest = digest.to_hex()
        )
    );
    let refused = Policy::new(&db, &database(&[&DB])).judge(&image).unwrap_err();
    assert!(
        refused.to_string().contains("(entry 1 of dbx, x509, owner"),
        "{refused}"
    );
}

#[test]
fn an_image_that_is_too_much_work_is_refused_whatever_else_signed_it() {
    let file = signed();
    let image = Image::parse(&file).unwrap();
    let policy = Policy::new(&database(&[&DB]), &SignatureDatabase::default());
    let entry = &image.signatures()[0];
    let effort = Effort::default();
    assert!(policy.judge_entry(&image, entry, &effort).is_ok());
    while effort.verify(&DB.certificate.public_key().unwrap()) {}
    let judged = policy.judge_entry(&image, entry, &effort);
    assert_eq!(judged, Err(Refusal::Effort));
    assert!(policy.is_fatal(&judged));
}
