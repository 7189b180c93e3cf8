//! Certificate tables and entries that do not fit.

use bootseal::formats::firmware::authenticode::{Image, ImageError, SignatureError, TableError, minimal_image};

use super::{DIRECTORY, number, put, refusal, sample_with, signed_with, table_refusal};
use crate::support::image::without_signature_at;
use crate::support::signer::TestKey;

#[test]
fn the_certificate_tables_place_is_checked() {
    let signed = TestKey::shared().sign_image(&minimal_image());
    let size = u32::try_from(signed.len() - 2048).unwrap();
    let error = table_refusal(&signed_with(DIRECTORY + 4, &number(size + 8)));
    assert!(
        matches!(
            error,
            TableError::PastEnd {
                field: DIRECTORY,
                start: 2048,
                ..
            }
        ),
        "{error}"
    );
    let error = table_refusal(&signed_with(DIRECTORY + 4, &number(u32::MAX - 7)));
    assert!(matches!(error, TableError::PastEnd { .. }), "{error}");
    let error = table_refusal(&signed_with(DIRECTORY + 4, &number(size - 8)));
    assert!(
        matches!(error, TableError::NotAtEnd { field: DIRECTORY, .. }),
        "{error}"
    );
    let error = table_refusal(&signed_with(DIRECTORY + 4, &number(size - 1)));
    assert!(matches!(error, TableError::Misaligned { name: "size", .. }), "{error}");
    let error = table_refusal(&signed_with(DIRECTORY, &number(2049)));
    assert!(
        matches!(
            error,
            TableError::Misaligned {
                name: "offset",
                value: 2049,
                ..
            }
        ),
        "{error}"
    );
    for at in [DIRECTORY, DIRECTORY + 4] {
        let error = table_refusal(&signed_with(at, &number(0)));
        assert!(
            matches!(error, TableError::HalfEmpty { field: DIRECTORY, .. }),
            "{error}"
        );
    }
    let mut longer = signed;
    longer.extend_from_slice(&[0; 8]);
    let error = table_refusal(&longer);
    assert!(
        matches!(error, TableError::NotAtEnd { end, file, .. } if end + 8 == file),
        "{error}"
    );
}

#[test]
fn a_table_in_the_headers_or_over_sections_is_refused() {
    for start in [8_u32, 0x200, 0x700] {
        let mut file = sample_with(DIRECTORY, &number(start));
        put(&mut file, DIRECTORY + 4, &number(2048 - start));
        assert!(matches!(refusal(&file), ImageError::Outside { .. }), "{start:#x}");
    }
}

#[test]
fn every_impossible_dw_length_is_refused() {
    let size = u32::try_from(TestKey::shared().sign_image(&minimal_image()).len() - 2048).unwrap();
    for length in [0, 1, 7, 8, size + 1, u32::MAX] {
        let error = table_refusal(&signed_with(2048, &number(length)));
        assert!(
            matches!(error, TableError::Length { offset: 2048, length: stated, .. } if stated == length),
            "{error}"
        );
    }
}

#[test]
fn entries_of_other_types_and_revisions_are_listed_but_no_signatures() {
    let file = signed_with(2048 + 6, &[1, 0]);
    let image = Image::parse(&file).unwrap();
    let error = image.signatures()[0].signature().unwrap_err();
    assert_eq!(
        error,
        SignatureError::NotPkcs7 {
            offset: 2048,
            certificate_type: 1
        }
    );
    assert_eq!(without_signature_at(&Image::parse(&file).unwrap(), 0), minimal_image());
}
