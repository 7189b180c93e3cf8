//! The questions of a ceremony without a specification, in plain words. The answers become one, which is kept.

use std::path::PathBuf;

use crate::ceremony::{Answers, Plan, Spec};
use crate::error::{Error, Explain, Result, quoted};
use crate::formats::text::printable;
use crate::system::NewFile;
use crate::ui::{Style, print_guarded, prompt};

use super::report::Planned;
use crate::cli::session::Session;

/// The answer that says that there is none.
const NONE: &str = "-";

/// Asks until the answers make a ceremony, shows its plan, and keeps the specification.
pub(super) fn ask(session: &Session) -> Result<Spec> {
    eprintln!("This makes the keys that decide what your machines boot. Nothing is made before you say yes.\n");
    let name = prompt::question("Whose keys are they? The name begins every certificate", "home")?;
    let node = prompt::question("Directory for the keys of the machine that signs", "/root/ceremony")?;
    eprintln!("PK and KEK change what the firmware trusts. They are best kept apart: on a stick, in a drawer.");
    let offline = prompt::question(
        "Directory for PK and KEK, on a stick (- to keep them with the others)",
        "-",
    )?;
    eprintln!(
        "A hook that signs each new kernel with nobody there needs db, module and GRUB keys without a passphrase."
    );
    let plain = yes("Leave these three unencrypted (mode 0400)?", true)?;
    eprintln!(
        "Microsoft\'s certificates let in Windows, other systems\' boot loaders and the Option ROMs of graphics cards."
    );
    let microsoft = prompt::question("Which: default, none, or names as default,windows-2023", "default")?;
    let backup = prompt::question("Directory for the backup (- for none)", NONE)?;
    let shares = if backup == NONE {
        NONE.to_owned()
    } else {
        eprintln!("The backup is under your passphrase, or under shares that you give to several people.");
        prompt::question("Shares, as 2/3 for any two of three (- for the passphrase)", NONE)?
    };
    let answers = Answers {
        name,
        node,
        offline: unless_none(offline),
        plain,
        microsoft,
        backup: unless_none(backup),
        shares: unless_none(shares),
    };
    let text = answers.specification()?;
    let file = PathBuf::from(prompt::question("File to keep these answers in", "ceremony.toml")?);
    NewFile {
        path: &file,
        bytes: text.as_bytes(),
        mode: 0o644,
    }
    .create(&session.context)
    .map_err(|error| {
        error.hint(format!(
            "to use the answers that are there: bootseal ceremony run {}",
            quoted(&file)
        ))
    })?;
    let spec = Spec::load(&file)?;
    let planned = Planned {
        plan: Plan::new(&session.context, &spec)?,
        checks: Vec::new(),
    };
    eprintln!();
    print_guarded(std::io::stderr().lock(), &planned, Style::plain())
        .or_could_not_run(|| "cannot show the plan".to_owned())?;
    let again = format!("bootseal ceremony run {}", quoted(&file));
    prompt::confirm("Hold the ceremony?").map_err(|error| error.hint(&again))?;
    eprintln!("If it is cut short, this goes on: {}", printable(&again));
    Ok(spec)
}

fn yes(question: &str, suggestion: bool) -> Result<bool> {
    let suggestion = if suggestion { "yes" } else { "no" };
    match prompt::question(question, suggestion)?.to_lowercase().as_str() {
        "yes" | "y" => Ok(true),
        "no" | "n" => Ok(false),
        other => Err(Error::usage(format!("\"{}\" is neither yes nor no", printable(other)))),
    }
}

/// An answer, unless it says that there is none.
fn unless_none(answer: String) -> Option<String> {
    (answer != NONE).then_some(answer)
}
