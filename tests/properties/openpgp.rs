//! OpenPGP in GRUB's form: what is written reads back, and no bytes make the parsers panic.

use std::fs;

use bootseal::formats::grub::openpgp::{DetachedSignature, GrubKey, UnsignedSignature};
use proptest::prelude::*;

use crate::support::keys;

fn key() -> GrubKey {
    GrubKey::parse(&fs::read(keys().join("grub.gpg")).unwrap()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_written_reads_back(data: Vec<u8>, created: u32, signature in proptest::collection::vec(any::<u8>(), 1..512)) {
        let key = key();
        let unsigned = UnsignedSignature::detached(&key, &data, created).unwrap();
        let again = UnsignedSignature::detached(&key, &data, created).unwrap();
        prop_assert_eq!(unsigned.to_be_signed(), again.to_be_signed());
        let packet = unsigned.finish(&signature).unwrap();
        let parsed = DetachedSignature::parse(&packet).unwrap();
        prop_assert_eq!(parsed.issuer(), key.key_id());
        prop_assert_eq!(parsed.to_bytes().unwrap(), packet);
        prop_assert!(parsed.verify(&key, &data).is_err(), "these bytes are no signature by the key");
    }

    #[test]
    fn a_key_reads_back(created: u32) {
        let key = GrubKey::new(key().public_key(), created).unwrap();
        let file = key.export("somebody", &[]).unwrap();
        let read = GrubKey::parse(&file).unwrap();
        prop_assert_eq!((read.fingerprint(), read.created()), (key.fingerprint(), created));
    }

    #[test]
    fn arbitrary_bytes_never_panic(mut bytes: Vec<u8>, start in prop_oneof![Just(0x88), Just(0x89), Just(0x99), Just(0xc2), Just(0xc6)]) {
        let _ = (DetachedSignature::parse(&bytes), GrubKey::parse(&bytes));
        bytes.insert(0, start);
        let _ = (DetachedSignature::parse(&bytes), GrubKey::parse(&bytes));
    }

    #[test]
    fn mutants_never_panic(place: prop::sample::Index, value: u8, cut: prop::sample::Index) {
        let mutate = |mut bytes: Vec<u8>| {
            let place = place.index(bytes.len());
            bytes[place] = value;
            bytes.truncate(cut.index(bytes.len()).max(place) + 1);
            bytes
        };
        let key = key();
        let _ = GrubKey::parse(&mutate(fs::read(keys().join("grub.gpg")).unwrap()));
        let packet = UnsignedSignature::detached(&key, b"data", 7).unwrap().finish(&[9; 512]).unwrap();
        let _ = DetachedSignature::parse(&mutate(packet)).map(|signature| signature.verify(&key, b"data").is_ok());
    }
}
