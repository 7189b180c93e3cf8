//! `bootseal config`: the configuration, as an example and checked; and the example of a ceremony's specification.

use std::io::{self, Write};

use clap::Subcommand;
use serde_json::{Value, json};

use crate::error::Result;
use crate::formats::text::Shown;
use crate::system::config::DEFAULT_CONFIG;
use crate::ui::{Report, Style};

use super::session::Session;

/// The configuration, with all that it can say.
pub(super) const CONFIGURATION: &str = include_str!("../../keys.example/config.toml");
/// The specification of a ceremony, with all that it can say.
pub(super) const SPECIFICATION: &str = include_str!("../../keys.example/ceremony.toml");

/// The specification of a fleet, with what is different there.
const FLEET: &str = include_str!("../../keys.example/fleet.toml");

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a configuration with all that one can say, to be edited
    #[command(after_help = "Example: bootseal config template > config.toml\n\n\
        Lines with #= show what else can be said. Its place is /etc/bootseal/config.toml.")]
    Template,
    /// Read the configuration, and say what is wrong with it
    #[command(after_help = "Example: bootseal --config config.toml config check")]
    Check,
}

pub(super) fn run(session: &Session, command: &Command) -> Result<Box<dyn Report>> {
    match command {
        Command::Template => Ok(Box::new(Template {
            schema: "bootseal.config.template/1",
            text: CONFIGURATION,
        })),
        Command::Check => {
            session.config()?;
            let usual = session.context.place(DEFAULT_CONFIG);
            let path = session.config_path.clone().unwrap_or(usual);
            Ok(Box::new(Checked {
                exists: path.is_file(),
                path: path.shown(),
            }))
        }
    }
}

/// The specification of a ceremony, or of a fleet, to be edited.
pub(super) fn specification(fleet: bool) -> Box<dyn Report> {
    Box::new(Template {
        schema: "bootseal.ceremony.template/1",
        text: if fleet { FLEET } else { SPECIFICATION },
    })
}

struct Template {
    schema: &'static str,
    text: &'static str,
}

impl Report for Template {
    fn schema(&self) -> &'static str {
        self.schema
    }

    fn is_own_text(&self) -> bool {
        true
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({ "template": self.text }))
    }

    fn human(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        out.write_all(self.text.as_bytes())
    }
}

/// A configuration that is understood.
struct Checked {
    path: String,
    exists: bool,
}

impl Report for Checked {
    fn schema(&self) -> &'static str {
        "bootseal.config.check/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({ "path": self.path, "exists": self.exists }))
    }

    fn human(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        if self.exists {
            writeln!(out, "{}: understood", self.path)
        } else {
            writeln!(
                out,
                "there is no {}: all is as without one (bootseal config template)",
                self.path
            )
        }
    }
}
