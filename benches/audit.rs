//! How the audit of modules stands to what it cannot do without: reading and unpacking them, or, where they are not
//! packed, hashing them. All on all cores, one after the other in turns; the medians count.
//!
//! `cargo bench --bench audit -- KEYS ROOT` prints the seconds to read and unpack, to read, unpack and hash each by
//! itself, to do so several side by side, and to audit; then the CPU-seconds of the four, which say the same where others
//! are at work too. ROOT has `/proc/sys/kernel/osrelease` and the modules of that
//! kernel, signed with the module key of KEYS.

#![allow(missing_docs)]

use std::env::args_os;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bootseal::audit::{Baseline, Machine, Selection, audit};
use bootseal::finding::Status;
use bootseal::formats::crypto::hash::HashAlgorithm;
use bootseal::formats::kernel::compression::Compression;
use bootseal::system::Context;
use bootseal::system::config::Config;
use rayon::prelude::*;

const HASH: HashAlgorithm = HashAlgorithm::Sha3_512;
const CHECK: &str = "modules.files";
/// How often each is done.
const ROUNDS: usize = 5;
/// Modules that are read before they are hashed side by side, as when they are signed.
const BATCH: usize = 16;
/// `USER_HZ`: the unit of `/proc/self/stat`.
const TICKS: f64 = 100.0;

fn main() -> Result<(), Box<dyn Error>> {
    // Cargo adds an argument of its own.
    let paths: Vec<PathBuf> = args_os()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .map(PathBuf::from)
        .collect();
    let [keys, root] = paths.as_slice() else {
        return Err("usage: audit KEYS ROOT".into());
    };
    let mut files = Vec::new();
    modules(&root.join("lib/modules"), &mut files)?;
    // The largest first, and neighbours of like size, so that all cores end together.
    files.sort_by(|one, other| other.cmp(one));
    let files: Vec<PathBuf> = files.into_iter().map(|(_, path)| path).collect();
    let context = Context::host().with_root(root);
    let mut seconds: [Vec<f64>; 8] = Default::default();
    for _ in 0..ROUNDS {
        let tasks: [&dyn Fn() -> Result<(), Box<dyn Error>>; 4] = [
            &|| each(&files, &|contents| drop(black_box(contents))),
            &|| {
                each(&files, &|contents| {
                    for content in contents {
                        black_box(HASH.digest(&[&content]));
                    }
                })
            },
            &|| {
                each(&files, &|contents| {
                    black_box(HASH.digest_each(&contents.iter().map(Vec::as_slice).collect::<Vec<_>>()));
                })
            },
            &|| audited(&context, keys, files.len()),
        ];
        let (walls, cpus) = seconds.split_at_mut(tasks.len());
        for (task, (wall, cpu)) in tasks.iter().zip(walls.iter_mut().zip(cpus)) {
            let (began, used) = (Instant::now(), cpu_seconds()?);
            task()?;
            wall.push(began.elapsed().as_secs_f64());
            cpu.push(cpu_seconds()? - used);
        }
    }
    let medians = seconds.map(|mut seconds| {
        seconds.sort_by(f64::total_cmp);
        format!("{:.4}", seconds.get(ROUNDS / 2).copied().unwrap_or(f64::NAN))
    });
    println!("{}", medians.join(" "));
    Ok(())
}

/// What this process has used so far, by `utime` and `stime` (`man 5 proc`).
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(") ").map(|(_, fields)| fields).ok_or("no fields")?;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / TICKS)
}

fn modules(directory: &Path, found: &mut Vec<(u64, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            modules(&entry.path(), found)?;
        } else if entry.file_name().to_string_lossy().contains(".ko") {
            found.push((entry.metadata()?.len(), entry.path()));
        }
    }
    Ok(())
}

fn each(files: &[PathBuf], work: &(dyn Fn(Vec<Vec<u8>>) + Sync)) -> Result<(), Box<dyn Error>> {
    files.par_chunks(BATCH).try_for_each(|batch| {
        let unpacked = batch.iter().map(|path| {
            let file = fs::read(path)?;
            Ok(Compression::from_magic(&file).unpack(&file)?.into_owned())
        });
        work(unpacked.collect::<io::Result<_>>()?);
        Ok::<(), io::Error>(())
    })?;
    Ok(())
}

fn audited(context: &Context, keys: &Path, count: usize) -> Result<(), Box<dyn Error>> {
    let config = Config::default();
    let machine = Machine::new(context, &config, keys.to_path_buf());
    let selection = Selection {
        only: vec![CHECK.to_owned()],
        ..Selection::default()
    };
    let audit = audit(&machine, &selection, &Baseline::default()).map_err(|error| error.to_string())?;
    let is_whole = |line: &String| line.starts_with(&format!("{count} of {count} modules"));
    let passes = audit
        .checked
        .iter()
        .all(|checked| checked.status() == Status::Pass && checked.outcome.evidence.iter().any(is_whole));
    if passes {
        Ok(())
    } else {
        Err(format!("{:?}", audit.checked).into())
    }
}
