//! Properties of signature lists, malformed ones, and Microsoft's certificates against golden hashes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::formats::crypto::hash::HashAlgorithm;

fn raw(list_size: u32, header_size: u32, signature_size: u32, rest: &[u8]) -> Vec<u8> {
    let mut bytes = SignatureType::X509.guid().as_bytes().to_vec();
    for number in [list_size, header_size, signature_size] {
        bytes.extend_from_slice(&number.to_le_bytes());
    }
    bytes.extend_from_slice(rest);
    bytes
}

#[test]
fn malformed_lists_say_what_is_wrong_and_where() {
    let parse = |bytes: &[u8]| SignatureDatabase::parse(bytes).unwrap_err();
    let (offset, good) = (44, raw(44, 0, 16, &[0; 16]));
    let after = |bad: Vec<u8>| [good.clone(), bad].concat();
    assert_eq!(
        parse(&after(raw(28, 0, 0, &[]))),
        SignatureListError::SignatureSize { offset, size: 0 }
    );
    assert_eq!(
        parse(&after(raw(28, 0, 15, &[]))),
        SignatureListError::SignatureSize { offset, size: 15 }
    );
    assert_eq!(
        parse(&after(raw(29, 2, 16, &[0; 1]))),
        SignatureListError::HeaderSize { offset, size: 2 }
    );
    assert_eq!(
        parse(&after(raw(28 + 17, 0, 16, &[0; 17]))),
        SignatureListError::Remainder { offset, bytes: 1 }
    );
    assert_eq!(
        parse(&after(raw(27, 0, 16, &[]))),
        SignatureListError::ListSize { offset, size: 27 }
    );
    assert!(matches!(
        parse(&after(raw(u32::MAX, 0, 16, &[]))),
        SignatureListError::Truncated(Truncated { offset: 44, .. })
    ));
    assert!(matches!(
        parse(&good[..18]),
        SignatureListError::Truncated(Truncated { offset: 16, .. })
    ));
}

#[test]
fn microsofts_certificates_make_lists_with_the_golden_hashes() {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/trust/microsoft");
    let golden = std::fs::read_to_string(directory.join("GOLDEN-ESL.txt")).unwrap();
    let mut checked = 0;
    for line in golden.lines().filter(|line| line.contains(".der")) {
        let mut words = line.split(' ');
        let (hash, size, file) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
        let mut database = SignatureDatabase::default();
        assert!(database.add_certificate(Guid::MICROSOFT, &std::fs::read(directory.join(file)).unwrap()));
        let bytes = database.to_bytes();
        assert_eq!(HashAlgorithm::Sha256.digest(&[&bytes]).to_hex(), hash, "{file}");
        assert_eq!(bytes.len().to_string(), size, "{file}");
        checked += 1;
    }
    assert_eq!(checked, 7);
}

#[test]
fn duplicates_are_found_whoever_owns_them() {
    let mut database = SignatureDatabase::default();
    assert!(database.add_certificate(Guid::MICROSOFT, b"certificate"));
    assert!(!database.add_certificate(Guid::GLOBAL, b"certificate"));
    assert!(database.add_sha256(Guid::GLOBAL, &[1; 32]));
    assert!(database.add_sha256(Guid::GLOBAL, &[2; 32]));
    assert_eq!(database.lists.len(), 2);
    let mut other = SignatureDatabase::default();
    other.add_sha256(Guid::MICROSOFT, &[2; 32]);
    other.add_sha256(Guid::MICROSOFT, &[3; 32]);
    assert!(!database.contains_all(&other));
    assert_eq!(database.merge(&other), 1);
    assert!(database.contains_all(&other));
    assert_eq!(database.merge(&other), 0);
}

#[test]
fn a_list_takes_entries_of_its_own_size_only() {
    let mut list = SignatureList::new(SignatureType::Sha256, 32);
    let signature = |size| Signature {
        owner: Guid::GLOBAL,
        data: vec![0; size],
    };
    assert_eq!(list.push(signature(32)), Ok(()));
    let (expected, actual) = (32, 31);
    assert_eq!(list.push(signature(31)), Err(WrongSize { expected, actual }));
}

fn lists() -> impl Strategy<Value = SignatureDatabase> {
    let list = (any::<[u8; 16]>(), vec(any::<u8>(), 0..20), 0..40_usize, 0..5_usize).prop_flat_map(
        |(guid, header, data_size, count)| {
            vec((any::<[u8; 16]>(), vec(any::<u8>(), data_size)), count).prop_map(move |entries| SignatureList {
                signature_type: SignatureType::from_guid(Guid::from_bytes(guid)),
                header: header.clone(),
                data_size,
                entries: entries
                    .into_iter()
                    .map(|(owner, data)| Signature {
                        owner: Guid::from_bytes(owner),
                        data,
                    })
                    .collect(),
            })
        },
    );
    vec(list, 0..5).prop_map(|lists| SignatureDatabase { lists })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(database in lists()) {
        prop_assert_eq!(SignatureDatabase::parse(&database.to_bytes()), Ok(database));
    }

    #[test]
    fn damaged_bytes_never_panic_and_are_kept_when_well_formed(
        database in lists(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = database.to_bytes();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(cut.index(bytes.len() * 2));
        }
        if let Ok(parsed) = SignatureDatabase::parse(&bytes) {
            prop_assert_eq!(parsed.to_bytes(), bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(parsed) = SignatureDatabase::parse(&bytes) {
            prop_assert_eq!(parsed.to_bytes(), bytes);
        }
    }
}
