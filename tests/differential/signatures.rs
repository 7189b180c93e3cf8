//! Signatures over images and variables, of every shape that PKCS#7 has.

use bootseal::formats::crypto::asn1::{encode, tag};
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::crypto::signed_hash::SignedHash;

use super::certificates::{oid, sequence, sign};
use super::chains::Chain;
use super::random::Random;

const DATA: &str = "1.2.840.113549.1.7.1";
const INDIRECT_DATA: &str = "1.3.6.1.4.1.311.2.1.4";

/// The hashes that a signer may name.
const HASHES: [(&str, SignedHash); 6] = [
    ("2.16.840.1.101.3.4.2.1", SignedHash::Sound(HashAlgorithm::Sha256)),
    ("2.16.840.1.101.3.4.2.2", SignedHash::Sound(HashAlgorithm::Sha384)),
    ("2.16.840.1.101.3.4.2.3", SignedHash::Sound(HashAlgorithm::Sha512)),
    ("1.3.14.3.2.26", SignedHash::Sha1),
    ("1.2.840.113549.2.5", SignedHash::Md5),
    ("1.2.840.113549.1.1.11", SignedHash::Sound(HashAlgorithm::Sha256)),
];

/// The content of an image's signature, without tag and length: an attribute that nobody reads, and the digest.
fn indirect_data(random: &mut Random, digest: &[u8]) -> Vec<u8> {
    let kind = random.pick(&["1.3.6.1.4.1.311.2.1.15", "1.3.6.1.4.1.311.2.1.21", "1.2.3"]);
    let data = sequence(&[&oid(kind)]);
    let info = sequence(&[
        &sequence(&[&oid(HASHES[0].0), &[5, 0]]),
        &encode(tag::OCTET_STRING, &[digest]),
    ]);
    [data, info].concat()
}

/// A signature over an image of this digest, in a ContentInfo.
pub fn image(random: &mut Random, chain: &Chain, digest: &[u8]) -> Vec<u8> {
    let content = indirect_data(random, digest);
    let kind = if random.once_in(30) { DATA } else { INDIRECT_DATA };
    let inside = encode(0xa0, &[&sequence(&[&content])]);
    let signed = signed_data(random, chain, &content, &[&oid(kind), &inside]);
    sequence(&[&oid("1.2.840.113549.1.7.2"), &encode(0xa0, &[&signed])])
}

/// A signature over the bytes of a variable's write, bare or in a ContentInfo.
pub fn variable(random: &mut Random, chain: &Chain, content: &[u8]) -> Vec<u8> {
    let inside = match random.below(3) {
        0 => encode(0xa0, &[&encode(tag::OCTET_STRING, &[content])]),
        _ => Vec::new(),
    };
    let signed = signed_data(random, chain, content, &[&oid(DATA), &inside]);
    if random.once_in(3) {
        return sequence(&[&oid("1.2.840.113549.1.7.2"), &encode(0xa0, &[&signed])]);
    }
    signed
}

fn signed_data(random: &mut Random, chain: &Chain, content: &[u8], inside: &[&[u8]]) -> Vec<u8> {
    let (kind, hash) = if random.once_in(6) {
        random.pick(&HASHES)
    } else {
        HASHES[0]
    };
    let sha256 = sequence(&[&oid(HASHES[0].0), &[5, 0]]);
    let algorithm = sequence(&[&oid(kind), &[5, 0]]);
    let announced = if random.once_in(30) || kind == HASHES[0].0 {
        sha256.clone()
    } else {
        [sha256.clone(), algorithm.clone()].concat()
    };
    let attributes = match random.below(4) {
        0 => Vec::new(),
        _ => attributes(random, hash, content),
    };
    let mut signature = if attributes.is_empty() {
        sign(chain.key, hash, content)
    } else {
        sign(chain.key, hash, &encode(tag::SET, &[&attributes]))
    };
    if random.once_in(40) {
        signature[5] ^= 1;
    }
    let tagged = if attributes.is_empty() {
        Vec::new()
    } else {
        encode(0xa0, &[&attributes])
    };
    let serial = encode(tag::INTEGER, &[&chain.serial]);
    let version = encode(tag::INTEGER, &[&[random.pick(&[1, 1, 1, 3])]]);
    let signer = sequence(&[
        &version,
        &sequence(&[&chain.issuer, &serial]),
        &algorithm,
        &tagged,
        &sequence(&[
            &oid(random.pick(&["1.2.840.113549.1.1.1", "1.2.840.113549.1.1.11", "1.2.3.4"])),
            &[5, 0],
        ]),
        &encode(tag::OCTET_STRING, &[&signature]),
    ]);
    // Sometimes without the last one, sometimes upside down.
    let mut certificates = chain.certificates.clone();
    if random.once_in(2) {
        certificates.pop_if(|_| chain.certificates.len() > 1);
    }
    if random.once_in(4) {
        certificates.reverse();
    }
    let certificates = encode(0xa0, &[&certificates.concat()]);
    sequence(&[
        &version,
        &encode(tag::SET, &[&announced]),
        &sequence(inside),
        &certificates,
        &encode(tag::SET, &[&signer]),
    ])
}

fn attributes(random: &mut Random, hash: SignedHash, content: &[u8]) -> Vec<u8> {
    let attribute = |kind: &str, value: &[u8]| sequence(&[&oid(kind), &encode(tag::SET, &[value])]);
    let digest = hash.digest(&[content]);
    let digest = attribute("1.2.840.113549.1.9.4", &encode(tag::OCTET_STRING, &[&digest]));
    let kind = attribute("1.2.840.113549.1.9.3", &oid(random.pick(&[INDIRECT_DATA, "1.2.3"])));
    match random.below(12) {
        0 => digest,
        1 => kind,
        _ => [kind, digest].concat(),
    }
}
