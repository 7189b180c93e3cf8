//! Headers that lie, are cut off or are odd.

use bootseal::formats::firmware::authenticode::{Image, ImageError, minimal_image};

use super::{
    E_LFANEW, NUMBER_OF_DIRECTORIES, NUMBER_OF_SECTIONS, OPTIONAL, PE, POINTER_TO_RAW_DATA, SECTIONS, SIZE_OF_HEADERS,
    SIZE_OF_OPTIONAL_HEADER, SIZE_OF_RAW_DATA, holds, number, put, refusal, sample_with, signed_with, with_dos_stub,
};
use crate::support::signer::TestKey;

#[test]
fn what_is_no_pe_file_is_refused() {
    assert_eq!(refusal(b""), ImageError::NotMz);
    assert_eq!(refusal(b"\x7fELF"), ImageError::NotMz);
    assert!(matches!(refusal(b"MZ"), ImageError::Truncated(at) if at.field == "DOS header"));
    assert!(matches!(refusal(&minimal_image()[..62]), ImageError::Truncated(at) if at.field == "e_lfanew"));
    assert_eq!(refusal(&sample_with(PE, b"NE")), ImageError::NoPeSignature(64));
}

#[test]
fn every_truncation_is_refused() {
    let sample = minimal_image();
    let signed = TestKey::shared().sign_image(&sample);
    for length in 0..signed.len() {
        let error = refusal(&signed[..length]).to_string();
        assert!(
            length < 200 || error.contains("0x"),
            "without offset at {length}: {error}"
        );
    }
    for length in 0..sample.len() {
        refusal(&sample[..length]);
    }
}

#[test]
fn e_lfanew_is_checked() {
    let inside = refusal(&sample_with(E_LFANEW, &number(4)));
    assert_eq!(inside, ImageError::PeHeaderInDosHeader(4));
    for past in [2045, 0x7fff_ffff, u32::MAX] {
        let error = refusal(&sample_with(E_LFANEW, &number(past)));
        assert!(matches!(error, ImageError::Truncated(_)), "{past:#x}: {error}");
    }
}

#[test]
fn an_odd_e_lfanew_works() {
    for length in [1, 7, 9] {
        let signed = TestKey::shared().sign_image(&with_dos_stub(&vec![0x90; length]));
        let image = Image::parse(&signed).unwrap();
        assert!(holds(&signed));
        assert_eq!(image.stated_checksum(), image.checksum());
    }
}

#[test]
fn too_many_sections_are_refused() {
    let error = refusal(&sample_with(NUMBER_OF_SECTIONS, &[0xff, 0xff]));
    assert!(
        matches!(&error, ImageError::Truncated(at) if at.field == "section table"),
        "{error}"
    );
}

#[test]
fn headers_that_contradict_are_refused() {
    let error = refusal(&sample_with(SIZE_OF_OPTIONAL_HEADER, &[0, 0]));
    assert!(matches!(error, ImageError::NoOptionalHeader(_)), "{error}");
    let error = refusal(&sample_with(SIZE_OF_OPTIONAL_HEADER, &[0xf8, 0]));
    assert!(
        matches!(
            error,
            ImageError::SizeOfOptionalHeader {
                offset: SIZE_OF_OPTIONAL_HEADER,
                ..
            }
        ),
        "{error}"
    );
    let error = refusal(&sample_with(NUMBER_OF_DIRECTORIES, &number(17)));
    assert!(matches!(error, ImageError::Header { offset: PE, .. }), "{error}");
    let error = refusal(&sample_with(SIZE_OF_HEADERS, &number(100)));
    assert!(
        matches!(
            error,
            ImageError::SizeOfHeaders {
                offset: SIZE_OF_HEADERS,
                stated: 100,
                ..
            }
        ),
        "{error}"
    );
    let error = refusal(&sample_with(SIZE_OF_HEADERS, &number(u32::MAX)));
    assert!(matches!(error, ImageError::Outside { start: 0, .. }), "{error}");
    let error = refusal(&sample_with(OPTIONAL, &[0x07, 0x01]));
    assert!(matches!(error, ImageError::Header { offset: PE, .. }), "{error}");
}

#[test]
fn without_a_place_for_the_certificate_table_an_image_is_refused() {
    let mut file = sample_with(NUMBER_OF_DIRECTORIES, &number(4));
    put(&mut file, SIZE_OF_OPTIONAL_HEADER, &[112 + 32, 0]);
    let error = refusal(&file);
    let expected = ImageError::NoCertificateDirectory {
        offset: NUMBER_OF_DIRECTORIES,
        count: 4,
    };
    assert_eq!(error, expected);
}

#[test]
fn sections_outside_the_file_are_refused_by_name() {
    for (field, value) in [
        (POINTER_TO_RAW_DATA, 0x7ff),
        (SIZE_OF_RAW_DATA, 0x0800_0000),
        (SIZE_OF_RAW_DATA, u32::MAX),
    ] {
        let error = refusal(&sample_with(SECTIONS + field, &number(value)));
        assert!(
            matches!(&error, ImageError::Outside { what, .. } if what == "section .text"),
            "{error}"
        );
    }
    // Into the certificate table: it would be hashed, and no signature could hold.
    let error = refusal(&signed_with(SECTIONS + 80 + SIZE_OF_RAW_DATA, &number(0x208)));
    assert!(
        matches!(&error, ImageError::Outside { what, limit: 2048, .. } if what == "section .sbat"),
        "{error}"
    );
}

#[test]
fn sections_that_together_exceed_the_file_are_refused() {
    let error = refusal(&sample_with(SECTIONS + SIZE_OF_RAW_DATA, &number(0x600)));
    assert_eq!(
        error,
        ImageError::SectionsExceedFile {
            total: 0xc00,
            available: 0x800
        }
    );
}

#[test]
fn boot_code_that_looks_like_a_rich_header_is_no_obstacle() {
    let mut stub = [0x90; 64];
    put(&mut stub, 16, b"Rich\x01\x02\x03\x04");
    let file = with_dos_stub(&stub);
    assert!(
        goblin::pe::header::Header::parse(&file).is_err(),
        "goblin refuses these bytes by itself"
    );
    assert!(holds(&TestKey::shared().sign_image(&file)));
}

#[test]
fn names_fit_for_a_terminal() {
    let file = sample_with(SECTIONS, b"\x1b[31m\xff\xfe\n");
    let image = Image::parse(&file).unwrap();
    assert!(
        !image.sections()[0].name.chars().any(char::is_control),
        "{:?}",
        image.sections()[0].name
    );
    let strange = Image::parse(&sample_with(SECTIONS, b"/strange")).map(|_| ());
    assert!(
        matches!(
            strange,
            Err(ImageError::SectionEntry {
                number: 0,
                offset: SECTIONS,
                ..
            })
        ),
        "{strange:?}"
    );
}
