//! `bootseal setup`: leads through a first machine. It looks and acts by the single commands alone, each a process of its own with
//! that command's powers, and remembers nothing: what is done is found out anew.

mod done;
mod guide;
mod steps;

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::system::process::{Said, run_typed};
use crate::ui::{Report, Style};

use super::session::Session;
use done::Setup;
use guide::Guide;
use steps::{Act, Loader, Step, steps};

#[derive(Debug, Args)]
#[command(after_help = "Example: bootseal setup --print\n\n\
    Shows each command and asks before it runs it; nothing else is done. It can be left at any time: run again, it goes on with \
    the first step that is not done. Exit code 0: every step is done. 1: some are not.")]
pub(super) struct Arguments {
    /// Print the steps and their commands, and which are done; run none
    #[arg(long)]
    print: bool,
    /// The boot loader of this machine [default: the one that it starts next, or GRUB]
    #[arg(long, value_name = "LOADER")]
    loader: Option<Loader>,
}

pub(super) fn run(session: &Session, arguments: &Arguments, only_prints: bool) -> Result<Box<dyn Report>> {
    if session.context.root() != std::path::Path::new("/") || session.config_path.is_some() {
        let text = "setup leads through the machine that it runs on, with its own configuration";
        return Err(Error::usage(text).hint("bootseal setup, without --root and --config"));
    }
    let machine = Seen::now()?;
    let loader = arguments.loader.or(machine.loader).unwrap_or(Loader::Grub);
    let mut setup = Setup::new(steps(loader), machine.kernel, arguments.print || only_prints);
    setup.prove()?;
    if !(setup.shows_commands || setup.is_done()) {
        Guide::new(&setup).lead()?;
        setup.prove()?;
    }
    Ok(Box::new(setup))
}

/// The machine, as `bootseal status` sees it.
struct Seen {
    loader: Option<Loader>,
    kernel: Option<String>,
}

impl Seen {
    fn now() -> Result<Self> {
        let said = run_typed("bootseal --json status", Said::Kept)?;
        let status: Value = serde_json::from_str(said.text.trim()).unwrap_or_default();
        let text = |name: &str| status.get(name).and_then(Value::as_str);
        Ok(Self {
            loader: match text("loader") {
                Some("grub") => Some(Loader::Grub),
                Some("systemd-boot") => Some(Loader::SystemdBoot),
                Some("kernel") => Some(Loader::None),
                _ => None,
            },
            kernel: text("kernel").map(str::to_owned),
        })
    }
}

impl Report for Setup {
    fn schema(&self) -> &'static str {
        "bootseal.setup/1"
    }

    fn json(&self) -> Result<Value> {
        let step = |(number, step, done): (usize, &Step, bool)| {
            let acts = step.acts.iter().map(|act| match act {
                Act::See(command) | Act::Type(command) => json!({ "command": command }),
                Act::Do(text) => json!({ "by_hand": text }),
            });
            json!({
                "number": number,
                "title": step.title,
                "why": step.why,
                "acts": acts.collect::<Vec<_>>(),
                "proof": step.proof,
                "done": done,
            })
        };
        Ok(json!({ "steps": self.numbered().map(step).collect::<Vec<_>>() }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for (number, step, done) in self.numbered() {
            let sign = if done { style.tick() } else { style.note("-") };
            writeln!(out, "{sign} {number}. {}", step.title)?;
            for act in step.acts.iter().filter(|_| self.shows_commands) {
                match act {
                    Act::See(command) | Act::Type(command) => writeln!(out, "    # {command}")?,
                    Act::Do(text) => writeln!(out, "    By hand: {text}.")?,
                }
            }
        }
        Ok(())
    }

    fn failure(&self) -> Option<Error> {
        let open: Vec<String> = self
            .numbered()
            .filter(|step| !step.2)
            .map(|step| step.0.to_string())
            .collect();
        (!open.is_empty())
            .then(|| Error::refused(format!("steps that are not done: {}", open.join(", "))).hint("bootseal setup"))
    }
}
