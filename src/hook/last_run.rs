//! The result of the last run of each slot: `hooks/SLOT.json` in the state directory, for the audit and `hook status`.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Explain, Result, quoted};
use crate::formats::text::Shown;
use crate::system::{self, Context};

use super::done::Done;
use super::request::{Request, Slot};

/// Directory of the records, below the state directory.
const DIRECTORY: &str = "hooks";
/// Longest record that is read, in bytes.
const MAX_RECORD: u64 = 64 << 10;
/// Longest part of an error that is kept, in characters.
const MAX_ERROR: usize = 1000;
const SECRET: u32 = 0o600;

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRun {
    /// The slot.
    pub slot: String,
    /// The version of the kernel, or the package.
    pub subject: String,
    /// True if it was for a kernel that was removed.
    pub removes: bool,
    /// The time of its end, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// Its place among the runs of all slots, from 1: two may end in one second, and clocks are set. 0 in records of before.
    #[serde(default)]
    pub number: u64,
    /// The error; none if everything that belongs into the slot was signed.
    pub error: Option<String>,
    /// The command that makes up for the failure.
    pub again: Option<String>,
}

/// Records a run. A record that cannot be written must not fail the run: it is for the caller to tell.
pub(super) fn record(context: &Context, request: &Request, done: &Result<Done>, again: String) -> Result<()> {
    let error = failure(done);
    // One that cannot be read is told by who shows the runs.
    let before = last_runs(context).unwrap_or_default();
    let last = before.iter().map(|run| run.number).max().unwrap_or_default();
    let run = LastRun {
        slot: request.slot.name().to_owned(),
        subject: request.subject.clone(),
        removes: request.removes,
        time: context.now()?,
        number: last.saturating_add(1),
        again: error.is_some().then_some(again),
        error,
    };
    let state = context.state()?;
    let directory = state.join(DIRECTORY);
    system::create_dir(context, &state)?;
    system::create_dir(context, &directory)?;
    let path = directory.join(format!("{}.json", run.slot));
    let text = serde_json::to_string(&run).or_bug(|| "cannot write a run down".to_owned())?;
    system::replace_durably(context, &path, text.as_bytes(), SECRET)
}

fn failure(done: &Result<Done>) -> Option<String> {
    let text = match done {
        Err(error) => error.in_one_line(),
        Ok(done) => {
            let failed = done.summary.outcomes.iter().filter_map(|outcome| {
                let error = outcome.result.as_ref().err()?;
                Some(format!("{}: {}", outcome.path.shown(), error.in_one_line()))
            });
            let failed: Vec<String> = failed.collect();
            let first = failed.first()?;
            match failed.len() {
                1 => first.clone(),
                many => format!("{many} files, the first of which is {first}"),
            }
        }
    };
    Some(text.chars().take(MAX_ERROR).collect())
}

/// The last run of each slot that ever ran. Fails if one cannot be read.
pub fn last_runs(context: &Context) -> Result<Vec<LastRun>> {
    let directory = context.state()?.join(DIRECTORY);
    let mut runs = Vec::new();
    for slot in Slot::ALL {
        let path = directory.join(format!("{}.json", slot.name()));
        let Some(bytes) = system::read_ours_if_there(&path, MAX_RECORD)? else {
            continue;
        };
        let run = serde_json::from_slice(&bytes).or_could_not_run(|| {
            format!(
                "{} is no record of a run; if it is not needed: rm {}",
                path.shown(),
                quoted(&path)
            )
        })?;
        runs.push(run);
    }
    Ok(runs)
}

impl LastRun {
    /// True if it failed, and no later run has made up for it.
    #[must_use]
    pub fn is_open(&self, runs: &[Self]) -> bool {
        let is_later = |other: &Self| {
            if other.number > 0 && self.number > 0 {
                other.number > self.number
            } else {
                other.time >= self.time
            }
        };
        let makes_up = |other: &Self| {
            other.slot == Slot::All.name() && other.error.is_none() && other.subject == self.subject && is_later(other)
        };
        self.error.is_some() && !runs.iter().any(makes_up)
    }
}

/// The note for who runs the hook that the record could not be written.
pub(super) fn unrecorded(error: &Error) -> String {
    format!("the result of this run is not recorded: {}", error.in_one_line())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::Summary;
    use crate::system::Clock;
    use std::ffi::OsString;

    fn run(context: &Context, slot: Slot, failure: Option<&str>) {
        let arguments = match slot {
            Slot::All => vec![OsString::from("6.12.58-gentoo")],
            _ => ["6.12.58-gentoo", "/boot/vmlinuz"].map(OsString::from).to_vec(),
        };
        let request = Request::parse(slot, &arguments).unwrap();
        let done = match failure {
            Some(text) => Err(Error::refused(text)),
            None => Ok(Done {
                summary: Summary::default(),
                notes: Vec::new(),
                has_keys: true,
                again: String::new(),
            }),
        };
        record(context, &request, &done, "again".to_owned()).unwrap();
    }

    #[test]
    fn a_failure_is_open_until_its_slot_or_all_of_the_kernel_was_signed() {
        let root = tempfile::tempdir().unwrap();
        let context = |time| Context::host().with_root(root.path()).with_clock(Clock::Fixed(time));
        let open = || {
            let runs = last_runs(&context(0)).unwrap();
            let open = runs.iter().filter(|run| run.is_open(&runs));
            open.map(|run| run.slot.clone()).collect::<Vec<_>>()
        };
        assert!(last_runs(&context(0)).unwrap().is_empty());
        run(&context(10), Slot::Modules, Some("no"));
        assert_eq!(open(), ["modules"]);
        run(&context(11), Slot::All, None);
        assert_eq!(open(), <[&str; 0]>::default());
        run(&context(12), Slot::Modules, Some(&"x".repeat(2 * MAX_ERROR)));
        assert_eq!(open(), ["modules"]);
        assert_eq!(
            last_runs(&context(0)).unwrap()[0].error.as_ref().unwrap().len(),
            MAX_ERROR
        );
        run(&context(13), Slot::Modules, None);
        assert_eq!(open(), <[&str; 0]>::default());
        // In the second of the last one, and by a clock that was set back.
        run(&context(13), Slot::All, None);
        run(&context(13), Slot::Grub, Some("no"));
        assert_eq!(open(), ["grub"]);
        run(&context(5), Slot::All, None);
        assert_eq!(open(), <[&str; 0]>::default());
    }

    #[test]
    fn runs_that_end_at_once_each_write_their_record() {
        let root = tempfile::tempdir().unwrap();
        let context = &Context::host().with_root(root.path());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..25).for_each(|_| run(context, Slot::Modules, Some("no"))));
            }
        });
        assert_eq!(last_runs(context).unwrap().len(), 1);
    }

    #[test]
    fn a_dry_run_leaves_no_record_and_garbage_is_none() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        run(&context.clone().with_dry_run(true), Slot::Modules, Some("no"));
        assert!(last_runs(&context).unwrap().is_empty());
        run(&context, Slot::Grub, None);
        std::fs::write(root.path().join("var/lib/bootseal/hooks/grub.json"), "{").unwrap();
        let error = last_runs(&context).unwrap_err();
        assert!(error.to_string().contains("grub.json is no record"), "{error}");
    }
}
