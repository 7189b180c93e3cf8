//! `bootseal enroll export`: the public half of a key directory, for other programs.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::session::Session;
use crate::enroll;
use crate::error::Result;
use crate::formats::text::Shown;
use crate::keys::KeyDirectory;
use crate::system::Powers;
use crate::ui::{Report, Style};

#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    /// Directory for the files; none of them may be there yet
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Key directory [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Also noPK.auth, with which anybody can take the platform key out of every board that has it
    #[arg(long)]
    with_removal: bool,
}

impl Export {
    /// The powers to write the files.
    pub(super) fn powers(&self, session: &Session) -> Powers {
        session.writing_files([&self.directory])
    }

    pub(super) fn run(&self, session: &Session) -> Result<Box<dyn Report>> {
        let keys = KeyDirectory::open(&session.keys(self.keys.as_ref())?)?.below(session.context.root());
        Ok(Box::new(Exported {
            directory: self.directory.clone(),
            files: enroll::export(&session.context, &keys, &self.directory, self.with_removal)?,
            dry_run: session.context.dry_run(),
        }))
    }
}

struct Exported {
    directory: PathBuf,
    files: Vec<PathBuf>,
    dry_run: bool,
}

impl Report for Exported {
    fn schema(&self) -> &'static str {
        "bootseal.enroll.export/1"
    }

    fn json(&self) -> Result<Value> {
        let files: Vec<String> = self.files.iter().map(|file| file.shown()).collect();
        Ok(json!({
            "directory": self.directory.shown(),
            "files": files,
            "dry_run": self.dry_run,
        }))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        for file in &self.files {
            let path = self.directory.join(file);
            writeln!(out, "{} {}", style.tick(), path.shown())?;
        }
        Ok(())
    }
}
