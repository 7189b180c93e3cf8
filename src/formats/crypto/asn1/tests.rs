use super::*;
use proptest::prelude::*;

#[test]
fn lengths_of_every_form_are_read_and_written_short() {
    for bytes in [
        &[0x30, 3, 2, 1, 5][..],
        &[0x30, 0x81, 3, 2, 1, 5],
        &[0x30, 0x83, 0, 0, 4, 2, 0x81, 1, 5],
        &[0x30, 0x80, 2, 1, 5, 0, 0],
    ] {
        let mut reader = Reader::new(bytes);
        let element = reader.any("value").unwrap();
        assert_eq!((element.raw, reader.is_empty()), (bytes, true));
        assert_eq!(element.to_der().unwrap(), [0x30, 3, 2, 1, 5]);
        assert_eq!(element.inner().unwrap().integer("number"), Ok(&[5][..]));
    }
}

#[test]
fn strings_in_pieces_are_joined() {
    let bytes = [0x24, 0x80, 4, 1, 7, 0x24, 3, 4, 1, 8, 0, 0];
    let element = Reader::new(&bytes).string("text", tag::OCTET_STRING).unwrap();
    assert_eq!(*element.string().unwrap(), [7, 8]);
}

#[test]
fn faults_name_the_field_and_its_offset() {
    let mut reader = Reader::new(&[0x30, 4, 2, 2, 0, 5]).sequence("whole").unwrap();
    let error = reader.integer("serial number").unwrap_err();
    assert_eq!(
        error.to_string(),
        "serial number at offset 0x4 is a number with a zero too many"
    );
    assert!(Reader::new(&[2, 0x80, 5, 0, 0]).any("x").is_err());
    assert!(Reader::new(&[0x30, 5, 1]).any("x").is_err());
    assert!(Reader::new(&[0x30, 0x80, 2, 1, 1]).any("x").is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, mut open in prop::collection::vec(prop::sample::select(vec![0x30_u8, 0x80, 0x24, 0]), 0..200)) {
        for bytes in [&bytes, &{ open.extend_from_slice(&bytes); open }] {
            if let Ok(element) = Reader::new(bytes).any("value") {
                let _ = (element.to_der(), element.string(), element.bit_string(), element.integer());
                let _ = element.object_identifier();
            }
        }
    }

    #[test]
    fn content_of_any_length_is_read_back(content in prop::collection::vec(any::<u8>(), 0..70_000)) {
        let bytes = encode(tag::OCTET_STRING, &[&content]);
        let element = Reader::new(&bytes).any("value").unwrap();
        prop_assert_eq!(element.content, &content[..]);
    }
}
