//! `bootseal man`: the manual pages, made of the help texts and of the examples of both files that a person writes.

mod example;

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use serde_json::{Value, json};

use crate::cli::session::Session;
use crate::error::{Explain, Result};
use crate::formats::text::Shown;
use crate::system::{self, Powers, Writes};
use crate::ui::{Report, Style};

use super::config::{CONFIGURATION, SPECIFICATION};

/// The day of the release, which every page names.
const RELEASED: &str = "2026-11-27";
/// The manual that the pages are part of.
const MANUAL: &str = "bootseal manual";
/// Permission bits of a page.
const PUBLIC: u32 = 0o644;
/// The line in which help texts give their first example.
const EXAMPLE: &str = "Example: ";

/// Exit codes of every command.
const EXIT_STATUS: [(&str, &str); 5] = [
    ("0", "Done, or all checks passed."),
    ("1", "A finding, or refused for the reason that is stated."),
    ("2", "The command line is wrong."),
    ("3", "It could not run, or could not look."),
    ("70", "A fault in bootseal."),
];
/// The places that bootseal reads and keeps.
const FILES: [(&str, &str); 4] = [
    ("/etc/bootseal/config.toml", "The configuration: bootseal.toml(5)."),
    (
        "/etc/bootseal/keys",
        "The key directory: certificates, signed writes, and the private keys that this machine signs with.",
    ),
    (
        "/etc/bootseal/baseline.toml",
        "Findings of the audit that are accepted.",
    ),
    (
        "/var/lib/bootseal",
        "The ledger of all signatures, and the results of the last hooks and audits.",
    ),
];

#[derive(Debug, Args)]
#[command(after_help = "Example: bootseal man /usr/share/man\n\n\
    It makes man1 and man5 below that directory. Read one without installing it: man ./man1/bootseal.1")]
pub(super) struct Arguments {
    /// Directory of the sections
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Arguments {
    pub(super) fn powers(&self) -> Powers {
        Powers::writing(Writes::Below(vec![self.directory.clone()]))
    }
}

/// A page.
struct Page {
    name: String,
    section: &'static str,
    text: String,
}

/// Writes the pages of the whole command line `tree`.
pub(super) fn run(session: &Session, arguments: &Arguments, tree: clap::Command) -> Result<Box<dyn Report>> {
    let mut tree = tree.disable_help_subcommand(true);
    tree.build();
    let mut pages = Vec::new();
    of_command(&tree, &mut pages).or_bug(|| "cannot make a manual page".to_owned())?;
    for (name, about, text) in [
        ("bootseal.toml", "configuration of bootseal", CONFIGURATION),
        (
            "ceremony.toml",
            "specification of a key ceremony of bootseal",
            SPECIFICATION,
        ),
    ] {
        pages.push(Page {
            name: name.to_owned(),
            section: "5",
            text: tidy(&file_page(name, about, text)),
        });
    }
    let mut written = Vec::new();
    for page in &pages {
        let directory = arguments.directory.join(format!("man{}", page.section));
        system::create_dir(&session.context, &directory)?;
        let path = directory.join(format!("{}.{}", page.name, page.section));
        if !session.context.dry_run() {
            system::replace_durably(&session.context, &path, page.text.as_bytes(), PUBLIC)?;
        }
        written.push(path.shown());
    }
    Ok(Box::new(Written(written)))
}

/// The pages of a command and of those below it.
fn of_command(command: &clap::Command, pages: &mut Vec<Page>) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        of_command(below, pages)?;
    }
    let name = command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
        .to_owned();
    let is_whole = !name.contains('-');
    let page = Man::new(command.clone().version(env!("CARGO_PKG_VERSION")))
        .title(name.to_uppercase())
        .date(RELEASED)
        .source(concat!("bootseal ", env!("CARGO_PKG_VERSION")))
        .manual(MANUAL);
    let mut bytes = Vec::new();
    page.render_title(&mut bytes)?;
    page.render_name_section(&mut bytes)?;
    page.render_synopsis_section(&mut bytes)?;
    page.render_description_section(&mut bytes)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut bytes)?;
    }
    page.render_options_section(&mut bytes)?;
    let mut roff = Roff::new();
    if let Some(help) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        notes(&mut roff, &help.to_string());
    }
    roff.control("SH", ["EXIT STATUS"]);
    listed(&mut roff, &EXIT_STATUS);
    if is_whole {
        roff.control("SH", ["FILES"]);
        listed(&mut roff, &FILES);
    }
    see_also(&mut roff, command, &name);
    bytes.extend(roff.to_roff().into_bytes());
    pages.push(Page {
        name,
        section: "1",
        text: tidy(&String::from_utf8_lossy(&bytes)),
    });
    Ok(())
}

/// The end of a help text, behind the options: examples, each command as it is typed, and paragraphs.
fn notes(roff: &mut Roff, help: &str) {
    let title = if help.starts_with(EXAMPLE) { "EXAMPLES" } else { "NOTES" };
    roff.control("SH", [title]);
    for line in help.lines() {
        let typed = line.strip_prefix(EXAMPLE).or_else(|| line.strip_prefix("  "));
        if let Some(command) = typed {
            roff.control("PP", []);
            roff.control("RS", ["4"]);
            roff.text([bold(command.trim_start())]);
            roff.control("RE", []);
        } else if line.is_empty() {
            roff.control("PP", []);
        } else {
            roff.text([roman(line)]);
        }
    }
}

fn listed(roff: &mut Roff, entries: &[(&str, &str)]) {
    for (name, text) in entries {
        roff.control("TP", ["4"]);
        roff.text([bold(*name)]);
        roff.text([roman(*text)]);
    }
}

fn see_also(roff: &mut Roff, command: &clap::Command, name: &str) {
    let below = command.get_subcommands().filter(|below| !below.is_hide_set());
    let below = below.map(|below| format!("{name}-{}(1)", below.get_name()));
    let above = name.rsplit_once('-').map(|(above, _)| format!("{above}(1)"));
    let files = ["bootseal.toml(5)", "ceremony.toml(5)"].map(str::to_owned);
    let names: Vec<String> = above.into_iter().chain(below).chain(files).collect();
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(names.join(", "))]);
}

/// The page in section 5 of a file that a person writes.
fn file_page(name: &str, about: &str, example: &str) -> String {
    let mut roff = Roff::new();
    let source = concat!("bootseal ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", [name.to_uppercase().as_str(), "5", RELEASED, source, MANUAL]);
    roff.control("SH", ["NAME"]);
    roff.text([roman(format!("{name} - {about}"))]);
    roff.control("SH", ["DESCRIPTION"]);
    example::describe(&mut roff, example);
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman("bootseal(1), bootseal-config(1)")]);
    roff.to_roff()
}

/// A page without breaks that have no effect: a paragraph behind a heading or another one, a break beside a space.
fn tidy(page: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in page.lines() {
        let before = lines.last().copied().unwrap_or_default();
        match line {
            ".PP" if before == ".PP" || before.starts_with(".SH") || before.starts_with(".SS") => {}
            ".br" if before == ".sp" => {}
            "" if before == ".br" => {
                lines.pop();
                lines.push(".sp");
            }
            _ => lines.push(line),
        }
    }
    lines.join("\n") + "\n"
}

/// The pages that were written.
struct Written(Vec<String>);

impl Report for Written {
    fn schema(&self) -> &'static str {
        "bootseal.man/1"
    }

    fn json(&self) -> Result<Value> {
        Ok(json!({ "written": self.0 }))
    }

    fn human(&self, out: &mut dyn Write, _: Style) -> io::Result<()> {
        self.0.iter().try_for_each(|path| writeln!(out, "wrote {path}"))
    }
}
