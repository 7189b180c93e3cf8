//! Every rule of firmware, kept and broken.

use super::*;
use crate::formats::firmware::authenticated_variable::APPEND_ATTRIBUTES;
use crate::formats::firmware::guid::Guid;
use crate::keys::Identity;
use crate::trust::identities::{DB, KEK, OWNER, PK, STRANGER, database, sign, time};
use crate::trust::microsoft;

fn user_mode<R>(run: impl FnOnce(Firmware<'_>) -> R) -> R {
    run(Firmware {
        pk: &database(&[&PK]),
        kek: &database(&[&KEK]),
        setup_mode: false,
        last_write: None,
    })
}

fn setup_mode<R>(run: impl FnOnce(Firmware<'_>) -> R) -> R {
    let empty = SignatureDatabase::default();
    run(Firmware {
        pk: &empty,
        kek: &empty,
        setup_mode: true,
        last_write: None,
    })
}

fn write(signer: &Identity, variable: VariableName, content: &[&Identity]) -> AuthenticatedVariable {
    sign(signer, variable, ATTRIBUTES, time(1), &database(content))
}

#[test]
fn in_setup_mode_pk_signs_itself_and_the_rest_is_unchecked() {
    setup_mode(|firmware| {
        let judge = |variable, auth| judge(&firmware, variable, ATTRIBUTES, &auth);
        let own = judge(VariableName::Pk, write(&PK, VariableName::Pk, &[&PK]));
        assert_eq!(own, Ok(Authority::NewPlatformKey(Box::new(PK.certificate.clone()))));
        let other = judge(VariableName::Pk, write(&STRANGER, VariableName::Pk, &[&PK]));
        assert!(matches!(other, Err(Refusal::WrongSigner { .. })));
        let empty = judge(VariableName::Pk, write(&PK, VariableName::Pk, &[]));
        assert_eq!(empty, Err(Refusal::NoPlatformKey));
        for variable in [VariableName::Kek, VariableName::Db, VariableName::Dbx] {
            let unchecked = judge(variable, write(&STRANGER, variable, &[&DB]));
            assert_eq!(unchecked, Ok(Authority::Unchecked));
        }
    });
}

#[test]
fn in_user_mode_each_variable_has_its_masters() {
    use VariableName::{Db, Dbx, Kek, Pk};
    user_mode(|firmware| {
        let judge = |signer, variable| judge(&firmware, variable, ATTRIBUTES, &write(signer, variable, &[&DB]));
        for variable in VariableName::ALL {
            let by_pk = judge(&PK, variable);
            assert_eq!(
                by_pk,
                Ok(Authority::PlatformKey(Box::new(PK.certificate.clone()))),
                "{variable}"
            );
            assert!(matches!(judge(&STRANGER, variable), Err(Refusal::WrongSigner { .. })));
        }
        for variable in [Db, Dbx] {
            assert!(matches!(judge(&KEK, variable), Ok(Authority::KeyExchangeKey { .. })));
        }
        for variable in [Pk, Kek] {
            assert!(matches!(judge(&KEK, variable), Err(Refusal::WrongSigner { .. })));
        }
    });
}

#[test]
fn an_empty_write_by_pk_deletes_it() {
    let auth = write(&PK, VariableName::Pk, &[]);
    let judged = user_mode(|firmware| judge(&firmware, VariableName::Pk, ATTRIBUTES, &auth));
    assert_eq!(judged, Ok(Authority::PlatformKey(Box::new(PK.certificate.clone()))));
}

#[test]
fn a_signature_holds_for_its_variable_attributes_time_and_content_only() {
    let auth = write(&KEK, VariableName::Db, &[&DB]);
    let refused = |variable, attributes, auth: &AuthenticatedVariable| {
        user_mode(|firmware| {
            let refusal = judge(&firmware, variable, attributes, auth).unwrap_err();
            assert!(matches!(refusal, Refusal::Signature { .. }), "{refusal}");
        });
    };
    refused(VariableName::Dbx, ATTRIBUTES, &auth);
    refused(VariableName::Db, APPEND_ATTRIBUTES, &auth);
    let mut later = auth.clone();
    later.time = time(2);
    refused(VariableName::Db, ATTRIBUTES, &later);
    let mut other = auth;
    other.payload = database(&[&STRANGER]).to_bytes();
    refused(VariableName::Db, ATTRIBUTES, &other);
}

#[test]
fn time_goes_forward_except_for_an_append() {
    user_mode(|firmware| {
        let firmware = Firmware {
            last_write: Some(time(5)),
            ..firmware
        };
        for (seconds, attributes, accepted) in [
            (4, ATTRIBUTES, false),
            (5, ATTRIBUTES, false),
            (6, ATTRIBUTES, true),
            (4, APPEND_ATTRIBUTES, true),
        ] {
            let auth = sign(&KEK, VariableName::Db, attributes, time(seconds), &database(&[&DB]));
            let judged = judge(&firmware, VariableName::Db, attributes, &auth);
            assert_eq!(judged.is_ok(), accepted, "{seconds} {attributes:#x} {judged:?}");
        }
        let mut bytes = time(6).to_bytes();
        bytes[15] = 1;
        let odd = EfiTime::from_bytes(bytes);
        let auth = sign(&KEK, VariableName::Db, ATTRIBUTES, odd, &database(&[&DB]));
        let judged = judge(&firmware, VariableName::Db, ATTRIBUTES, &auth);
        assert_eq!(judged, Err(Refusal::TimeNotZero));
    });
}

#[test]
fn lists_that_firmware_does_not_take_are_refused_even_in_setup_mode() {
    let refusal = |variable, content: &SignatureDatabase| {
        let auth = sign(&PK, variable, ATTRIBUTES, time(1), content);
        setup_mode(|firmware| judge(&firmware, variable, ATTRIBUTES, &auth)).unwrap_err()
    };
    let single = |kind, data: &[u8]| {
        let mut database = SignatureDatabase::default();
        database.add(kind, OWNER, data);
        database
    };
    let unknown = SignatureType::Unknown(Guid::GLOBAL);
    assert_eq!(
        refusal(VariableName::Db, &single(unknown, b"x")),
        Refusal::EntryType(unknown)
    );
    let (kind, size) = (SignatureType::Sha256, 31);
    assert_eq!(
        refusal(VariableName::Dbx, &single(kind, &[0; 31])),
        Refusal::EntrySize { kind, size }
    );
    assert!(matches!(
        refusal(VariableName::Kek, &single(SignatureType::X509, b"x")),
        Refusal::Certificate(_)
    ));
    assert_eq!(
        refusal(VariableName::Pk, &database(&[&PK, &KEK])),
        Refusal::TooManyPlatformKeys(2)
    );
    let auth = write(&PK, VariableName::Pk, &[&PK]);
    let judged = setup_mode(|firmware| judge(&firmware, VariableName::Pk, 7, &auth));
    assert_eq!(judged, Err(Refusal::Attributes(7)));
}

#[test]
fn microsofts_update_passes_through_its_issuer_in_kek() {
    let update = AuthenticatedVariable::parse(microsoft::DBX_UPDATE_X64).unwrap();
    let recognised = recognise(&update).unwrap();
    assert_eq!(recognised.variable, VariableName::Dbx);
    assert_eq!(recognised.attributes, APPEND_ATTRIBUTES);
    for (name, accepted) in [("kek-2011", true), ("kek-2023", false)] {
        let known = microsoft::CERTIFICATES.iter().find(|known| known.name == name).unwrap();
        let mut kek = SignatureDatabase::default();
        kek.add_certificate(Guid::MICROSOFT, known.der);
        user_mode(|firmware| {
            let firmware = Firmware { kek: &kek, ..firmware };
            let judged = judge(&firmware, VariableName::Dbx, APPEND_ATTRIBUTES, &update);
            assert_eq!(judged.is_ok(), accepted, "{name}: {judged:?}");
        });
    }
}

#[test]
fn a_file_is_recognised_by_what_its_signature_covers() {
    for variable in VariableName::ALL {
        for attributes in [ATTRIBUTES, APPEND_ATTRIBUTES] {
            let auth = sign(&STRANGER, variable, attributes, time(1), &database(&[&DB]));
            let recognised = recognise(&auth).unwrap();
            assert_eq!(recognised.variable, variable);
            assert_eq!(recognised.attributes, attributes);
            assert_eq!(recognised.signer, STRANGER.certificate);
        }
    }
    let mut altered = write(&PK, VariableName::Pk, &[&PK]);
    altered.payload.push(0);
    assert_eq!(
        recognise(&altered),
        Err(Unrecognised::NoVariable {
            signer: "Test PK".to_owned()
        })
    );
    altered.signed_data.clear();
    assert!(matches!(recognise(&altered), Err(Unrecognised::Unreadable(_))));
}
