//! The inputs that the fuzzer found worth keeping, given to its targets again.

use std::fs;
use std::path::{Path, PathBuf};

use super::judges::{Judge, Verdict};
use super::parsers::PARSERS;

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

#[test]
fn the_inputs_of_the_fuzzer_are_read_or_refused() {
    for (name, parser) in PARSERS {
        for (path, bytes) in corpus(name) {
            eprintln!("{}", path.display());
            parser(&bytes);
        }
    }
}

#[test]
fn no_input_of_the_fuzzer_is_accepted_but_what_was_signed() {
    for (name, judge) in super::originals::judges() {
        let judge: Judge = judge;
        let mut accepted = 0;
        for (path, bytes) in corpus(name) {
            match judge(&bytes) {
                Verdict::Wrong => panic!("{} is accepted", path.display()),
                Verdict::Harmless => accepted += 1,
                Verdict::Refused => {}
            }
        }
        assert!(accepted > 0, "{name} has no input that is accepted");
    }
}
