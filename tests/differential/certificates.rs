//! Certificates of every kind, written by hand: an encoder that keeps to the rules could not write most of them.

use std::sync::OnceLock;

use bootseal::formats::crypto::asn1::{encode, tag};
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::crypto::signed_hash::SignedHash;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::EncodePublicKey;

use super::random::Random;

/// Keys, made once; 1024 bits are enough for what is compared here, and ten times as fast.
const KEYS: usize = 8;

pub fn key(index: usize) -> &'static RsaPrivateKey {
    static MADE: OnceLock<Vec<RsaPrivateKey>> = OnceLock::new();
    let make = || {
        let mut rng = getrandom::rand_core::UnwrapErr(getrandom::SysRng);
        (0..KEYS).map(|_| RsaPrivateKey::new(&mut rng, 1024).unwrap()).collect()
    };
    &MADE.get_or_init(make)[index % KEYS]
}

pub fn sign(index: usize, hash: SignedHash, bytes: &[u8]) -> Vec<u8> {
    let info = hash.digest_info(&hash.digest(&[bytes]));
    key(index).sign(Pkcs1v15Sign::new_unprefixed(), &info).unwrap()
}

pub fn oid(text: &str) -> Vec<u8> {
    let oid = der::asn1::ObjectIdentifier::new(text).unwrap();
    encode(tag::OBJECT_IDENTIFIER, &[oid.as_bytes()])
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    encode(tag::SEQUENCE, parts)
}

/// Signature algorithms over RSA, with their hash.
const ALGORITHMS: [(&str, SignedHash); 9] = [
    ("1.2.840.113549.1.1.11", SignedHash::Sound(HashAlgorithm::Sha256)),
    ("1.2.840.113549.1.1.12", SignedHash::Sound(HashAlgorithm::Sha384)),
    ("1.2.840.113549.1.1.13", SignedHash::Sound(HashAlgorithm::Sha512)),
    ("1.2.840.113549.1.1.14", SignedHash::Sha224),
    ("1.2.840.113549.1.1.5", SignedHash::Sha1),
    ("1.3.14.3.2.29", SignedHash::Sha1),
    ("1.2.840.113549.1.1.4", SignedHash::Md5),
    ("2.16.840.1.101.3.4.3.14", SignedHash::Sound(HashAlgorithm::Sha3_256)),
    ("2.16.840.1.101.3.4.3.16", SignedHash::Sound(HashAlgorithm::Sha3_512)),
];

/// The certificate of an authority or a signer, before it is signed.
#[derive(Clone)]
pub struct Draft {
    pub version: u8,
    pub serial: Vec<u8>,
    pub subject: Vec<u8>,
    pub dates: Vec<u8>,
    pub key: usize,
    pub extensions: Vec<Vec<u8>>,
}

pub fn extension(kind: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    sequence(&[&oid(kind), critical, &encode(tag::OCTET_STRING, &[value])])
}

pub fn key_id(index: usize) -> Vec<u8> {
    vec![0x40 + u8::try_from(index).unwrap(); 20]
}

/// A certificate that keeps to the rules.
pub fn plain(name: &str, key: usize, is_authority: bool) -> Draft {
    let constraints = if is_authority {
        sequence(&[&[1, 1, 0xff]])
    } else {
        sequence(&[])
    };
    let usage: &[u8] = if is_authority { &[3, 2, 1, 6] } else { &[3, 2, 7, 0x80] };
    Draft {
        version: 2,
        serial: vec![u8::try_from(key).unwrap() + 1, 7],
        subject: self::name(&[(tag::UTF8_STRING, name)]),
        dates: sequence(&[
            &encode(tag::UTC_TIME, &[b"240101000000Z"]),
            &encode(tag::UTC_TIME, &[b"340101000000Z"]),
        ]),
        key,
        extensions: vec![
            extension("2.5.29.19", true, &constraints),
            extension("2.5.29.15", true, usage),
            extension("2.5.29.14", false, &encode(tag::OCTET_STRING, &[&key_id(key)])),
        ],
    }
}

/// A name of one part with these common names.
pub fn name(values: &[(u8, &str)]) -> Vec<u8> {
    let values: Vec<Vec<u8>> = values
        .iter()
        .map(|(kind, text)| {
            let octets: Vec<u8> = match *kind {
                tag::BMP_STRING => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
                tag::UNIVERSAL_STRING => text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
                _ => text.as_bytes().to_vec(),
            };
            sequence(&[&oid("2.5.4.3"), &encode(*kind, &[&octets])])
        })
        .collect();
    sequence(&[&encode(tag::SET, &values.iter().map(Vec::as_slice).collect::<Vec<_>>())])
}

fn algorithm(kind: &str) -> Vec<u8> {
    sequence(&[&oid(kind), &[5, 0]])
}

/// How a certificate is signed.
#[derive(Clone, Copy)]
pub struct How {
    algorithm: (&'static str, SignedHash),
    /// The algorithm that the signed part states.
    stated: &'static str,
    breaks: bool,
}

impl How {
    pub fn plain() -> Self {
        Self {
            algorithm: ALGORITHMS[0],
            stated: ALGORITHMS[0].0,
            breaks: false,
        }
    }

    pub fn sha1() -> Self {
        let algorithm = ALGORITHMS[4];
        Self {
            algorithm,
            stated: algorithm.0,
            breaks: false,
        }
    }

    pub fn random(random: &mut Random) -> Self {
        let algorithm = if random.once_in(4) {
            random.pick(&ALGORITHMS)
        } else {
            ALGORITHMS[0]
        };
        let stated = if random.once_in(40) {
            random.pick(&ALGORITHMS).0
        } else {
            algorithm.0
        };
        Self {
            algorithm,
            stated,
            breaks: random.once_in(40),
        }
    }
}

impl Draft {
    /// The certificate, issued under this name by this key.
    pub fn issue(&self, issuer: &[u8], signer: usize, how: How) -> Vec<u8> {
        let version = if self.version == 0 {
            Vec::new()
        } else {
            encode(0xa0, &[&[2, 1, self.version]])
        };
        let extensions: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let extensions = if extensions.is_empty() {
            Vec::new()
        } else {
            encode(0xa3, &[&sequence(&extensions)])
        };
        let spki = key(self.key).to_public_key().to_public_key_der().unwrap().into_vec();
        let contents = sequence(&[
            &version,
            &encode(tag::INTEGER, &[&self.serial]),
            &algorithm(how.stated),
            issuer,
            &self.dates,
            &self.subject,
            &spki,
            &extensions,
        ]);
        let mut signature = sign(signer, how.algorithm.1, &contents);
        if how.breaks {
            signature[9] ^= 4;
        }
        let signature = encode(tag::BIT_STRING, &[&[0], &signature]);
        sequence(&[&contents, &algorithm(how.algorithm.0), &signature])
    }
}
