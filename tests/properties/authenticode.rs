//! Authenticode: no bytes make the parser panic, and signing, parsing and removing are each other's inverse.

use std::sync::OnceLock;

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::firmware::authenticode::{Image, minimal_image};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::support::image::{flat_digest, is_signed_by, without_signature_at, without_signatures};
use crate::support::signer::TestKey;

/// A signed image; made once, since making keys is slow.
fn signed() -> &'static [u8] {
    static SIGNED: OnceLock<Vec<u8>> = OnceLock::new();
    SIGNED.get_or_init(|| TestKey::shared().sign_image(&minimal_image()))
}

/// Calls everything that reads; the answers do not matter here.
fn read_all(bytes: &[u8]) {
    let Ok(image) = Image::parse(bytes) else { return };
    let digests_agree = image.digest(HashAlgorithm::Sha256) == flat_digest(bytes, HashAlgorithm::Sha256);
    assert!(
        digests_agree || image.check_signable().is_err(),
        "signable, but the two hashes differ"
    );
    for (index, entry) in image.signatures().iter().enumerate() {
        if let Ok(signature) = entry.signature() {
            let _ = signature.verify_integrity(&image);
            let _ = is_signed_by(&signature, TestKey::shared());
        }
        without_signature_at(&image, index);
    }
    let stripped = without_signatures(&image);
    let stripped = Image::parse(&stripped).unwrap();
    // A section over the headers makes firmware hash what signing and removing change; such an image is not signed.
    if image.check_signable().is_ok() {
        let [with, without] = [&image, &stripped].map(|image| image.digest(HashAlgorithm::Sha256));
        assert_eq!(with, without);
    }
    assert!(stripped.signatures().is_empty());
    let _ = (image.section(".sbat"), image.checksum());
}

/// A change to a file.
#[derive(Debug, Clone)]
enum Mutation {
    Set(Index, u8),
    SetHeader(usize, u32),
    Truncate(Index),
    Extend(Vec<u8>),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    // Values that fields compare with, so that mutants get past the first check.
    let telling = prop_oneof![
        any::<u32>(),
        select(vec![
            0,
            1,
            7,
            8,
            0x1ff,
            0x200,
            0x400,
            0x600,
            0x800,
            0x801,
            u32::MAX,
            u32::MAX - 7
        ])
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, value)| Mutation::Set(at, value)),
        (0..0x1c0_usize, telling).prop_map(|(at, value)| Mutation::SetHeader(at, value)),
        any::<Index>().prop_map(Mutation::Truncate),
        vec(any::<u8>(), 0..40).prop_map(Mutation::Extend),
    ]
}

fn mutate(file: &mut Vec<u8>, mutation: Mutation) {
    match mutation {
        Mutation::Set(at, value) if !file.is_empty() => {
            let at = at.index(file.len());
            file[at] = value;
        }
        Mutation::SetHeader(at, value) if file.len() >= at + 4 => {
            file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        Mutation::Truncate(at) => file.truncate(at.index(file.len() + 1)),
        Mutation::Extend(bytes) => file.extend(bytes),
        Mutation::Set(..) | Mutation::SetHeader(..) => {}
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..600)) {
        read_all(&bytes);
        read_all(&[b"MZ", &bytes[..]].concat());
    }

    #[test]
    fn mutants_of_a_signed_image_never_panic(mutations in vec(mutation(), 1..6)) {
        let mut file = signed().to_vec();
        for mutation in mutations {
            mutate(&mut file, mutation);
        }
        read_all(&file);
    }

    #[test]
    fn signing_and_removing_are_inverse(tail in vec(any::<u8>(), 0..64), cms in vec(any::<u8>(), 1..80)) {
        let mut file = minimal_image();
        file.extend(tail);
        let original = Image::parse(&file).unwrap();
        let padded = without_signatures(&original);
        prop_assert_eq!(padded.len(), file.len().next_multiple_of(8));

        let signed = original.with_signature(&cms).unwrap();
        let image = Image::parse(&signed).unwrap();
        prop_assert_eq!(image.signatures().iter().map(|entry| entry.content).collect::<Vec<_>>(), [&cms[..]]);
        prop_assert_eq!(image.digest(HashAlgorithm::Sha256), original.digest(HashAlgorithm::Sha256));
        prop_assert_eq!(image.stated_checksum(), image.checksum());
        prop_assert_eq!(signed.len() % 8, 0);
        prop_assert_eq!(&without_signatures(&image), &padded);
        prop_assert_eq!(&without_signature_at(&image, 0), &padded);

        let twice = image.with_signature(&[1, 2, 3]).unwrap();
        let twice = Image::parse(&twice).unwrap();
        prop_assert_eq!(&without_signature_at(&twice, 1), &signed);
        prop_assert_eq!(twice.signatures().len(), 2);
    }

    #[test]
    fn the_digest_is_goblins(tail in vec(any::<u8>(), 0..32)) {
        let mut file = minimal_image();
        file.extend(tail);
        let signed = Image::parse(&file).unwrap().with_signature(&[0x30, 0]).unwrap();
        for file in [file, signed] {
            let goblin = goblin::pe::PE::parse(&file).unwrap();
            let ranges: Vec<&[u8]> = goblin.authenticode_ranges().collect();
            let digest = Image::parse(&file).unwrap().digest(HashAlgorithm::Sha256);
            prop_assert_eq!(digest, HashAlgorithm::Sha256.digest(&ranges));
        }
    }

    #[test]
    fn the_same_image_and_key_make_the_same_bytes(tail in vec(any::<u8>(), 0..8)) {
        let mut file = minimal_image();
        file.extend(tail);
        prop_assert_eq!(TestKey::shared().sign_image(&file), TestKey::shared().sign_image(&file));
    }
}
