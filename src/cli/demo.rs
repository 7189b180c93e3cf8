//! `bootseal demo`: the whole chain in a temporary directory.

use std::io::{self, Write};

use clap::Args;
use serde_json::{Value, json};

use crate::demo::{self, Demo, Judged};
use crate::error::{Error, Result};
use crate::formats::text::printable;
use crate::ui::{Report, Style};

use super::verify::judgement_json;
use crate::cli::session::Session;

#[derive(Debug, Args)]
#[command(after_help = "Example: bootseal demo\n\nChanges nothing outside a temporary directory, and needs no UEFI.")]
pub(super) struct Arguments {}

pub(super) fn run(_: &Session, _: &Arguments) -> Result<Box<dyn Report>> {
    Ok(Box::new(demo::run()?))
}

impl Report for Demo {
    fn schema(&self) -> &'static str {
        "bootseal.demo/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({
            "steps": self.steps,
            "unsigned": files_json(&self.unsigned),
            "signed": files_json(&self.signed),
            "tampered": files_json(&self.tampered),
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for step in &self.steps {
            writeln!(out, "{} {step}", style.tick())?;
        }
        table(
            out,
            style,
            "Before signing, firmware, kernel and GRUB refuse:",
            &self.unsigned,
        )?;
        table(out, style, "Signed, they accept:", &self.signed)?;
        table(out, style, "With one bit flipped, they refuse:", &self.tampered)
    }

    fn failure(&self) -> Option<Error> {
        self.failure()
    }
}

fn table(out: &mut dyn Write, style: Style, title: &str, files: &[Judged]) -> io::Result<()> {
    writeln!(out, "\n{title}")?;
    for file in files {
        for judgement in &file.judgements {
            let (sign, reason) = match &judgement.verdict {
                Ok(reason) => (style.tick(), reason),
                Err(reason) => (style.cross(), reason),
            };
            writeln!(
                out,
                "  {sign} {:<10} {:<23} {}",
                file.name,
                judgement.kind.title(),
                printable(reason)
            )?;
        }
    }
    Ok(())
}

fn files_json(files: &[Judged]) -> Vec<Value> {
    let json = |file: &Judged| {
        let judgements: Vec<Value> = file.judgements.iter().map(judgement_json).collect();
        json!({ "name": file.name, "accepted": file.is_accepted(), "findings": judgements })
    };
    files.iter().map(json).collect()
}
