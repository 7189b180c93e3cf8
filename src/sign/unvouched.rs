//! The files that runs met and nobody vouches for: `unvouched.json` in the state directory, for the audit.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{Explain, Result, quoted};
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::text::Shown;
use crate::system::{self, Context};

use super::outcome::{Change, Outcome};
use super::vouching::path_on_machine;

/// File in the state directory.
const FILE: &str = "unvouched.json";
/// Largest record that is read, in bytes.
const MAX_RECORD: u64 = 16 << 20;
/// Most files that are recorded.
const MOST: usize = 10_000;
const SECRET: u32 = 0o600;

/// A file that nobody vouches for, and that still lies there as a run found it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planted {
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// The kind of signature that it was not given.
    pub kind: String,
    /// The reason, for people.
    pub reason: String,
    /// The time of the run that met it first, in seconds since 1970-01-01 UTC.
    pub met: u64,
}

/// The files by their paths on the machine.
type Record = BTreeMap<String, Planted>;

/// Enters the files of a run that nobody vouches for, and takes out those that it signed, or that are gone.
pub(super) fn record(context: &Context, outcomes: &[Outcome]) -> Result<()> {
    let before = read(context)?;
    if before.is_empty() && !outcomes.iter().any(|outcome| outcome.unvouched.is_some()) {
        return Ok(());
    }
    let mut record = before.clone();
    for outcome in outcomes {
        let path = path_on_machine(context, &outcome.path);
        match (&outcome.result, &outcome.unvouched) {
            (Ok(Change::Unvouched), Some(unvouched)) => {
                let met = context.now()?;
                let met = before
                    .get(&path)
                    .filter(|known| known.sha256 == unvouched.sha256)
                    .map_or(met, |known| known.met);
                record.insert(
                    path,
                    Planted {
                        sha256: unvouched.sha256.clone(),
                        kind: outcome.kind.unwrap_or("file").to_owned(),
                        reason: unvouched.reason.clone(),
                        met,
                    },
                );
            }
            (Ok(Change::Signed | Change::Unchanged), _) => {
                record.remove(&path);
            }
            _ => {}
        }
    }
    record.retain(|path, _| context.path(path).symlink_metadata().is_ok());
    while record.len() > MOST {
        record.pop_last();
    }
    if record == before {
        return Ok(());
    }
    let state = context.state()?;
    system::create_dir(context, &state)?;
    let text = serde_json::to_vec(&record).or_bug(|| "cannot write down what nobody vouches for".to_owned())?;
    system::replace_durably(context, &state.join(FILE), &text, SECRET)
}

fn read(context: &Context) -> Result<Record> {
    let path = context.state()?.join(FILE);
    let Some(bytes) = system::read_ours_if_there(&path, MAX_RECORD)? else {
        return Ok(Record::new());
    };
    serde_json::from_slice(&bytes).or_could_not_run(|| {
        format!(
            "{} is no list of files that nobody vouches for; if it is not needed: rm {}",
            path.shown(),
            quoted(&path)
        )
    })
}

/// The files that runs met, nobody vouches for, and still lie there unchanged.
pub fn planted(context: &Context) -> Result<Vec<(PathBuf, Planted)>> {
    let mut planted = Vec::new();
    for (path, entry) in read(context)? {
        let path = context.path(&path);
        // A file that is gone or another one by now is for the next run to judge.
        let digest = system::digest(&path, HashAlgorithm::Sha256).map(|(digest, _)| digest.to_hex());
        if digest.is_ok_and(|digest| digest == entry.sha256) {
            planted.push((path, entry));
        }
    }
    Ok(planted)
}
