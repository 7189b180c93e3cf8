//! SHA3-512 of 64 messages of mixed lengths: megabytes (10^6 bytes) per second of each implementation, side by side.
//!
//! `cargo bench --bench sha3_lanes` prints the median of 31 rounds; in every round each implementation has its turn, so
//! that a busy machine disturbs all alike. One thread.

#![allow(missing_docs, clippy::cast_precision_loss)]

use std::hint::black_box;
use std::time::Instant;

use bootseal::formats::crypto::sha3_lanes::Engine;

const ROUNDS: usize = 31;

fn main() {
    println!("one thread, MB/s      Scalar    Avx2  Avx512");
    // What modules are like: half are under 32 KB, few are above 1 MB.
    report(
        "64 mixed, 8 MB",
        &(0..64)
            .map(|n| (n % 8 + 1) * (n % 16 + 1) * 4_000 - 3_000)
            .collect::<Vec<_>>(),
    );
    report("8 of 100 KB", &[100_000; 8]);
    report(
        "8, one of 1 MB",
        &[1_000_000, 9_000, 9_000, 9_000, 9_000, 9_000, 9_000, 9_000],
    );
    report("2 of 100 KB", &[100_000; 2]);
    report("1 of 100 KB", &[100_000]);
    report("1,000 of 200 B", &[200; 1_000]);
}

fn report(what: &str, lengths: &[usize]) {
    let data: Vec<Vec<u8>> = lengths.iter().map(|length| vec![0x5a; *length]).collect();
    let messages: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
    let megabytes = lengths.iter().sum::<usize>() as f64 / 1e6;
    let mut rates = Engine::ALL.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (engine, rates) in Engine::ALL.into_iter().zip(&mut rates) {
            rates.extend(seconds(engine, &messages).map(|seconds| megabytes / seconds));
        }
    }
    print!("{what:<20}");
    for rates in &mut rates {
        rates.sort_by(f64::total_cmp);
        match rates.get(rates.len() / 2) {
            Some(median) => print!("{median:>8.0}"),
            None => print!("       -"),
        }
    }
    println!();
}

/// `None` if the processor lacks it.
fn seconds(engine: Engine, messages: &[&[u8]]) -> Option<f64> {
    let start = Instant::now();
    black_box(engine.digests(black_box(messages))?);
    Some(start.elapsed().as_secs_f64())
}
