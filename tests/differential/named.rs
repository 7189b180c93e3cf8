//! Each kind of certificate and signature that was once judged wrong, by its name, with ours beside it where dbx is asked.

use bootseal::formats::crypto::asn1::{encode, tag};
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::crypto::signed_hash::SignedHash;
use bootseal::formats::firmware::authenticode::{Image, minimal_image};
use bootseal::formats::firmware::guid::Guid;
use bootseal::formats::firmware::signature_list::SignatureDatabase;
use bootseal::trust::image::{Policy, Refusal};

use super::certificates::{Draft, How, extension, key_id, name, oid, plain, sequence, sign};
use super::judge::Judge;

pub const SHA_256: SignedHash = SignedHash::Sound(HashAlgorithm::Sha256);

/// A signer and its authority, and how the first is issued by the second.
pub struct Pair {
    pub leaf: Draft,
    pub authority: Draft,
    /// The issuer's name, as the signer's certificate has it.
    pub issuer: Vec<u8>,
    how: How,
}

impl Pair {
    pub fn new() -> Self {
        Self::named("Test")
    }

    /// The same with names that begin with this word.
    pub fn named(word: &str) -> Self {
        let authority = plain(&format!("{word} CA"), 1, true);
        Self {
            leaf: plain(&format!("{word} leaf"), 0, false),
            issuer: authority.subject.clone(),
            authority,
            how: How::plain(),
        }
    }

    pub fn certificates(&self) -> [Vec<u8>; 2] {
        let own = self.authority.subject.clone();
        [
            self.leaf.issue(&self.issuer, self.authority.key, self.how),
            self.authority.issue(&own, self.authority.key, How::plain()),
        ]
    }

    fn with(word: &str, change: impl FnOnce(&mut Self)) -> Self {
        let mut pair = Self::named(word);
        change(&mut pair);
        pair
    }
}

/// The parts of a signature that differ from case to case.
pub struct Shape<'a> {
    /// The identifier in the content that nobody reads.
    pub content: &'a str,
    /// The digest algorithms that are announced, and the one that the signer names, with its hash.
    pub announced: &'a [&'a str],
    pub named: (&'a str, SignedHash),
    /// The digest that is signed, if not the image's.
    pub digest: Option<&'a [u8]>,
}

pub const SHA_256_ID: &str = "2.16.840.1.101.3.4.2.1";
pub const PLAIN: Shape<'_> = Shape {
    content: "1.3.6.1.4.1.311.2.1.15",
    announced: &[SHA_256_ID],
    named: (SHA_256_ID, SHA_256),
    digest: None,
};

fn algorithm(kind: &str) -> Vec<u8> {
    sequence(&[&oid(kind), &[5, 0]])
}

/// The signature of an image by the key of `signer`.
pub fn signature(signer: (&Draft, &[u8]), certificates: &[Vec<u8>], shape: &Shape<'_>, digest: &[u8]) -> Vec<u8> {
    let digest = encode(tag::OCTET_STRING, &[shape.digest.unwrap_or(digest)]);
    let info = sequence(&[&algorithm(SHA_256_ID), &digest]);
    let content = [sequence(&[&oid(shape.content)]), info].concat();
    let inside = encode(0xa0, &[&sequence(&[&content])]);
    let announced: Vec<Vec<u8>> = shape.announced.iter().map(|kind| algorithm(kind)).collect();
    let serial = encode(tag::INTEGER, &[&signer.0.serial]);
    let made = sign(signer.0.key, shape.named.1, &content);
    let version = [2, 1, 1];
    let info = sequence(&[
        &version,
        &sequence(&[signer.1, &serial]),
        &algorithm(shape.named.0),
        &algorithm("1.2.840.113549.1.1.1"),
        &encode(tag::OCTET_STRING, &[&made]),
    ]);
    let data = sequence(&[
        &version,
        &encode(tag::SET, &[&announced.concat()]),
        &sequence(&[&oid("1.3.6.1.4.1.311.2.1.4"), &inside]),
        &encode(0xa0, &[&certificates.concat()]),
        &encode(tag::SET, &[&info]),
    ]);
    sequence(&[&oid("1.2.840.113549.1.7.2"), &encode(0xa0, &[&data])])
}

pub fn database(certificates: &[Vec<u8>]) -> SignatureDatabase {
    let mut database = SignatureDatabase::default();
    for certificate in certificates {
        database.add_certificate(Guid::MICROSOFT, certificate);
    }
    database
}

/// An image with these signatures.
pub fn image(signatures: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> Vec<u8> {
    let mut file = minimal_image();
    let digest = Image::parse(&file).unwrap().digest(HashAlgorithm::Sha256);
    for signature in signatures(digest.as_bytes()) {
        file = Image::parse(&file).unwrap().with_signature(&signature).unwrap();
    }
    file
}

/// Our own certificate, and the signature by it.
pub fn ours(digest: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let draft = plain("ours", 7, false);
    let certificate = draft.issue(&draft.subject, 7, How::plain());
    let signature = signature(
        (&draft, &draft.subject),
        std::slice::from_ref(&certificate),
        &PLAIN,
        digest,
    );
    (certificate, signature)
}

fn validity(from: (u8, &[u8]), until: (u8, &[u8])) -> Vec<u8> {
    sequence(&[&encode(from.0, &[from.1]), &encode(until.0, &[until.1])])
}

/// Dates and names as certificates of the field have them.
fn dates_and_names(word: &str) -> Vec<(&'static str, bool, Pair)> {
    let utc = |from: &'static [u8]| {
        move |pair: &mut Pair| {
            pair.leaf.dates = validity((tag::UTC_TIME, from), (tag::UTC_TIME, b"340101000000Z"));
        }
    };
    vec![
        ("plain", true, Pair::named(word)),
        (
            "year 1",
            true,
            Pair::with(word, |pair| {
                let first = (tag::GENERALIZED_TIME, &b"00010101000000Z"[..]);
                pair.leaf.dates = validity(first, first);
            }),
        ),
        ("before 1970", true, Pair::with(word, utc(b"690101000000Z"))),
        ("no seconds", false, Pair::with(word, utc(b"2401010000Z"))),
        ("offset", true, Pair::with(word, utc(b"240101000000+0200"))),
        (
            "serial of 25 bytes",
            true,
            Pair::with(word, |pair| pair.leaf.serial = vec![0x51; 25]),
        ),
        (
            "parts of a name out of order",
            true,
            Pair::with(word, |pair| {
                let (first, last) = (format!("a {word}"), format!("z {word}"));
                let [first, last] = [&first, &last].map(|text| (tag::UTF8_STRING, text.as_str()));
                pair.authority.subject = name(&[last, first]);
                pair.issuer = name(&[first, last]);
            }),
        ),
        (
            "another string type",
            true,
            Pair::with(word, |pair| {
                let other = format!("{}  ca", word.to_uppercase());
                pair.issuer = name(&[(tag::PRINTABLE_STRING, &other)]);
            }),
        ),
        (
            "another name",
            false,
            Pair::with(word, |pair| {
                pair.issuer = name(&[(tag::PRINTABLE_STRING, &format!("{word}CA"))]);
            }),
        ),
    ]
}

/// Pairs whose authority is in db, with names that begin with this word.
pub fn in_db(word: &str) -> Vec<(&'static str, bool, Pair)> {
    let extend = |kind: &'static str, critical, value: Vec<u8>| {
        move |pair: &mut Pair| pair.authority.extensions.push(extension(kind, critical, &value))
    };
    let constraint = |text: &str| {
        let base = encode(0xa4, &[&name(&[(tag::PRINTABLE_STRING, text)])]);
        sequence(&[&encode(0xa0, &[&sequence(&[&base])])])
    };
    let mut pairs = dates_and_names(word);
    pairs.extend([
        (
            "authority of version 1",
            true,
            Pair::with(word, |pair| {
                pair.authority.version = 0;
                pair.authority.extensions.clear();
            }),
        ),
        (
            "authority of version 3 without extensions",
            false,
            Pair::with(word, |pair| pair.authority.extensions.clear()),
        ),
        (
            "authority by key usage alone",
            true,
            Pair::with(word, |pair| drop(pair.authority.extensions.remove(0))),
        ),
        (
            "no authority",
            false,
            Pair::with(word, |pair| pair.authority = plain(&format!("{word} CA"), 1, false)),
        ),
        (
            "authority without keyCertSign",
            false,
            Pair::with(word, |pair| {
                pair.authority.extensions[1] = extension("2.5.29.15", true, &[3, 2, 7, 0x80]);
            }),
        ),
        (
            "unknown critical extension",
            false,
            Pair::with(word, extend("1.2.3.4", true, vec![5, 0])),
        ),
        (
            "unknown extension",
            true,
            Pair::with(word, extend("1.2.3.4", false, vec![5, 0])),
        ),
        (
            "names allowed",
            true,
            Pair::with(
                word,
                extend("2.5.29.30", true, constraint(&format!("{} leaf", word.to_uppercase()))),
            ),
        ),
        (
            "names not allowed",
            false,
            Pair::with(word, extend("2.5.29.30", true, constraint("others"))),
        ),
        (
            "another authority key identifier",
            false,
            Pair::with(word, |pair| {
                let id = sequence(&[&encode(0x80, &[&key_id(5)])]);
                pair.leaf.extensions.push(extension("2.5.29.35", false, &id));
            }),
        ),
        (
            "signed over SHA-1",
            true,
            Pair::with(word, |pair| pair.how = How::sha1()),
        ),
    ]);
    pairs
}

#[test]
fn a_certificate_in_db_vouches_where_edk2_says_so() {
    let mut judge = Judge::start();
    for (what, expected, pair) in in_db("Test") {
        let [leaf, authority] = pair.certificates();
        let file = image(|digest| {
            vec![signature(
                (&pair.leaf, &pair.issuer),
                std::slice::from_ref(&leaf),
                &PLAIN,
                digest,
            )]
        });
        let image = Image::parse(&file).unwrap();
        let db = [authority];
        assert_eq!(judge.image(&image, &db, &[]), expected, "EDK2 of {what}");
        let verdict = Policy::new(&database(&db), &SignatureDatabase::default()).judge(&image);
        assert_eq!(verdict.is_ok(), expected, "{what}: {verdict:?}");
    }
}

#[test]
fn path_lengths_count() {
    let mut judge = Judge::start();
    for (length, expected) in [(0, false), (1, true)] {
        let mut top = plain("Top", 3, true);
        top.extensions[0] = extension("2.5.29.19", true, &sequence(&[&[1, 1, 0xff], &[2, 1, length]]));
        let (middle, leaf) = (plain("Middle", 2, true), plain("Leaf", 0, false));
        let certificates = [
            leaf.issue(&middle.subject, 2, How::plain()),
            middle.issue(&top.subject, 3, How::plain()),
        ];
        let db = [top.issue(&top.subject, 3, How::plain())];
        let file = image(|digest| vec![signature((&leaf, &middle.subject), &certificates, &PLAIN, digest)]);
        let image = Image::parse(&file).unwrap();
        assert_eq!(judge.image(&image, &db, &[]), expected);
        let verdict = Policy::new(&database(&db), &SignatureDatabase::default()).judge(&image);
        assert_eq!(verdict.is_ok(), expected, "{length}: {verdict:?}");
    }
}

/// The authority is in dbx, and ours, which db holds, signed too: the image is refused.
#[test]
fn a_forbidden_authority_is_found_however_it_is_written() {
    let mut judge = Judge::start();
    for (what, vouches, pair) in in_db("Test") {
        let [leaf, authority] = pair.certificates();
        for shape in [
            &PLAIN,
            &Shape {
                named: ("1.2.840.113549.1.1.11", SHA_256),
                ..PLAIN
            },
            &Shape {
                named: ("2.16.840.1.101.3.4.2.99", SHA_256),
                ..PLAIN
            },
        ] {
            let file = image(|digest| {
                let theirs = signature((&pair.leaf, &pair.issuer), std::slice::from_ref(&leaf), shape, digest);
                vec![theirs, ours(digest).1]
            });
            let image = Image::parse(&file).unwrap();
            let (db, dbx) = ([ours(&[]).0], [authority.clone()]);
            let verdict = Policy::new(&database(&db), &database(&dbx)).judge(&image);
            if vouches {
                assert!(
                    !judge.image(&image, &db, &dbx) || shape.named.0 != SHA_256_ID,
                    "EDK2 of {what}"
                );
            }
            if what == "another name" {
                assert!(verdict.is_ok(), "{what}: {verdict:?}");
                continue;
            }
            let Err(Refusal::ForbiddenCertificate(revocation)) = verdict else {
                panic!("{what}: {verdict:?}");
            };
            assert_eq!(revocation.despite.as_deref(), Some("ours"), "{what}");
            assert!(
                revocation
                    .to_string()
                    .contains("EDK2 refuses an image for any such signature")
            );
        }
    }
}
