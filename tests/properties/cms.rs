//! CMS: what the assembler writes, the parser reads; and no bytes make the parser panic.

use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::crypto::cms::{Shape, SignedData, Unsigned};
use bootseal::formats::crypto::hash::{Digest, HashAlgorithm};
use const_oid::db::rfc5911::ID_DATA;
use der::asn1::ObjectIdentifier;
use der::{Any, Tag};
use proptest::prelude::*;

use crate::support::keys;

/// `SPC_INDIRECT_DATA`.
const CONTENT: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.2.1.4");

fn certificate() -> Certificate {
    Certificate::from_pem(&std::fs::read(keys().join("db.pem")).unwrap()).unwrap()
}

fn shapes() -> impl Strategy<Value = Shape> {
    prop_oneof![
        Just(Shape::Module),
        Just(Shape::Variable),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(|content| Shape::Authenticode {
            content_type: CONTENT,
            content: Any::new(Tag::OctetString, content).unwrap(),
        }),
    ]
}

fn hashes() -> impl Strategy<Value = HashAlgorithm> {
    proptest::sample::select(HashAlgorithm::ALL.to_vec())
}

fn assemble(shape: Shape, digest: Digest, signature: &[u8]) -> Vec<u8> {
    Unsigned::new(shape, &certificate(), digest)
        .assemble(signature)
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_assembled_reads_back(shape in shapes(), hash in hashes(), signature: Vec<u8>) {
        let content = shape.clone();
        let der = assemble(shape, hash.digest(&[b"content"]), &signature);
        let parsed = SignedData::parse(&der).unwrap();
        let [signer] = parsed.signers.as_slice() else { panic!("one signer") };
        prop_assert_eq!(&*signer.signature, &signature[..]);
        prop_assert_eq!(signer.hash(), Ok(hash));
        prop_assert!(signer.names(&certificate()));
        let holds_certificate = parsed.certificates == [certificate()];
        match content {
            Shape::Module => prop_assert!(parsed.content_type == ID_DATA && parsed.certificates.is_empty()),
            Shape::Variable => prop_assert!(parsed.content_type == ID_DATA && holds_certificate),
            Shape::Authenticode { content, .. } => {
                prop_assert!(parsed.content_type == CONTENT && holds_certificate && signer.signed_attributes.is_some());
                prop_assert_eq!(parsed.content.map(|inside| inside.content.to_vec()), Some(content.value().to_vec()));
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
        let _ = SignedData::parse(&bytes);
        let _ = Certificate::from_der(&bytes);
        let _ = Certificate::from_pem(&bytes);
    }

    #[test]
    fn mutants_never_panic(shape in shapes(), place: prop::sample::Index, value: u8, cut: prop::sample::Index) {
        let mut der = assemble(shape, HashAlgorithm::Sha256.digest(&[]), &[7; 256]);
        let place = place.index(der.len());
        der[place] = value;
        der.truncate(cut.index(der.len()).max(place) + 1);
        if let Ok(parsed) = SignedData::parse(&der) {
            let key = certificate().public_key().unwrap();
            for signer in &parsed.signers {
                let _ = signer.verify(&key, &parsed.content_type, &HashAlgorithm::Sha256.digest(&[]));
                parsed.certificates_named_by(signer).for_each(|certificate| drop(certificate.subject()));
            }
        }
    }
}
