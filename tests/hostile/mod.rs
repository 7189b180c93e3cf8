//! Signed files with every kind of change: none is accepted but where only what its format leaves unsigned has changed, and none makes
//! a judge panic. `cargo test` makes a share of all changes; `tests/hostile/run` makes all, and draws more of them.

pub mod flat;
mod judges;
mod memory;
mod mutate;
mod originals;
mod parsers;
mod replay;
mod secret_ways;
mod secrets;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use judges::{Judge, Verdict};
use targets::Target;

/// Changes of each kind of file in a test that is not told how many.
const SHARE: usize = 4000;
/// The variable with the number of all changes that are to be made.
const COUNT: &str = "BOOTSEAL_CHANGES";

/// The outcome of many changes.
#[derive(Default)]
struct Tally {
    executions: u64,
    mutations: u64,
    harmless: u64,
    worst: Duration,
    violations: Vec<String>,
}

impl Tally {
    fn and(mut self, other: Self) -> Self {
        self.executions += other.executions;
        self.mutations += other.mutations;
        self.harmless += other.harmless;
        self.worst = self.worst.max(other.worst);
        self.violations.extend(other.violations);
        self
    }
}

/// Judges one file after changes, whose number `change` returns. What is the original again, as after two changes that undo each
/// other, counts as harmless.
fn execute(target: &Target, what: &str, change: impl FnOnce(&mut Vec<u8>) -> u64) -> Tally {
    let mut bytes = target.original.clone();
    let mutations = change(&mut bytes);
    let is_another = bytes != target.original;
    let tally = judged(&target.judge, &bytes, &format!("{}: {what}", target.name), is_another);
    Tally { mutations, ..tally }
}

/// Judges one file, which may be accepted if it is not another one.
fn judged(judge: &Judge, bytes: &[u8], what: &str, is_another: bool) -> Tally {
    let start = Instant::now();
    let verdict = catch_unwind(AssertUnwindSafe(|| judge(bytes)));
    let mut tally = Tally {
        executions: 1,
        worst: start.elapsed(),
        ..Tally::default()
    };
    match verdict {
        Ok(Verdict::Refused) => {}
        Ok(Verdict::Wrong) if is_another => tally.violations.push(format!("{what} is accepted")),
        Ok(Verdict::Harmless | Verdict::Wrong) => tally.harmless += 1,
        Err(_) => tally.violations.push(format!("{what} panics")),
    }
    tally
}

/// Makes so many of the changes of one kind of file: all, or as many at equal distances; and beyond all, drawn ones.
fn sweep(target: &Target, wanted: usize) -> Tally {
    assert!(
        !matches!((target.judge)(&target.original), Verdict::Refused),
        "{}",
        target.name
    );
    let all = mutate::count(target.original.len());
    let step = all.div_ceil(wanted).max(1);
    let each = (0..all).into_par_iter().step_by(step).map(|number| {
        execute(target, &format!("change {number}"), |bytes| {
            mutate::change(bytes, number);
            1
        })
    });
    let drawn = (all..wanted.max(all)).into_par_iter().map(|number| {
        execute(target, &format!("drawn change {number}"), |bytes| {
            mutate::drawn(bytes, number as u64)
        })
    });
    each.chain(drawn).reduce(Tally::default, Tally::and)
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn sweep_all(wanted: usize) {
    let targets = targets::all();
    let total = Mutex::new(Tally::default());
    for target in &targets {
        let start = Instant::now();
        let tally = sweep(target, wanted);
        eprintln!(
            "{:16} {:6} bytes, {:9} changes, {:9} executions, {:7} harmless, worst {:?}, {:?}",
            target.name,
            target.original.len(),
            mutate::count(target.original.len()),
            tally.executions,
            tally.harmless,
            tally.worst,
            start.elapsed()
        );
        let mut total = total.lock().unwrap();
        *total = std::mem::take(&mut *total).and(tally);
    }
    // What the fuzzer kept counts as well.
    let (corpora, replayed) = replay::all();
    eprintln!(
        "corpora {corpora}, executions {}, worst {:?}",
        replayed.executions, replayed.worst
    );
    let total = total.into_inner().unwrap().and(replayed);
    eprintln!(
        "targets {}, executions {}, mutations {}, worst peak memory {} KiB, worst time {:?}, violations {}",
        targets.len() + corpora,
        total.executions,
        total.mutations,
        peak(),
        total.worst,
        total.violations.len()
    );
    assert!(
        total.violations.is_empty(),
        "{:#?}",
        &total.violations[..total.violations.len().min(20)]
    );
    assert!(
        total.worst < Duration::from_secs(5),
        "a changed file took {:?}",
        total.worst
    );
}

#[test]
fn no_changed_file_is_accepted() {
    sweep_all(SHARE);
}

#[test]
#[ignore = "tests/hostile/run"]
fn no_changed_file_is_accepted_however_many() {
    let count = std::env::var(COUNT).unwrap().parse::<usize>().unwrap();
    sweep_all(count / targets::all().len());
}
