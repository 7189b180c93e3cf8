//! Chains of certificates of every kind: what is odd, wrong or forgotten in them is chosen by chance.

use bootseal::formats::crypto::asn1::{encode, tag};

use super::certificates::{Draft, How, extension, key_id, name, oid, plain, sequence};
use super::random::Random;

/// A chain from a signer up.
pub struct Chain {
    /// The signer's certificate first.
    pub certificates: Vec<Vec<u8>>,
    /// Number of the signer's key.
    pub key: usize,
    /// Name of the signer's issuer, as the certificate has it, and serial number.
    pub issuer: Vec<u8>,
    pub serial: Vec<u8>,
}

pub fn random(random: &mut Random) -> Chain {
    named(random, "Test")
}

/// The same with names that begin with this word.
pub fn named(random: &mut Random, word: &str) -> Chain {
    let length = 1 + random.below(4);
    let first_key = random.below(8);
    let mut drafts: Vec<Draft> = Vec::new();
    for depth in 0..length {
        let spelt = format!("{} {depth}", random.pick(&[word.to_owned(), word.to_lowercase()]));
        let key = if random.once_in(20) {
            first_key
        } else {
            first_key + depth
        };
        let mut draft = plain(&spelt, key % 8, depth > 0);
        for _ in 0..random.below(3) {
            spoil(random, &mut draft, word, depth);
        }
        drafts.push(draft);
    }
    let mut certificates = Vec::new();
    for (depth, draft) in drafts.iter().enumerate() {
        let issuer = drafts.get(depth + 1).unwrap_or(draft);
        let issuer_name = match random.below(6) {
            0 => respelt(random, word, depth + usize::from(depth + 1 < length)),
            _ => issuer.subject.clone(),
        };
        let mut draft = draft.clone();
        if random.once_in(3) {
            draft.extensions.push(authority_key_id(random, issuer));
        }
        let how = How::random(random);
        let signer = if random.once_in(30) { issuer.key + 1 } else { issuer.key };
        certificates.push((draft.issue(&issuer_name, signer, how), issuer_name, draft));
    }
    let (_, issuer, draft) = &certificates[0];
    Chain {
        key: draft.key,
        issuer: issuer.clone(),
        serial: draft.serial.clone(),
        certificates: certificates.iter().map(|(der, _, _)| der.clone()).collect(),
    }
}

/// The name of a depth in another spelling; some are the same name to OpenSSL, some are not.
fn respelt(random: &mut Random, word: &str, depth: usize) -> Vec<u8> {
    let text = random.pick(&[
        format!("{word} {depth}"),
        format!("{}  {depth} ", word.to_uppercase()),
        format!(" {}\t{depth}", word.to_lowercase()),
        format!("{word}{depth}"),
        format!("{word} {}", depth + 1),
    ]);
    let kind = random.pick(&[
        tag::UTF8_STRING,
        tag::PRINTABLE_STRING,
        tag::TELETEX_STRING,
        tag::IA5_STRING,
        tag::BMP_STRING,
        tag::UNIVERSAL_STRING,
        0x12,
    ]);
    name(&[(kind, &text)])
}

fn authority_key_id(random: &mut Random, issuer: &Draft) -> Vec<u8> {
    let id = encode(0x80, &[&key_id(if random.once_in(6) { 9 } else { issuer.key })]);
    let directory = encode(0xa4, &[&issuer.subject]);
    let named = encode(0xa1, &[&directory]);
    let serial = encode(0x82, &[&issuer.serial]);
    let value = match random.below(6) {
        0 => sequence(&[&id, &named, &serial]),
        1 => sequence(&[&serial]),
        2 => sequence(&[&named]),
        3 if random.once_in(4) => sequence(&[&serial, &id]),
        _ => sequence(&[&id]),
    };
    extension("2.5.29.35", random.once_in(20), &value)
}

/// Makes one thing of a certificate odd or wrong.
fn spoil(random: &mut Random, draft: &mut Draft, word: &str, depth: usize) {
    match random.below(22) {
        0 => draft.version = 0,
        1 => {
            draft.version = 0;
            draft.extensions.clear();
        }
        2 => draft.serial = vec![random.pick(&[0x41, 0x91]); random.pick(&[1, 20, 25])],
        3 => draft.serial = random.pick(&[vec![0], vec![0, 5], vec![], vec![0xff, 0x80]]),
        4 => {
            let other = format!("other {depth}");
            let both = [(tag::UTF8_STRING, "z"), (tag::UTF8_STRING, other.as_str())];
            draft.subject = name(&both);
        }
        5 => draft.dates = dates(random),
        6 => {
            draft.extensions.pop();
        }
        7 => {
            draft
                .extensions
                .retain(|one| !one.windows(3).any(|part| part == [0x55, 0x1d, 15]));
        }
        8 => draft.extensions.clear(),
        9..=11 => {
            let value = match random.below(8) {
                0 => sequence(&[]),
                1 => sequence(&[&[1, 1, 0xff], &[2, 1, 0]]),
                2 => sequence(&[&[1, 1, 0xff], &[2, 1, 1]]),
                3 => sequence(&[&[1, 1, 1]]),
                4 => sequence(&[&[1, 1, 0xff], &[2, 1, 0xfe]]),
                5 => sequence(&[&[2, 1, 0]]),
                6 => vec![5, 0],
                _ => sequence(&[&[1, 1, 0xff], &[2, 2, 1, 0]]),
            };
            let constraints = extension("2.5.29.19", random.once_in(2), &value);
            if random.once_in(6) || draft.extensions.is_empty() {
                draft.extensions.push(constraints);
            } else {
                draft.extensions[0] = constraints;
            }
        }
        12 | 13 => {
            let usage: &[u8] = random.pick(&[
                &[3, 2, 7, 0x80],
                &[3, 2, 2, 4],
                &[3, 2, 1, 0x86],
                &[3, 1, 0],
                &[3, 2, 0, 0],
                &[4, 1, 4],
            ]);
            let usage = extension("2.5.29.15", random.once_in(2), usage);
            match draft.extensions.get_mut(1) {
                Some(place) => *place = usage,
                None => draft.extensions.push(usage),
            }
        }
        14 => {
            let kind = random.pick(&["1.2.3.4", "2.5.29.32", "2.5.29.54", "2.5.29.99", "1.3.6.1.5.5.7.1.14"]);
            draft
                .extensions
                .push(extension(kind, random.once_in(2), &sequence(&[])));
        }
        15 | 16 => draft.extensions.push(name_constraints(random, word, depth)),
        17 => {
            let host = encode(0x82, &[random.pick(&[&b"a.example"[..], b"b.test", b""])]);
            let mail = encode(0x81, &[random.pick(&[&b"me@a.example"[..], b"me@b.test", b"nobody"])]);
            let value = sequence(&[&random.pick(&[host, mail])]);
            draft.extensions.push(extension("2.5.29.17", random.once_in(4), &value));
        }
        18 => draft.extensions.push(extension(
            "2.5.29.37",
            random.once_in(2),
            &sequence(&[&oid("1.3.6.1.5.5.7.3.1")]),
        )),
        19 => {
            let kind: &[u8] = random.pick(&[&[3, 2, 0, 7], &[3, 2, 4, 0x10], &[5, 0]]);
            draft
                .extensions
                .push(extension("2.16.840.1.113730.1.1", random.once_in(3), kind));
        }
        20 => {
            let other = extension("2.5.29.14", false, &encode(tag::OCTET_STRING, &[&[1]]));
            let twice = draft
                .extensions
                .first()
                .cloned()
                .filter(|_| random.once_in(2))
                .unwrap_or(other);
            draft.extensions.push(twice);
        }
        _ => draft.subject = name(&[(random.pick(&[tag::BMP_STRING, tag::PRINTABLE_STRING]), "a.example")]),
    }
}

fn dates(random: &mut Random) -> Vec<u8> {
    let one = |random: &mut Random| match random.below(8) {
        0 => encode(tag::GENERALIZED_TIME, &[b"00010101000000Z"]),
        1 => encode(tag::UTC_TIME, &[b"600101000000Z"]),
        2 => encode(tag::UTC_TIME, &[b"2401010000Z"]),
        3 => encode(tag::UTC_TIME, &[b"240101000000+0130"]),
        4 => encode(tag::UTC_TIME, &[b"some day in June"]),
        5 => encode(tag::GENERALIZED_TIME, &[b"20240101000000.5Z"]),
        6 => encode(tag::UTF8_STRING, &[b"240101000000Z"]),
        _ => encode(tag::GENERALIZED_TIME, &[b"20240101000000Z"]),
    };
    let (from, until) = (one(random), one(random));
    sequence(&[&from, &until])
}

fn name_constraints(random: &mut Random, word: &str, depth: usize) -> Vec<u8> {
    let below = depth.saturating_sub(1);
    let directory = |text: &str| encode(0xa4, &[&name(&[(tag::PRINTABLE_STRING, text)])]);
    let base = match random.below(7) {
        0 | 1 => directory(&format!("{} {below}", word.to_uppercase())),
        2 => directory("somebody"),
        3 => encode(0xa4, &[&sequence(&[])]),
        4 => encode(0x82, &[random.pick(&[&b"example"[..], b"test", b".example", b""])]),
        5 => encode(0x81, &[random.pick(&[&b"a.example"[..], b"me@a.example", b".test"])]),
        _ => directory(&format!("{word} 0")),
    };
    let bounded: &[u8] = if random.once_in(10) { &[0x80, 1, 1] } else { &[] };
    let subtree = sequence(&[&base, bounded]);
    let list = encode(random.pick(&[0xa0, 0xa0, 0xa1]), &[&subtree]);
    extension("2.5.29.30", random.once_in(2), &sequence(&[&list]))
}
