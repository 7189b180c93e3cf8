//! What the machine could do at best for `sign modules`, so that the rest can be told apart: RSA private operations a
//! second on all cores, and the seconds to read and hash all modules once, on all cores.
//!
//! `cargo bench --bench limit -- KEYS DIRECTORY` prints the two numbers; KEYS has the module key, DIRECTORY is flat.

#![allow(missing_docs, clippy::cast_precision_loss)]

use std::env::args_os;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::keys::{Identity, KeyDirectory, KeyName};
use rayon::prelude::*;

const HASH: HashAlgorithm = HashAlgorithm::Sha3_512;
/// How long signatures are made.
const SPAN: Duration = Duration::from_secs(3);
/// How often the modules are hashed; the median counts.
const ROUNDS: usize = 5;
/// Modules that are hashed side by side, as when they are signed.
const BATCH: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds an argument of its own.
    let paths: Vec<PathBuf> = args_os()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .map(PathBuf::from)
        .collect();
    let [keys, modules] = paths.as_slice() else {
        return Err("usage: limit KEYS DIRECTORY".into());
    };
    let module = KeyDirectory::open(keys)?.identity(KeyName::Module, &mut |_| unreachable!("the key is plain"))?;
    println!("{:.1} {:.4}", signatures_per_second(&module), seconds_to_hash(modules)?);
    Ok(())
}

fn signatures_per_second(identity: &Identity) -> f64 {
    let digest = HASH.digest(&[b"a module"]);
    let began = Instant::now();
    let made: usize = rayon::broadcast(|_| {
        let mut made = 0_usize;
        while began.elapsed() < SPAN {
            made += usize::from(black_box(identity.signer.sign(&digest)).is_ok());
        }
        made
    })
    .into_iter()
    .sum();
    made as f64 / began.elapsed().as_secs_f64()
}

fn seconds_to_hash(directory: &Path) -> Result<f64, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        files.push((entry.metadata()?.len(), entry.path()));
    }
    // The largest first, and neighbours of like size, so that all cores end together.
    files.sort_by(|one, other| other.cmp(one));
    let mut seconds = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        files.par_chunks(BATCH).try_for_each(|batch| {
            let contents = batch
                .iter()
                .map(|(_, path)| fs::read(path))
                .collect::<Result<Vec<_>, _>>()?;
            black_box(HASH.digest_each(&contents.iter().map(Vec::as_slice).collect::<Vec<_>>()));
            Ok::<(), std::io::Error>(())
        })?;
        seconds.push(began.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    seconds.get(ROUNDS / 2).copied().ok_or_else(|| "no round".into())
}
