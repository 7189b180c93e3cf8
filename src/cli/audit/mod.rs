//! `bootseal audit`: the whole chain, proven on this machine, for a person, a script, Prometheus or a documentation site.

mod human;
mod json;
mod markdown;
mod prometheus;
mod words;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::audit::{self, Audit, Baseline, Check, Group, LastAudit, Machine, Selection, audit, reason};
use crate::enroll::StoreChoice;
use crate::error::{Error, Explain, Result};
use crate::finding::{Level, Status};
use crate::formats::text::{Shown, printable};
use crate::system::{Context, Powers, Writes, replace_durably};
use crate::ui::{Progress, Report, Style, json_line, render_guarded};

use crate::cli::session::Session;

pub(super) use json::checks as checks_json;

/// Permission bits of reports: everybody may read them.
const PUBLIC: u32 = 0o644;

#[derive(Debug, Args)]
#[command(after_help = "Example: bootseal audit --only firmware,keys\n\n\
    Exit code 0: every check passes, or what it finds is accepted in the baseline. 1: there are findings. 3: there are \
    none, but not everything could be looked at.\n\n\
    An audit without --only is what bootseal status tells of, and is written for Prometheus to the file that [audit] \
    textfile names in the configuration.")]
pub(super) struct Arguments {
    /// Key directory [default: /etc/bootseal/keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Run these checks, or groups of checks, only
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// Leave these checks, or groups of checks, out
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    skip: Vec<String>,
    /// Findings that are accepted, with reason and last day [default: /etc/bootseal/baseline.toml]
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Look at these variables: "live", the raw image or the block device of a virtual machine's (`OVMF_VARS.fd`), or a
    /// directory. Of another machine the checks of the group "firmware" alone are made, unless --only names others
    #[arg(long, value_name = "STORE", default_value = "live")]
    store: StoreChoice,
    /// Compare dbx with this list of revocations too [default: that of the configuration]
    #[arg(long, value_name = "FILE")]
    dbx: Option<PathBuf>,
    /// Form of the report
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    /// Write the report to FILE, which is replaced at once
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// List the checks
    #[arg(long, conflicts_with = "explain")]
    list: bool,
    /// Say what a check proves, and how its findings are mended
    #[arg(long, value_name = "ID")]
    explain: Option<String>,
}

/// The forms of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person
    Human,
    /// One JSON object, as with --json
    Json,
    /// For the textfile collector of Prometheus' node exporter
    Prometheus,
    /// A page for a documentation site
    Markdown,
}

impl Arguments {
    /// The powers that an audit needs: it writes its reports and its record, and nothing else.
    pub(super) fn powers(&self, session: &Session) -> Result<Powers> {
        if self.list || self.explain.is_some() {
            return Ok(Powers::writing(Writes::Nothing));
        }
        let textfile = session.config()?.audit.textfile.map(|file| session.context.path(file));
        Ok(session.writing_files(self.output.iter().chain(&textfile)))
    }
}

pub(super) fn run(session: &Session, arguments: &Arguments) -> Result<Box<dyn Report>> {
    if arguments.list {
        return Ok(Box::new(Explained(audit::all_checks().collect(), false)));
    }
    if let Some(id) = &arguments.explain {
        let check = audit::all_checks().find(|check| check.id == id);
        let unknown = || audit::no_check(id, false);
        return Ok(Box::new(Explained(vec![check.ok_or_else(unknown)?], true)));
    }
    let config = session.config()?;
    let machine = Machine::new(&session.context, &config, session.keys(arguments.keys.as_ref())?);
    let progress = Progress::new("judging", session.quiet);
    let machine = machine.with_dbx(arguments.dbx.clone()).observed_by(&progress);
    let machine = machine.with_firmware(arguments.store.clone());
    let baseline = Baseline::load(&session.context, arguments.baseline.as_deref())?;
    let is_elsewhere = !matches!(arguments.store, StoreChoice::Live) && arguments.only.is_empty();
    let selection = Selection {
        only: if is_elsewhere {
            vec![Group::Firmware.name().to_owned()]
        } else {
            arguments.only.clone()
        },
        skip: arguments.skip.clone(),
    };
    let audit = audit(&machine, &selection, &baseline)?;
    // Without a record the audit is as good; the short form will not know of it.
    if let Err(error) = LastAudit::record(&session.context, &audit, &selection)
        && !session.quiet
    {
        eprintln!(
            "warning: the audit is not recorded for bootseal status: {}",
            printable(&reason(&error))
        );
    }
    let mut report = AuditReport {
        audit,
        format: arguments.format,
        verbose: session.verbose,
        written: arguments.output.clone(),
        unwritten: None,
    };
    if let Some(path) = &arguments.output {
        write(&session.context, path, |out| report.render(out, Style::plain()))?;
    }
    if let Some(path) = config.audit.textfile.as_ref().filter(|_| selection.only.is_empty()) {
        let path = session.context.path(path);
        let written = write(&session.context, &path, |out| prometheus::render(&report.audit, out));
        report.unwritten = written.err();
    }
    Ok(Box::new(report))
}

/// A file that is read at any moment, by `node_exporter` say, is whole at any moment.
fn write(
    context: &Context,
    path: &std::path::Path,
    render: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    let text = render_guarded(render).or_bug(|| "cannot put the report into memory".to_owned())?;
    replace_durably(context, path, &text, PUBLIC)
}

struct AuditReport {
    audit: Audit,
    format: Format,
    verbose: bool,
    written: Option<PathBuf>,
    /// Why the configuration's textfile is still the old one.
    unwritten: Option<Error>,
}

impl AuditReport {
    fn render(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        match self.format {
            Format::Human => human::render(&self.audit, self.verbose, out, style),
            Format::Json => {
                let mut object = json!({ "schema": self.schema() });
                if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), json::audit(&self.audit)) {
                    object.extend(fields);
                }
                writeln!(out, "{}", json_line(&object))
            }
            Format::Prometheus => prometheus::render(&self.audit, out),
            Format::Markdown => markdown::render(&self.audit, self.verbose, out),
        }
    }
}

impl Report for AuditReport {
    fn schema(&self) -> &'static str {
        "bootseal.audit/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json::audit(&self.audit))
    }

    fn human(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        match &self.written {
            Some(path) => {
                let audit = &self.audit;
                let (passed, total) = (audit.count(Status::Pass), audit.checked.len());
                writeln!(out, "{passed} of {total} checks pass: {}", path.shown())
            }
            None => self.render(out, style),
        }
    }

    fn is_document(&self) -> bool {
        !matches!(self.format, Format::Human)
    }

    fn failure(&self) -> Option<Error> {
        let unwritten = self.unwritten.as_ref().map(reason);
        match (self.audit.failure(), unwritten) {
            (Some(failure), Some(unwritten)) => Some(failure.caused_by(unwritten)),
            (failure, unwritten) => failure.or_else(|| unwritten.map(Error::could_not_run)),
        }
    }
}

/// Checks, described.
struct Explained(Vec<&'static Check>, bool);

impl Report for Explained {
    fn schema(&self) -> &'static str {
        "bootseal.audit.checks/1"
    }

    fn json(&self) -> Result<Value> {
        let check = |check: &&Check| {
            json!({
                "id": check.id,
                "group": check.group.name(),
                "title": check.title,
                "level": check.kind.level().name(),
                "proves": check.proves,
                "remedy": check.remedy,
            })
        };
        Ok(json!({ "checks": self.0.iter().map(check).collect::<Vec<_>>() }))
    }

    fn human(&self, out: &mut dyn Write, _style: Style) -> io::Result<()> {
        for check in &self.0 {
            if self.1 {
                let level = match check.kind.level() {
                    Level::Error => "error: the chain does not hold",
                    Level::Warning => "warning: something to look after",
                    Level::Note => "note: something to know",
                };
                writeln!(
                    out,
                    "{}: {}\n\nLevel   {level}\nProves  {}\nRemedy  {}",
                    check.id, check.title, check.proves, check.remedy
                )?;
            } else {
                writeln!(out, "{:26} {}", check.id, check.title)?;
            }
        }
        Ok(())
    }
}
