//! Bundles whose bytes were changed, and the form of bundles.

use std::fs;

use proptest::prelude::*;

use super::super::*;
use super::{FLEET, Machine, reason};

#[test]
fn no_region_of_a_bundle_can_be_altered() {
    let bytes = fs::read(FLEET.bundle("nas")).unwrap();
    let parse = |bytes: &[u8]| Bundle::parse(bytes).and_then(|bundle| bundle.check_signature());
    parse(&bytes).unwrap();
    let machine = Machine::new("nas");
    let altered = machine.root.path().join("altered");
    // A step that is prime to the blocks of an archive: headers, manifest, signature, certificates, keys and transcript are all hit.
    for place in (0..bytes.len()).step_by(499) {
        let mut other = bytes.clone();
        other[place] ^= 1;
        assert!(parse(&other).is_err(), "byte {place}");
    }
    for end in [0, 1, 512, 1024, bytes.len() / 2, bytes.len() - 1] {
        assert!(parse(&bytes[..end]).is_err(), "cut at {end}");
    }
    let longer = [bytes.as_slice(), &[0; 512]].concat();
    assert_eq!(parse(&longer), Err(BundleError::Form));
    // Each region has its own reason, and nothing comes of it.
    let regions: [(&str, &[u8], &str); 5] = [
        ("KEK.pem", b"BEGIN CERTIFICATE", "KEK.pem was altered"),
        ("db.key", b"BEGIN ENCRYPTED PRIVATE KEY", "db.key was altered"),
        ("ceremony.jsonl", b"key_made", "ceremony.jsonl was altered"),
        ("bundle.json", b"bootseal.bundle/1", "bundle.json does not read"),
        ("fleet.crt", b"BEGIN CERTIFICATE", "fleet.crt is no certificate"),
    ];
    for (file, text, expected) in regions {
        let start = find(&bytes, file.as_bytes(), 0);
        let mut other = bytes.clone();
        other[find(&bytes, text, start) + 2] ^= 1;
        fs::write(&altered, &other).unwrap();
        let reason = reason(machine.import(&altered, Some(FLEET.words())));
        assert!(
            reason.contains(expected) && !machine.keys().exists(),
            "{file}: {reason}"
        );
    }
}

/// The place of a text after another place. The name of a file stands in its header, and in the manifest.
fn find(bytes: &[u8], text: &[u8], from: usize) -> usize {
    let is_header = |place: usize| from > 0 || place.is_multiple_of(512);
    let mut places = (from..bytes.len()).filter(|place| is_header(*place));
    places.find(|place| bytes[*place..].starts_with(text)).unwrap()
}

#[test]
fn a_number_that_was_changed_is_not_signed() {
    let bytes = fs::read(FLEET.bundle("nas")).unwrap();
    let text = b"\"number\": 1";
    let mut other = bytes.clone();
    other[find(&bytes, text, 1) + text.len() - 1] = b'9';
    // The header of the archive says nothing of contents, so that the form is whole.
    let bundle = Bundle::parse(&other).unwrap();
    assert_eq!(bundle.check_signature(), Err(BundleError::Signature));
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_of_bundles_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _ = Bundle::parse(&bytes);
    }

    #[test]
    fn a_bundle_reads_back_whatever_is_in_it(
        files in proptest::collection::btree_map("[a-zA-Z0-9]{1,20}(\\.key)?", proptest::collection::vec(any::<u8>(), 0..600), 0..6),
        number in any::<u64>(),
        place in any::<prop::sample::Index>(),
    ) {
        let identity = &crate::trust::identities::PK;
        let manifest = Manifest::new("fleet", "node", number, "2028-02-29T12:00:00Z".to_owned(), "00");
        let made = bundle::make(manifest, &files, &identity.certificate, identity.signer.as_ref()).unwrap();
        let read = Bundle::parse(&made).unwrap();
        prop_assert!(read.check_signature().is_ok());
        prop_assert_eq!((&read.files, read.manifest.number), (&files, number));
        let mut altered = made.clone();
        let at = place.index(altered.len());
        altered[at] ^= 0x10;
        let parsed = Bundle::parse(&altered).and_then(|bundle| bundle.check_signature());
        prop_assert!(parsed.is_err(), "byte {}", at);
    }
}
