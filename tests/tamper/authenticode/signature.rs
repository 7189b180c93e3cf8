//! Changed bytes, foreign signatures, and what follows a signature.

use bootseal::formats::firmware::authenticode::{Image, SignatureError, minimal_image};

use super::{CHECKSUM, holds};
use crate::support::image::is_signed_by;
use crate::support::signer::TestKey;

#[test]
fn bytes_after_the_pkcs7_are_refused_unless_they_are_padding() {
    let signed = TestKey::shared().sign_image(&minimal_image());
    let pkcs7 = Image::parse(&signed).unwrap().signatures()[0].content.to_vec();
    let sample = minimal_image();
    let with = |tail: &[u8]| {
        Image::parse(&sample)
            .unwrap()
            .with_signature(&[&pkcs7, tail].concat())
            .unwrap()
    };
    let judge = |file: Vec<u8>| Image::parse(&file).unwrap().signatures()[0].signature().map(|_| ());
    let padding = pkcs7.len().next_multiple_of(8) - pkcs7.len();
    assert_eq!(judge(with(&[0; 8][..padding])), Ok(()));
    assert_eq!(judge(with(&[0; 8])), Err(SignatureError::TrailingBytes(8)));
    assert_eq!(judge(with(&[1])), Err(SignatureError::TrailingBytes(1)));
}

#[test]
fn a_signature_of_another_image_is_refused() {
    let signed = TestKey::shared().sign_image(&minimal_image());
    let pkcs7 = Image::parse(&signed).unwrap().signatures()[0].content.to_vec();
    let other = [&minimal_image()[..], b"other"].concat();
    let other = Image::parse(&other).unwrap().with_signature(&pkcs7).unwrap();
    let image = Image::parse(&other).unwrap();
    let signature = image.signatures()[0].signature().unwrap();
    assert!(matches!(
        signature.verify_integrity(&image),
        Err(SignatureError::ImageChanged { .. })
    ));
    assert!(is_signed_by(&signature, TestKey::shared()));
    assert!(!is_signed_by(&signature, TestKey::other()));
}

#[test]
fn every_changed_byte_of_the_hashed_part_is_caught() {
    let signed = TestKey::shared().sign_image(&[&minimal_image()[..], b"tail"].concat());
    assert!(holds(&signed));
    for at in 0..2056 {
        let mut changed = signed.clone();
        changed[at] ^= 0x10;
        let is_excluded = (CHECKSUM..CHECKSUM + 4).contains(&at);
        assert_eq!(holds(&changed), is_excluded, "byte {at:#x}");
    }
}

#[test]
fn every_changed_byte_of_what_the_signature_covers_is_caught() {
    let signed = TestKey::shared().sign_image(&minimal_image());
    let image = Image::parse(&signed).unwrap();
    let cms = image.signatures()[0].signature().unwrap().cms;
    let at = |part: &[u8]| part.as_ptr() as usize - signed.as_ptr() as usize;
    let content = cms.content.unwrap().value();
    let attributes = cms.signers[0].signed_attributes.unwrap().content;
    for part in [content, attributes, cms.signers[0].signature] {
        for offset in at(part)..at(part) + part.len() {
            let mut changed = signed.clone();
            changed[offset] ^= 1;
            assert!(!holds(&changed), "byte {offset:#x}");
        }
    }
}
