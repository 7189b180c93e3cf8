//! The lock that lets one run work at a time. It ends with the process that holds it, however that ends.

use std::fs::File;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::{Explain, Result};
use crate::formats::text::Shown;

use super::beneath::Place;
use super::context::Context;
use super::files::create_dir;

/// File in the state directory whose lock is taken; it is empty and stays.
const FILE: &str = "lock";
/// Permission bits of that file.
const MODE: u32 = 0o600;
/// The pause before a taken lock is tried again.
const PATIENCE: Duration = Duration::from_millis(50);

/// The lock of the state directory, until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock; `waiting` is called once if another run has it. A dry run needs none.
    pub fn take(context: &Context, waiting: impl FnOnce()) -> Result<Option<Self>> {
        if context.dry_run() {
            return Ok(None);
        }
        let directory = context.state()?;
        create_dir(context, &directory)
            .map_err(|error| error.hint("bootseal keeps its lock there; STATE_DIRECTORY may name another directory"))?;
        let path = directory.join(FILE);
        let cannot = || format!("cannot lock {}", path.shown());
        let place = Place::of_name(context, &path).map_err(|error| error.explain(cannot()))?;
        let file = place.open_to_append(MODE).or_could_not_run(cannot)?;
        let mut waiting = Some(waiting);
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(Self { _file: file })),
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(error).or_could_not_run(cannot),
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            context.check_interrupted()?;
            std::thread::sleep(PATIENCE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn the_second_waits_for_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(directory.path());
        let first = Lock::take(&context, || panic!("nobody has it")).unwrap();
        let waited = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| Lock::take(&context, || waited.store(true, Ordering::SeqCst)));
            while !waited.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            assert!(!second.is_finished());
            drop(first);
            assert!(second.join().unwrap().unwrap().is_some());
        });
    }

    #[test]
    fn a_dry_run_leaves_no_trace() {
        let directory = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(directory.path()).with_dry_run(true);
        assert!(Lock::take(&context, || ()).unwrap().is_none());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
