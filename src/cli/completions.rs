//! `bootseal completions`: the script with which a shell completes our command lines.

use std::io::{self, Write};

use clap::Args;
use clap_complete::Shell;
use serde_json::{Value, json};

use crate::error::Result;
use crate::ui::{Report, Style};

#[derive(Debug, Args)]
#[command(after_help = "Example: bootseal completions bash\n\n\
    Into a file, for all users:\n  \
    bootseal completions bash > /usr/share/bash-completion/completions/bootseal\n  \
    bootseal completions zsh > /usr/share/zsh/site-functions/_bootseal\n  \
    bootseal completions fish > /usr/share/fish/vendor_completions.d/bootseal.fish")]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Writes the completions of the whole command line `tree`.
pub(super) fn run(arguments: &Arguments, mut tree: clap::Command) -> Box<dyn Report> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut tree, "bootseal", &mut script);
    Box::new(Completions {
        shell: arguments.shell,
        script,
    })
}

struct Completions {
    shell: Shell,
    script: Vec<u8>,
}

impl Report for Completions {
    fn schema(&self) -> &'static str {
        "bootseal.completions/1"
    }

    fn is_own_text(&self) -> bool {
        true
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({ "shell": self.shell.to_string(), "script": String::from_utf8_lossy(&self.script) }))
    }

    fn human(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        out.write_all(&self.script)
    }
}
