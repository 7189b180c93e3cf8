//! Warnings that the firmware alone does not give.

use super::*;
use crate::enroll::lists::Lists;
use crate::enroll::warnings::module_key;
use crate::formats::crypto::certificate::Certificate;

/// Variables whose db holds these identities' certificates.
fn holding(identities: &[&Identity]) -> Lists {
    Lists {
        db: database(identities),
        ..Lists::default()
    }
}

#[test]
fn a_key_of_the_running_modules_does_not_leave_db_unsaid() {
    let signs = |certificate: &Certificate| (*certificate == STRANGER.certificate).then(|| "kernel/x.ko".to_owned());
    let told = |before: &[&Identity], after: &[&Identity]| module_key(&holding(before), &holding(after), &signs);
    let warnings = told(&[&DB, &STRANGER], &[&DB]);
    assert_eq!(warnings.len(), 1);
    let text = &warnings[0].text;
    assert!(
        text.contains("kernel/x.ko") && text.contains("refuses every one of them"),
        "{text}"
    );
    assert!(warnings[0].remedies[0].contains("--keep-vendor db"));
    // It stays, it comes, or it is another that goes.
    assert!(told(&[&DB, &STRANGER], &[&STRANGER, &DB]).is_empty());
    assert!(told(&[&DB], &[&DB, &STRANGER]).is_empty());
    assert!(told(&[&DB, &KEK, &STRANGER], &[&DB, &STRANGER]).is_empty());
}
