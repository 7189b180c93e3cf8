//! Microsoft's own updates read and verified, malformed headers, and properties.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::formats::crypto::certificate::Certificate;
use crate::formats::firmware::signature_list::{SignatureDatabase, SignatureType};

fn microsoft(file: &str) -> Vec<u8> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/trust/microsoft");
    std::fs::read(directory.join(file)).unwrap()
}

#[test]
fn microsofts_dbx_update_is_an_append_that_its_kek_authorises() {
    let bytes = microsoft("updates/DBXUpdate-x64.bin");
    let update = AuthenticatedVariable::parse(&bytes).unwrap();
    assert_eq!(update.to_bytes(), bytes);
    assert_eq!(update.time.to_string(), "2010-03-06T19:17:21Z");
    assert_eq!(
        HashAlgorithm::Sha256.digest(&[&update.payload]).to_hex(),
        "140da251d008f95069c2412b1e432e392b1a2988845a0aebbcaac9ed2cc03716"
    );
    let database = SignatureDatabase::parse(&update.payload).unwrap();
    assert_eq!(database.entries_of_type(SignatureType::Sha256).count(), 443);
    assert_eq!(database.to_bytes(), update.payload);
    let cms = update.cms().unwrap();
    let signer = &cms.signers[0];
    let certificate = cms.certificates_named_by(signer).next().unwrap();
    let verify = |attributes| {
        let digest = update.signed_digest(VariableName::Dbx, attributes);
        signer.verify(&certificate.public_key().unwrap(), &cms.content_type, &digest)
    };
    assert_eq!(verify(APPEND_ATTRIBUTES), Ok(()));
    assert!(verify(ATTRIBUTES).is_err());
}

#[test]
fn microsofts_db_updates_hold_the_certificates_beside_them() {
    for (update, certificate) in [
        ("updates/DBUpdate2024.bin", "DB/windows-uefi-ca-2023.der"),
        ("updates/DBUpdate3P2023.bin", "DB/microsoft-uefi-ca-2023.der"),
        (
            "updates/DBUpdateOROM2023.bin",
            "DB/microsoft-option-rom-uefi-ca-2023.der",
        ),
    ] {
        let update = AuthenticatedVariable::parse(&microsoft(update)).unwrap();
        let mut expected = SignatureDatabase::default();
        expected.add_certificate(Guid::MICROSOFT, &microsoft(certificate));
        assert_eq!(update.payload, expected.to_bytes(), "{certificate}");
        Certificate::from_der(&microsoft(certificate)).unwrap();
    }
}

#[test]
fn malformed_headers_say_what_is_wrong() {
    let good = AuthenticatedVariable {
        time: EfiTime::from_bytes([0; 16]),
        signed_data: vec![0x30, 0x00],
        payload: vec![],
    }
    .to_bytes();
    let with = |position: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[position] = byte;
        AuthenticatedVariable::parse(&bytes).unwrap_err()
    };
    assert_eq!(with(16, 23), AuthenticatedVariableError::CertificateLength(23));
    assert!(matches!(
        with(16, 27),
        AuthenticatedVariableError::Truncated(Truncated {
            offset: 40,
            needed: 3,
            ..
        })
    ));
    assert_eq!(with(20, 1), AuthenticatedVariableError::Revision(0x0201));
    assert_eq!(with(22, 1), AuthenticatedVariableError::CertificateType(0x0e01));
    assert!(matches!(with(24, 0), AuthenticatedVariableError::NotPkcs7(_)));
}

#[test]
fn the_signed_bytes_are_those_of_the_specification() {
    let time = EfiTime::from_bytes([0x11; 16]);
    let bytes = signed_bytes("db", &Guid::IMAGE_SECURITY_DATABASE, APPEND_ATTRIBUTES, &time);
    let expected = format!(
        "64006200{}67000000{}",
        hex::encode(Guid::IMAGE_SECURITY_DATABASE.as_bytes()),
        "11".repeat(16)
    );
    assert_eq!(hex::encode(bytes), expected);
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(time: [u8; 16], signed_data in vec(any::<u8>(), 0..60), payload in vec(any::<u8>(), 0..60)) {
        let time = EfiTime::from_bytes(time);
        let variable = AuthenticatedVariable { time, signed_data, payload };
        prop_assert_eq!(AuthenticatedVariable::parse(&variable.to_bytes()), Ok(variable));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..120)) {
        if let Ok(variable) = AuthenticatedVariable::parse(&bytes) {
            let _ = variable.cms();
        }
    }

    #[test]
    fn damaged_updates_never_panic(at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
        let mut bytes = microsoft("updates/DBUpdate2024.bin");
        let position = at.index(bytes.len());
        bytes[position] = byte;
        bytes.truncate(cut.index(bytes.len() * 2));
        if let Ok(variable) = AuthenticatedVariable::parse(&bytes) {
            prop_assert_eq!(variable.to_bytes(), bytes);
            let _ = variable.cms();
            let _ = SignatureDatabase::parse(&variable.payload);
        }
    }
}
