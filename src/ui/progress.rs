//! The progress of a long run, on stderr, for whoever watches a terminal.

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::ceremony::preflight::Check;
use crate::finding::{Finding, Status};
use crate::formats::text::printable;
use crate::sign::Observer;

/// Shortest work that is shown.
const PATIENCE: Duration = Duration::from_secs(1);
/// The template of files: how far, how fast, and how long still.
const FILES: &str = "{msg} [{bar:30}] {pos}/{len} files, {rate}, {eta} left";
/// The template of the stages of longer work.
const STAGE: &str = "{msg}";

/// A line for work over a second; nothing at all where stderr is no terminal.
#[derive(Debug)]
pub struct Progress {
    verb: &'static str,
    is_shown: bool,
    says_waiting: bool,
    began: OnceLock<Instant>,
    line: Arc<Mutex<Option<ProgressBar>>>,
}

impl Progress {
    /// The progress of a command that does this to files, and prints for people, or not.
    #[must_use]
    pub fn new(verb: &'static str, is_quiet: bool) -> Self {
        Self {
            verb,
            is_shown: !is_quiet && io::stderr().is_terminal(),
            says_waiting: !is_quiet,
            began: OnceLock::new(),
            line: Arc::default(),
        }
    }

    /// Shows a part of the work that is a single thing, until it is [done](Self::done).
    pub fn working(&self, text: &'static str) {
        self.show(|| hidden(1, STAGE).with_message(text));
    }

    /// Takes the line away, so that something else can be printed.
    pub fn done(&self) {
        clear(&mut locked(&self.line));
    }

    /// Puts a line in the place of the one before: at once if the work takes over a second already, or as soon as it does.
    fn show(&self, new: impl FnOnce() -> ProgressBar) {
        if !self.is_shown {
            return;
        }
        let is_first = self.began.get().is_none();
        let is_long = self.began.get_or_init(Instant::now).elapsed() > PATIENCE;
        let bar = new();
        let mut line = locked(&self.line);
        clear(&mut line);
        if is_long {
            draw(&bar);
        }
        *line = Some(bar);
        if is_first {
            let line = Arc::clone(&self.line);
            thread::spawn(move || {
                thread::sleep(PATIENCE);
                locked(&line).as_ref().map(draw);
            });
        }
    }
}

fn locked(line: &Mutex<Option<ProgressBar>>) -> MutexGuard<'_, Option<ProgressBar>> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

fn draw(bar: &ProgressBar) {
    bar.set_draw_target(ProgressDrawTarget::stderr());
    bar.tick();
}

fn clear(line: &mut Option<ProgressBar>) {
    if let Some(bar) = line.take() {
        bar.finish_and_clear();
    }
}

/// A line that is not shown yet.
fn hidden(length: usize, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::hidden());
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
            // What does not fit the line is left out.
            let _ = write!(out, "{:.0}/s", state.per_sec());
        };
        bar.set_style(style.with_key("rate", rate).progress_chars("=> "));
    }
    bar
}

impl Observer for Progress {
    fn waiting(&self) {
        if self.says_waiting {
            eprintln!("another bootseal is signing files; waiting for its end");
        }
    }

    fn stage(&self, title: &str, number: usize, all: usize) {
        self.show(|| hidden(all, STAGE).with_message(format!("{} {number} of {all}: {title}", self.verb)));
    }

    fn begin(&self, kind: &'static str, files: usize, _bytes: u64) {
        if files > 0 {
            self.show(|| hidden(files, FILES).with_message(format!("{} {kind}", self.verb)));
        }
    }

    fn advance(&self, _bytes: u64) {
        if let Some(bar) = locked(&self.line).as_ref() {
            bar.inc(1);
        }
    }

    fn end(&self) {
        self.done();
    }
}

/// The steps of a ceremony, for whoever watches a terminal, and the shortcomings of the machine, for everybody.
#[derive(Debug, Clone, Copy)]
pub struct CeremonyProgress {
    is_quiet: bool,
}

impl CeremonyProgress {
    /// The progress of a command that prints for people, or not.
    #[must_use]
    pub const fn new(is_quiet: bool) -> Self {
        Self { is_quiet }
    }

    /// Prints the reason and the remedy of a check, unless it passed.
    pub fn looked(self, check: &Check) {
        if self.is_quiet || check.status == Status::Pass {
            return;
        }
        eprintln!("warning: {}: {}", check.id.name(), printable(&check.reason));
        if let Some(remedy) = &check.remedy {
            eprintln!("hint: {}", printable(remedy));
        }
    }

    /// Prints an oddity of a certificate that is imported.
    pub fn found(self, finding: &Finding) {
        if !self.is_quiet {
            let (key, check) = (&finding.subject, finding.kind.name());
            let text = printable(&finding.text);
            eprintln!("warning: the imported {key} certificate: {check}: {text}");
        }
    }

    /// Prints the step that comes now.
    pub fn step(self, text: &str) {
        if !self.is_quiet && io::stderr().is_terminal() {
            eprintln!("… {}", printable(text));
        }
    }
}
