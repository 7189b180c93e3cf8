//! Every implementation against the `sha3` crate and NIST's examples.
//!
//! A processor without AVX2 or AVX-512 cannot run that implementation. Which it has is asked of the kernel, apart from
//! the detection that the code itself uses: what the kernel lists must run and be right, what it does not must decline.

use std::fs;

use proptest::prelude::*;

use super::{Engine, Source, sha3_512_many};
use crate::formats::crypto::hash::{Digest, HashAlgorithm};

const RATE: usize = 72;

/// True if the kernel says that this processor has it.
fn is_there(engine: Engine) -> bool {
    let flag = match engine {
        Engine::Scalar => return true,
        Engine::Avx2 => "avx2",
        Engine::Avx512 => "avx512f",
    };
    let info = fs::read_to_string("/proc/cpuinfo").unwrap();
    let mut flags = info
        .lines()
        .filter(|line| line.starts_with("flags"))
        .flat_map(str::split_whitespace);
    cfg!(target_arch = "x86_64") && flags.any(|own| own == flag)
}

fn check(engine: Engine, messages: &[&[u8]], expected: &[Digest]) {
    let digests = engine.digests(messages);
    assert_eq!(digests.is_some(), is_there(engine), "{engine:?}");
    if let Some(digests) = digests {
        assert_eq!(digests, expected, "{engine:?}");
    }
}

fn check_all(messages: &[&[u8]], expected: &[Digest]) {
    for engine in Engine::ALL {
        check(engine, messages, expected);
    }
    assert_eq!(sha3_512_many(messages), expected);
}

/// The digests that the `sha3` crate gives.
fn reference(messages: &[&[u8]]) -> Vec<Digest> {
    let digest = |message: &&[u8]| HashAlgorithm::Sha3_512.digest(&[message]);
    messages.iter().map(digest).collect()
}

fn check_against_reference(messages: &[Vec<u8>]) {
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    check_all(&messages, &reference(&messages));
}

/// NIST's examples: no bits and 1600 bits of 0xa3 (CSRC, "Examples with Intermediate Values", SHA3-512), and the
/// messages that it has used since FIPS 180: 24 bits, 448 bits, a million times `a`.
fn examples() -> Vec<(Vec<u8>, &'static str)> {
    vec![
        (
            Vec::new(),
            "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6\
             15b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
        ),
        (
            b"abc".to_vec(),
            "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e\
             10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
        ),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq".to_vec(),
            "04a371e84ecfb5b8b77cb48610fca8182dd457ce6f326a0fd3d7ec2f1e91636d\
             ee691fbe0c985302ba1b0d8dc78c086346b533b49c030d99a27daf1139d6e75e",
        ),
        (
            vec![0xa3; 200],
            "e76dfad22084a8b1467fcf2ffa58361bec7628edf5f3fdc0e4805dc48caeeca8\
             1b7c13c30adf52a3659584739a2df46be589c51ca1a4a8416df6545a1ce8ba00",
        ),
        (
            vec![b'a'; 1_000_000],
            "3c3a876da14034ab60627c077bb98f7e120a2a5370212dffb3385a18d4f38859\
             ed311d0a9d5141ce9cc5c66ee689b266a8aa18ace8282a0e0db596c90b0a7b87",
        ),
    ]
}

#[test]
fn lanes_give_the_examples_of_nist() {
    let examples = examples();
    let expected: Vec<Digest> = examples
        .iter()
        .map(|(_, digest)| Digest::new(HashAlgorithm::Sha3_512, hex::decode(digest).unwrap()).unwrap())
        .collect();
    let messages: Vec<&[u8]> = examples.iter().map(|(message, _)| message.as_slice()).collect();
    // Together in one call, the long one ends alone; nine times the same also fills every lane with each of them.
    check_all(&messages, &expected);
    for (message, digest) in messages.iter().zip(&expected).take(4) {
        check_all(&[*message; 9], &vec![digest.clone(); 9]);
    }
}

#[test]
fn lanes_of_nothing_are_nothing() {
    check_all(&[], &[]);
    check_all(&[b""], &reference(&[b""]));
}

#[test]
fn lanes_agree_around_every_end_of_a_block() {
    let lengths = (0..=6).flat_map(|blocks| (RATE * blocks).saturating_sub(2)..=RATE * blocks + 2);
    let messages: Vec<Vec<u8>> = lengths.map(|length| vec![0x5a; length]).collect();
    check_against_reference(&messages);
    // The shortest last and first: the lanes are taken in another order, the digests are not.
    check_against_reference(&messages.iter().rev().cloned().collect::<Vec<_>>());
}

#[test]
fn lanes_agree_when_one_message_outlasts_the_others() {
    let mut messages: Vec<Vec<u8>> = (0..17).map(|length| vec![1; length]).collect();
    messages.insert(5, (0..=u8::MAX).cycle().take(100_000).collect());
    check_against_reference(&messages);
}

/// Messages that are made when they are asked for, and count how many are out.
struct Made {
    lengths: Vec<usize>,
    asked: Vec<usize>,
    out: usize,
    most: usize,
    ended: bool,
    digested: Vec<(Vec<u8>, Digest)>,
}

impl Source for Made {
    type Message = Vec<u8>;

    fn next(&mut self, lane: usize) -> Option<Vec<u8>> {
        let Some(length) = self.lengths.pop() else {
            self.ended = true;
            return None;
        };
        assert!(!self.ended);
        self.asked.push(lane);
        self.out += 1;
        self.most = self.most.max(self.out);
        Some(vec![0x5a; length])
    }

    fn digested(&mut self, message: Vec<u8>, digest: Digest) {
        self.out -= 1;
        self.digested.push((message, digest));
    }
}

#[test]
fn a_source_is_asked_when_a_lane_is_free() {
    let lengths: Vec<usize> = (0..100).map(|n| n * 37 % 1_000).collect();
    for (engine, lanes) in Engine::ALL.into_iter().zip([1, 4, 8]) {
        for count in [0, 1, 2, 7, 100] {
            let mut made = Made {
                lengths: lengths[..count].to_vec(),
                asked: Vec::new(),
                out: 0,
                most: 0,
                ended: false,
                digested: Vec::new(),
            };
            if engine.digest_from(&mut made).is_none() {
                assert!(!is_there(engine));
                continue;
            }
            assert_eq!((made.most, made.out), (count.min(lanes), 0), "{engine:?}");
            assert!(made.asked.iter().all(|lane| *lane < lanes));
            let mut seen: Vec<usize> = made.digested.iter().map(|(message, _)| message.len()).collect();
            seen.sort_unstable();
            let mut expected = lengths[..count].to_vec();
            expected.sort_unstable();
            assert_eq!(seen, expected);
            for (message, digest) in made.digested {
                assert_eq!(digest, HashAlgorithm::Sha3_512.digest(&[&message]));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn lanes_agree_with_sha3(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2000), 0..20)) {
        check_against_reference(&messages);
    }

    #[test]
    fn lanes_agree_near_multiples_of_the_rate(
        lengths in prop::collection::vec((0..8_usize, 0..5_usize), 0..20),
        seed in 0..200_u8,
    ) {
        let messages: Vec<Vec<u8>> = lengths
            .into_iter()
            .map(|(blocks, more)| (RATE * blocks + more).saturating_sub(2))
            .zip(seed..)
            .map(|(length, first)| (first..=u8::MAX).cycle().take(length).collect())
            .collect();
        check_against_reference(&messages);
    }
}
