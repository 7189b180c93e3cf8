//! Changed bytes, foreign signatures, and what follows a signature.

use bootseal::formats::firmware::authenticode::{Image, SignatureError, minimal_image};

use super::{CHECKSUM, holds};
use crate::support::image::is_signed_by;
use crate::support::signer::TestKey;

#[test]
fn bytes_after_the_pkcs7_are_passed_over_as_firmware_does() {
    let signed = TestKey::shared().sign_image(&minimal_image());
    let pkcs7 = Image::parse(&signed).unwrap().signatures()[0].content.to_vec();
    let sample = minimal_image();
    let with = |tail: &[u8]| {
        Image::parse(&sample)
            .unwrap()
            .with_signature(&[&pkcs7, tail].concat())
            .unwrap()
    };
    for tail in [&[][..], &[0; 8], &[1]] {
        let file = with(tail);
        let entry = Image::parse(&file).unwrap().signatures()[0];
        assert!(entry.content.starts_with(&pkcs7) && entry.content.len() == pkcs7.len() + tail.len());
        assert_eq!(entry.signature().unwrap().der, pkcs7);
        assert!(holds(&file));
    }
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
    let content = cms.content.unwrap().content;
    let info = &cms.signers[0];
    // The tag and the length are those of the place, and the rest is signed as it stands.
    let attributes = &info.signed_attributes.as_ref().unwrap().der[2..];
    let place = signed
        .windows(attributes.len())
        .position(|part| part == attributes)
        .unwrap();
    let attributes = place..place + attributes.len();
    let (content, signature) = (at(content)..at(content) + content.len(), at(&info.signature));
    for part in [content, attributes, signature..signature + info.signature.len()] {
        for offset in part {
            let mut changed = signed.clone();
            changed[offset] ^= 1;
            assert!(!holds(&changed), "byte {offset:#x}");
        }
    }
}
