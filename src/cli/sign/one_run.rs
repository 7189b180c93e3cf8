//! One run of signing, watched on the terminal.

use crate::cli::session::Session;
use crate::error::Result;
use crate::sign::{Options, Run, Summary};
use crate::ui::Progress;

/// One run; its keys are open already, so that nobody is asked in the middle of it.
pub(super) fn signed(
    session: &Session,
    options: &Options,
    sign: impl FnOnce(&mut Run<'_>) -> Result<()>,
) -> Result<Summary> {
    let progress = Progress::new("signing", session.quiet);
    session.context.heed_signals()?;
    let mut run = Run::begin(&session.context, options, &progress)?;
    sign(&mut run)?;
    run.finish()
}
