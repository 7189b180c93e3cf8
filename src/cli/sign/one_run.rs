//! One run of signing, watched on the terminal.

use std::io::IsTerminal;

use crate::cli::session::Session;
use crate::cli::text::name;
use crate::error::Result;
use crate::formats::text::printable;
use crate::sign::{Options, Run, Summary, Vouchers, acceptance};
use crate::ui::{Progress, prompt};

/// Waits for the end of a run that is active, before a key is opened: none is to lie in memory meanwhile.
pub(super) fn wait_for_turn(session: &Session) -> Result<()> {
    Run::wait(&session.context, &Progress::new("signing", session.quiet))
}

/// One run, and a second one for changed files that a person accepts; its keys are open already.
pub(super) fn signed(
    session: &Session,
    options: &Options<'_>,
    accepted: &[String],
    sign: impl Fn(&mut Run<'_>) -> Result<()>,
) -> Result<Summary> {
    let progress = Progress::new("signing", session.quiet);
    session.context.heed_signals()?;
    with_consent(session, accepted, true, |accepted| {
        let options = Options {
            vouchers: Vouchers {
                accepted,
                ..Vouchers::default()
            },
            ..options.clone()
        };
        let mut run = Run::begin(&session.context, &options, &progress)?;
        sign(&mut run)?;
        run.finish()
    })
}

/// Runs, asks on the terminal about files that changed since they were signed, and runs again with those accepted.
pub(in crate::cli) fn with_consent(
    session: &Session,
    accepted: &[String],
    is_by_hand: bool,
    run: impl FnMut(&[String]) -> Result<Summary>,
) -> Result<Summary> {
    acceptance::with_consent(accepted, run, |files| {
        if !is_by_hand || session.context.dry_run() || !std::io::stdin().is_terminal() {
            return Ok(false);
        }
        let mut question = String::from("These files stay unsigned, since nobody vouches for them:\n");
        for (path, reason) in files {
            question.extend(["  ", &name(path), ": ", &printable(reason), "\n"]);
        }
        question.push_str("Sign them all the same?");
        Ok(prompt::confirm(&question).is_ok())
    })
}
