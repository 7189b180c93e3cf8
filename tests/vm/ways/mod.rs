//! Ways to end up with a machine that does not start, each as a tool or a person brings it about: it is told before the restart,
//! and mended by what the message says. Some of them are started as they are, and all of them once they are mended.

mod grub;
mod machine;
mod systemd_boot;

use std::fmt::Write;
use std::process::Output;

use super::packages;
use crate::support::text;
use machine::Scratch;

/// Said by the guest once its modules have brought it its disk.
const STARTED: &str = "vm: the disk is mounted";
/// Most times that what a remedy says leads to another.
const ROUNDS: usize = 4;

/// A machine that commands are run on.
pub trait Place {
    /// Runs commands, with the words of `functions.sh`.
    fn script(&self, commands: &str) -> Output;
}

/// A way.
pub struct Way {
    name: &'static str,
    /// The commands that lead there.
    breaks: &'static str,
    /// A part of what is said of it.
    told: &'static str,
    /// Advice that nobody can run as it is printed, and the commands of a person who follows it.
    advice: &'static [(&'static str, &'static str)],
    /// True if no command is printed that mends it.
    is_only_told: bool,
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
    pub const fn new(name: &'static str, breaks: &'static str, told: &'static str) -> Self {
        Self {
            name,
            breaks,
            told,
            advice: &[],
            is_only_told: false,
            starts: None,
        }
    }

    pub const fn advised(self, advice: &'static [(&'static str, &'static str)]) -> Self {
        Self { advice, ..self }
    }

    pub const fn only_told(self) -> Self {
        Self {
            is_only_told: true,
            ..self
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

    /// The name of the way.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Breaks the machine, looks, and mends it; all that is wrong with that.
    pub fn told_and_mended(&self, machine: &impl Place) -> Result<(), String> {
        let broken = machine.script(self.breaks);
        if !broken.status.success() {
            return Err(format!("cannot be brought about: {}", text(&broken)));
        }
        let mut status = machine.script("bootseal status");
        let mut said = text(&status);
        if status.status.success() || !said.contains(self.told) {
            return Err(format!("is not told as {:?}\n{said}", self.told));
        }
        if self.is_only_told {
            return Ok(());
        }
        let mut log = said.clone();
        for _ in 0..ROUNDS {
            for remedy in remedies(&said, "fix: ") {
                self.follow(machine, remedy, &mut log);
            }
            status = machine.script("bootseal status");
            said = text(&status);
            log += &said;
            if status.status.success() {
                return Ok(());
            }
        }
        Err(format!("is not mended by what is said\n{log}"))
    }

    /// Runs a remedy, and where it is refused what it says instead.
    fn follow(&self, machine: &impl Place, remedy: &str, log: &mut String) {
        let advice = self.advice.iter().find(|(advice, _)| remedy.contains(advice));
        // Behind words for a person, such as `before the next reboot:`.
        let of_person = [": bootseal ", ": rm "].iter().find_map(|words| remedy.find(words));
        let command = of_person.map_or(remedy, |at| &remedy[at + 2..]);
        let commands = advice.map_or(command, |(_, commands)| commands);
        let output = machine.script(commands);
        let said = text(&output);
        write!(log, "$ {commands}\n{said}").expect("a string takes all");
        if output.status.success() {
            return;
        }
        for hint in remedies(&said, "hint: bootseal ") {
            let output = machine.script(&format!("bootseal {hint}"));
            write!(log, "$ bootseal {hint}\n{}", text(&output)).expect("a string takes all");
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

/// The commands behind a mark in a report, each once.
fn remedies<'a>(said: &'a str, mark: &str) -> Vec<&'a str> {
    let mut remedies = Vec::new();
    for remedy in said.lines().filter_map(|line| line.trim().strip_prefix(mark)) {
        if !remedies.contains(&remedy) {
            remedies.push(remedy);
        }
    }
    remedies
}

/// All ways one after the other; the machine that was mended of all of them starts, by the newest kernel.
fn all_are_told_and_mended(scratch: &Scratch, ways: &[Way]) {
    packages::require_all();
    let mut wrong = Vec::new();
    for way in ways {
        let kept = scratch.keep();
        let is_mended = way.told_and_mended(scratch);
        // Some are mended by starting the other one.
        if is_mended.is_err() || way.is_only_told || !scratch.has_newest_kernel() {
            scratch.bring_back(&kept);
        }
        if let Err(why) = is_mended {
            wrong.push(format!("#### {} {}", way.name, scratch.node.without_root(&why)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        ways.len(),
        wrong.join("\n")
    );
    let log = scratch.start(&[], None);
    log.expect_line(&format!("vm: Linux {}", scratch.kernels[0].release()));
    log.expect_line(STARTED);
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
