//! Layouts that firmware does not hash as one flat file.

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticode::{
    CannotSign, Image, LayoutProblem, Severity, SignatureError, minimal_image,
};

use super::{POINTER_TO_RAW_DATA, POINTER_TO_SYMBOL_TABLE, SECTIONS, SIZE_OF_RAW_DATA, number, put, sample_with};
use crate::support::image::flat_digest;
use crate::support::signer::TestKey;

#[test]
fn overlapping_sections_and_gaps_are_not_signed() {
    let overlap = sample_with(SECTIONS + 40 + POINTER_TO_RAW_DATA, &number(0x300));
    let mut gap = sample_with(SECTIONS + 80 + SIZE_OF_RAW_DATA, &number(0));
    put(&mut gap, SECTIONS + 40 + POINTER_TO_RAW_DATA, &number(0x600));
    let in_headers = sample_with(SECTIONS + POINTER_TO_RAW_DATA, &number(0));
    for (file, section) in [(overlap, ".reloc"), (gap, ".reloc"), (in_headers, ".text")] {
        let image = Image::parse(&file).unwrap();
        assert_ne!(
            image.digest(HashAlgorithm::Sha256),
            flat_digest(&file, HashAlgorithm::Sha256)
        );
        let certificate = &TestKey::shared().certificate;
        let error = image
            .unsigned_signature(certificate, HashAlgorithm::Sha256)
            .unwrap_err();
        assert!(matches!(error, CannotSign::Layout(_)), "{error}");
        assert!(error.to_string().contains(&format!("section {section}")), "{error}");
        assert!(image.with_signature(&[0x30, 0]).is_err());
    }
}

#[test]
fn trailing_data_is_named_and_signed_over() {
    let mut file = minimal_image();
    file.extend_from_slice(b"surprise");
    let image = Image::parse(&file).unwrap();
    let problems = image.layout_problems();
    assert_eq!(
        problems,
        [LayoutProblem::TrailingData {
            offset: 2048,
            length: 8
        }]
    );
    assert_eq!(problems[0].severity(), Severity::Warning);
    let mut signed = TestKey::shared().sign_image(&file);
    signed[2048] ^= 1;
    let image = Image::parse(&signed).unwrap();
    let changed = image.signatures()[0].signature().unwrap().verify_integrity(&image);
    assert!(matches!(changed, Err(SignatureError::ImageChanged { .. })));
}

#[test]
fn padding_alone_is_no_trailing_data() {
    let mut file = minimal_image();
    file.extend_from_slice(&[0; 8]);
    assert_eq!(Image::parse(&file).unwrap().layout_problems().len(), 1);
    let file = TestKey::shared().sign_image(&minimal_image());
    assert_eq!(Image::parse(&file).unwrap().layout_problems(), []);
}

/// The sample with a symbol table of one symbol and a string table, as GNU tools leave them.
fn with_symbols(names: &[u8]) -> Vec<u8> {
    let mut file = minimal_image();
    put(&mut file, POINTER_TO_SYMBOL_TABLE, &number(2048));
    put(&mut file, POINTER_TO_SYMBOL_TABLE + 4, &number(1));
    put(&mut file, SECTIONS + 40, b"/4\0\0\0\0\0\0");
    file.extend_from_slice(&[0x55; 18]);
    file.extend_from_slice(&number(4 + u32::try_from(names.len()).unwrap()));
    file.extend_from_slice(names);
    file
}

#[test]
fn a_symbol_table_is_no_trailing_data_and_names_sections() {
    let file = with_symbols(b".relocations\0");
    let image = Image::parse(&file).unwrap();
    assert_eq!(image.layout_problems(), []);
    assert_eq!(image.sections()[1].name, ".relocations");
    let mut longer = file;
    longer.extend_from_slice(b"after");
    let problems = Image::parse(&longer).unwrap().layout_problems();
    assert_eq!(
        problems,
        [LayoutProblem::TrailingData {
            offset: 2048 + 18 + 17,
            length: 5
        }]
    );
}

#[test]
fn a_name_that_is_missing_or_without_end_stays_a_reference() {
    for names in [&b""[..], b"no end", &[b'x'; 5000]] {
        let file = with_symbols(names);
        assert_eq!(Image::parse(&file).unwrap().sections()[1].name, "/4");
    }
    let file = sample_with(SECTIONS, b"/9999999");
    assert_eq!(Image::parse(&file).unwrap().sections()[0].name, "/9999999");
}
