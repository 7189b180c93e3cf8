//! The inputs that the fuzzer found worth keeping, given to its targets again.

use std::fs;
use std::path::{Path, PathBuf};

use super::judges::{Judge, Verdict};
use super::parsers::PARSERS;
use super::{Tally, judged};

/// The directory of the fuzzer.
fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The inputs of a target; each target has some.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = fuzz().join("corpus").join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let inputs: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect();
    assert!(!inputs.is_empty(), "{target} has no inputs");
    inputs
}

/// Gives every target its inputs; returns the number of targets, and what became of the inputs.
pub fn all() -> (usize, Tally) {
    let parsers = PARSERS.iter().map(|&(name, parser)| {
        let judge: Judge = Box::new(move |bytes| {
            parser(bytes);
            Verdict::Refused
        });
        (name, judge)
    });
    let mut total = Tally::default();
    let mut count = 0;
    for (name, judge) in parsers.chain(super::originals::judges()) {
        let mut tally = Tally::default();
        for (path, bytes) in corpus(name) {
            tally = tally.and(judged(&judge, &bytes, &path.display().to_string(), true));
        }
        let is_of_trust = count >= PARSERS.len();
        assert!(
            !is_of_trust || tally.harmless > 0,
            "{name} has no input that is accepted"
        );
        total = total.and(tally);
        count += 1;
    }
    (count, total)
}

#[test]
fn the_inputs_of_the_fuzzer_are_read_or_refused_and_none_is_accepted_but_what_was_signed() {
    let (count, total) = all();
    eprintln!(
        "targets {count}, executions {}, worst {:?}",
        total.executions, total.worst
    );
    assert_eq!(total.violations, Vec::<String>::new());
}
