//! The progress of a long run, on stderr, for whoever watches a terminal.

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use crate::ceremony::preflight::Check;
use crate::finding::{Finding, Status};
use crate::formats::text::printable;
use crate::sign::Observer;

/// Shortest work that is shown with a bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// The bar's template: how far, how fast, and how long still.
const TEMPLATE: &str = "{msg} [{bar:30}] {pos}/{len} files, {rate}, {eta} left";

/// A bar for work over a second; nothing at all where stderr is no terminal.
#[derive(Debug)]
pub struct Progress {
    verb: &'static str,
    is_shown: bool,
    says_waiting: bool,
    bar: Mutex<Option<Bar>>,
}

#[derive(Debug)]
struct Bar {
    bar: ProgressBar,
    began: Instant,
}

impl Progress {
    /// The progress of a command that does this to files, and prints for people, or not.
    #[must_use]
    pub fn new(verb: &'static str, is_quiet: bool) -> Self {
        Self {
            verb,
            is_shown: !is_quiet && io::stderr().is_terminal(),
            says_waiting: !is_quiet,
            bar: Mutex::new(None),
        }
    }

    fn bar(&self, use_it: impl FnOnce(&mut Option<Bar>)) {
        use_it(&mut self.bar.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Observer for Progress {
    fn waiting(&self) {
        if self.says_waiting {
            eprintln!("another bootseal is signing files; waiting for its end");
        }
    }

    fn begin(&self, kind: &'static str, files: usize, _bytes: u64) {
        if !self.is_shown || files == 0 {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(files as u64), ProgressDrawTarget::hidden());
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
                // What does not fit the line is left out.
                let _ = write!(out, "{:.0}/s", state.per_sec());
            };
            bar.set_style(style.with_key("rate", rate).progress_chars("=> "));
        }
        bar.set_message(format!("{} {kind}", self.verb));
        let began = Instant::now();
        self.bar(|slot| *slot = Some(Bar { bar, began }));
    }

    fn advance(&self, _bytes: u64) {
        if !self.is_shown {
            return;
        }
        self.bar(|slot| {
            let Some(Bar { bar, began }) = slot else { return };
            bar.inc(1);
            if bar.is_hidden() && began.elapsed() > PATIENCE {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
        });
    }

    fn end(&self) {
        self.bar(|slot| {
            if let Some(Bar { bar, .. }) = slot.take() {
                bar.finish_and_clear();
            }
        });
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
