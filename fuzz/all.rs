//! All targets in one program: `BOOTSEAL_FUZZ` names one. `fuzz/run` builds it and runs them; its functions are those that `cargo test`
//! gives the corpora to.
#![no_main]
#![allow(dead_code)]

#[path = "../tests/hostile/flat.rs"]
mod flat;
#[path = "../tests/hostile/judges.rs"]
mod judges;
#[path = "../tests/hostile/originals.rs"]
mod originals;
#[path = "../tests/hostile/parsers.rs"]
mod parsers;

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;

/// The target that this process is for.
static TARGET: LazyLock<Box<dyn Fn(&[u8]) + Send + Sync>> = LazyLock::new(|| {
    let name = std::env::var("BOOTSEAL_FUZZ").expect("BOOTSEAL_FUZZ names the target");
    if let Some((_, parser)) = parsers::PARSERS.iter().find(|(known, _)| *known == name) {
        return Box::new(parser);
    }
    let judge = originals::judges().into_iter().find(|(known, _)| *known == name);
    let (_, judge) = judge.expect("BOOTSEAL_FUZZ names no target");
    Box::new(move |bytes| assert!(!matches!(judge(bytes), judges::Verdict::Wrong), "accepted"))
});

fuzz_target!(|bytes: &[u8]| TARGET(bytes));
