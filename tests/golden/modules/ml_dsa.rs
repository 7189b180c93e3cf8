//! Modules that Linux 7 could be built to sign with ML-DSA, by a key and signatures that OpenSSL 4 made.

use bootseal::formats::crypto::asn1::{encode, tag};
use bootseal::formats::crypto::certificate::Certificate;
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::kernel::module_signature::append;
use bootseal::trust::module::{Refusal, Scheme, judge};

use crate::support::post_quantum::post_quantum;

fn oid(text: &str) -> Vec<u8> {
    encode(
        tag::OBJECT_IDENTIFIER,
        &[der::asn1::ObjectIdentifier::new(text).unwrap().as_bytes()],
    )
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    encode(tag::SEQUENCE, parts)
}

const SHA_512: &str = "2.16.840.1.101.3.4.2.3";
const CONTENT: &[u8] = b"a module";

/// The attributes that OpenSSL signs, without tag.
fn attributes() -> Vec<u8> {
    let digest = HashAlgorithm::Sha512.digest(&[CONTENT]);
    let digest = encode(tag::OCTET_STRING, &[digest.as_bytes()]);
    let attribute = |kind: &str, value: &[u8]| sequence(&[&oid(kind), &encode(tag::SET, &[value])]);
    let kind = attribute("1.2.840.113549.1.9.3", &oid("1.2.840.113549.1.7.1"));
    [kind, attribute("1.2.840.113549.1.9.4", &digest)].concat()
}

fn module(certificate: &Certificate, algorithm: &str, signature: &[u8], attributes: &[u8]) -> Vec<u8> {
    let serial = encode(tag::INTEGER, &[certificate.serial()]);
    let hash = sequence(&[&oid(SHA_512)]);
    let signer = sequence(&[
        &[2, 1, 1],
        &sequence(&[certificate.fields().issuer.as_der(), &serial]),
        &hash,
        attributes,
        &sequence(&[&oid(algorithm)]),
        &encode(tag::OCTET_STRING, &[signature]),
    ]);
    let data = sequence(&[
        &[2, 1, 1],
        &encode(tag::SET, &[&hash]),
        &sequence(&[&oid("1.2.840.113549.1.7.1")]),
        &encode(tag::SET, &[&signer]),
    ]);
    let cms = sequence(&[&oid("1.2.840.113549.1.7.2"), &encode(0xa0, &[&data])]);
    append(CONTENT, &cms).unwrap()
}

#[test]
fn ml_dsa_signatures_of_openssl_are_verified() {
    for (name, algorithm) in [
        ("44", "2.16.840.1.101.3.4.3.17"),
        ("65", "2.16.840.1.101.3.4.3.18"),
        ("87", "2.16.840.1.101.3.4.3.19"),
    ] {
        let attributes = attributes();
        let as_set = encode(tag::SET, &[&attributes]);
        let lines = post_quantum(name, &[CONTENT, &as_set]);
        let certificate = Certificate::from_der(&lines[0]).unwrap();
        assert_eq!(certificate.common_name(), "post-quantum");
        let trusted = [certificate.clone()];
        let tagged = encode(0xa0, &[&attributes]);
        for (signature, attributes, scheme) in [
            (&lines[1], &[][..], Scheme::MlDsa),
            (&lines[2], &tagged[..], Scheme::MlDsaOverAttributes),
        ] {
            let file = module(&certificate, algorithm, signature, attributes);
            let accepted = judge(&file, &trusted).unwrap();
            assert_eq!((accepted.scheme, accepted.hash), (scheme, HashAlgorithm::Sha512));
            let mut changed = file.clone();
            changed[0] ^= 1;
            assert!(matches!(judge(&changed, &trusted), Err(Refusal::Signature(_))));
            let mut broken = signature.clone();
            broken[40] ^= 1;
            let broken = module(&certificate, algorithm, &broken, attributes);
            assert!(matches!(judge(&broken, &trusted), Err(Refusal::Signature(_))));
            assert!(matches!(judge(&file, &[]), Err(Refusal::UnknownSigner(_))));
        }
    }
}
