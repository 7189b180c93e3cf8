//! Ways to end up with a machine that does not start, each as a tool or a person brings it about: they are started as
//! they are.

mod grub;
mod machine;
mod systemd_boot;

use super::packages;
use crate::support::text;
use machine::Scratch;

/// Said by the guest once its modules have brought it its disk.
const STARTED: &str = "vm: the disk is mounted";
/// A way.
pub struct Way {
    name: &'static str,
    /// The commands that lead there.
    breaks: &'static str,
    starts: Option<Start>,
}

/// The words of the machine that is started so.
enum Start {
    /// After these words it waits for somebody, or is at its end.
    Stops(&'static str),
    /// It goes on, and ends without its disk.
    GoesOn(&'static str),
    /// After the first words of each pair somebody types the second, and chooses the kernel of before, which starts.
    Former(&'static [(&'static str, &'static str)]),
}

/// In the words that are waited for: the release of the kernel of before.
const FORMER: &str = "FORMER";

impl Way {
    const fn new(name: &'static str, breaks: &'static str) -> Self {
        Self {
            name,
            breaks,
            starts: None,
        }
    }

    const fn stops(self, words: &'static str) -> Self {
        Self {
            starts: Some(Start::Stops(words)),
            ..self
        }
    }

    const fn goes_on(self, words: &'static str) -> Self {
        Self {
            starts: Some(Start::GoesOn(words)),
            ..self
        }
    }

    const fn chooses_former(self, conversation: &'static [(&'static str, &'static str)]) -> Self {
        Self {
            starts: Some(Start::Former(conversation)),
            ..self
        }
    }

    /// Starts the machine as it is on this way.
    fn start(&self, scratch: &Scratch, start: &Start) -> Result<(), String> {
        let kept = scratch.keep();
        let broken = scratch.script(self.breaks);
        assert!(broken.status.success(), "{}: {}", self.name, text(&broken));
        let former = scratch.kernels[1].release();
        let as_expected = match start {
            Start::Stops(words) => {
                let log = scratch.start(&[], Some(words));
                (log.contains(words) && !log.contains(STARTED)).then_some(()).ok_or(log)
            }
            Start::GoesOn(words) => {
                let log = scratch.start(&[], None);
                (log.contains(words) && !log.contains(STARTED)).then_some(()).ok_or(log)
            }
            Start::Former(conversation) => {
                let conversation: Vec<(&str, &str)> = conversation
                    .iter()
                    .map(|(words, keys)| (if *words == FORMER { former } else { words }, *keys))
                    .collect();
                let log = scratch.start(&conversation, None);
                let came_up = log.contains(STARTED) && log.contains(&format!("vm: Linux {former}"));
                came_up.then_some(()).ok_or(log)
            }
        };
        scratch.bring_back(&kept);
        as_expected.map_err(|log| format!("starts otherwise\n{}", log.tail()))
    }
}

/// The machine is started on some of the ways.
fn some_are_real(scratch: &Scratch, ways: &[Way]) {
    packages::require_all();
    let started = ways.iter().filter_map(|way| Some((way, way.starts.as_ref()?)));
    let failed = started.filter_map(|(way, start)| {
        let why = way.start(scratch, start).err()?;
        Some(format!("#### {} {why}", way.name))
    });
    let wrong: Vec<String> = failed.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
