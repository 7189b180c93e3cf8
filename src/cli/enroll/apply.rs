//! Carrying out a plan that the user has agreed to.

use std::io::{self, IsTerminal};

use clap::Args;

use crate::cli::session::Session;
use crate::enroll::{self, Plan};
use crate::error::{Error, Explain, Result};
use crate::ui::{Report, Style, print_guarded, prompt};

/// The consent of the user to a plan.
#[derive(Debug, Args)]
pub(in crate::cli) struct Consent {
    /// Apply this plan and no other: the digest that `enroll plan` printed
    #[arg(long, value_name = "DIGEST")]
    pub plan: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Carries a plan out, once the user has agreed to it.
pub(super) fn apply(session: &Session, plan: &Plan, consent: &Consent) -> Result<Box<dyn Report>> {
    plan.check_stops()?;
    if let Some(digest) = &consent.plan {
        plan.check_reviewed(digest)?;
    }
    if consent.plan.is_none() && !consent.yes && !plan.is_done() && !session.context.dry_run() {
        confirm(session, plan)?;
    }
    let applied = enroll::apply(&session.context, plan, || waiting(session))?;
    Ok(Box::new(applied))
}

/// Says that another run has to end first.
pub(in crate::cli) fn waiting(session: &Session) {
    if !session.quiet {
        eprintln!("waiting for another run of bootseal to end");
    }
}

/// Shows the plan on the terminal and waits for a yes.
pub(in crate::cli) fn confirm(session: &Session, plan: &Plan) -> Result<()> {
    if !io::stderr().is_terminal() {
        return Err(Error::usage("nobody is there to confirm the plan")
            .hint("look at it with bootseal enroll plan, then add --plan and the digest that it prints"));
    }
    print_guarded(io::stderr().lock(), plan, Style::plain(), session.same_place.as_ref())
        .or_could_not_run(|| "cannot show the plan".to_owned())?;
    prompt::confirm("Write this to the firmware?")
}
