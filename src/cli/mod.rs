//! Layer 4: the command line. Each command turns arguments into an operation and its result into a report.

mod audit;
mod ceremony;
mod completions;
mod config;
mod demo;
mod enroll;
mod grub;
mod hook;
mod kernel_config;
mod keys;
mod ledger;
mod man;
mod next_start;
mod session;
mod setup;
mod sign;
mod status;
mod text;
mod transcript_end;
mod unlock;
mod verify;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::error::{Error, Result};
use crate::formats::text::{Shown, is_hidden};
use crate::system::{Confinement, Context, Powers, Writes, confine, keep_others_from_writing};
use crate::ui::{ColorChoice, Output, Report, SamePlace, Style, render_guarded};

use session::Session;

/// Own the verified boot chain of this machine: keys, firmware variables, kernel, modules and GRUB.
#[derive(Debug, Parser)]
#[command(
    name = "bootseal",
    version,
    long_version = text::version(),
    arg_required_else_help = true,
    disable_help_subcommand = false,
    args_override_self = true
)]
pub struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// The options that every command takes.
#[allow(clippy::struct_excessive_bools)] // each is a flag of its own on the command line
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
struct Globals {
    /// Configuration file [default: /etc/bootseal/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Take DIR for / in every path that bootseal or its configuration names
    #[arg(long, global = true, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
    /// Print errors only
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Say more: also what needed nothing to be done
    #[arg(long, short, global = true)]
    verbose: bool,
    /// When to use colors
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
    /// Show what would be done; change nothing
    #[arg(long, global = true)]
    dry_run: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Go through a first machine, step by step
    Setup(setup::Arguments),
    /// Make the keys, once
    #[command(subcommand)]
    Ceremony(ceremony::Command),
    /// See the keys, export them, change their passphrase
    #[command(subcommand)]
    Keys(keys::Command),
    /// Put the keys into the firmware
    #[command(subcommand)]
    Enroll(enroll::Command),
    /// Sign kernels, modules and GRUB's files
    #[command(subcommand)]
    Sign(sign::Command),
    /// Build and install a GRUB that enforces signatures
    #[command(subcommand)]
    Grub(grub::Command),
    /// Show the state of firmware, next boot, kernel, keys and hooks on one screen
    Status(status::Arguments),
    /// Prove every link of the chain on this machine, or say which does not hold
    Audit(audit::Arguments),
    /// Say who signed a file, and whether firmware, kernel or GRUB would accept it
    Verify(verify::Arguments),
    /// Have every kernel signed as it is installed
    #[command(subcommand)]
    Hook(hook::Command),
    /// Show every signature that was made on this machine, or prove that the record of them holds
    Ledger(ledger::Arguments),
    /// Print a configuration to be edited, or check the one that is there
    #[command(subcommand)]
    Config(config::Command),
    /// Print the completions for a shell
    Completions(completions::Arguments),
    /// Write the manual pages
    Man(man::Arguments),
    /// Print the options that the chain needs of a kernel, or check a kernel's configuration
    KernelConfig(kernel_config::Arguments),
    /// Walk the whole chain in a temporary directory
    Demo(demo::Arguments),
}

impl Command {
    /// Checks that there is a root to look at: below a directory that is not there nothing is wrong.
    fn check_root(&self, context: &Context) -> Result<()> {
        if matches!(self, Self::Completions(_)) || context.root().is_dir() {
            return Ok(());
        }
        let text = format!("there is no directory {} to take for /", context.root().shown());
        Err(Error::could_not_run(text)
            .hint("mount the machine's root file system there, or name its place with --root DIR"))
    }

    /// Confines the process to what the command needs.
    fn confine(&self, session: &Session) -> Result<Confinement> {
        let nothing = Powers::writing(Writes::Nothing);
        let powers = match self {
            Self::Ceremony(command) => command.powers(),
            Self::Keys(command) => command.powers(session)?,
            Self::Enroll(command) => command.powers(session)?,
            Self::Sign(command) => command.powers(session)?,
            Self::Grub(command) => command.powers(session)?,
            Self::Audit(arguments) => arguments.powers(session)?,
            Self::Hook(command) => command.powers(session)?,
            Self::KernelConfig(arguments) => arguments.powers(session),
            Self::Man(arguments) => arguments.powers(),
            Self::Demo(_) => Powers::writing(Writes::Below(vec![std::env::temp_dir()])),
            // It reads nothing itself, and a process that it starts has at most its powers.
            Self::Setup(_) => return Ok(Confinement::default()),
            Self::Status(_) | Self::Verify(_) | Self::Ledger(_) | Self::Config(_) | Self::Completions(_) => nothing,
        };
        let confinement = confine(&session.context, &powers)?;
        if session.verbose && !session.quiet && !confinement.is_whole() {
            eprintln!("warning: {confinement}");
        }
        Ok(confinement)
    }
}

/// Runs the program with the process's arguments; returns the exit code.
#[must_use]
pub fn main() -> u8 {
    // Keys and passphrases pass through this process; where the kernel cannot forbid it, `ceremony plan` says so.
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    keep_others_from_writing();
    let mut tree = Cli::command();
    let parsed = tree.try_get_matches_from_mut(std::env::args_os()).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut tree))?;
        Ok((cli, SamePlace::named(Cli::command(), &matches)))
    });
    let (cli, same_place) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return usage(&error),
    };
    let globals = cli.globals;
    let session = Session {
        context: Context::host().with_root(globals.root).with_dry_run(globals.dry_run),
        config_path: globals.config,
        verbose: globals.verbose,
        quiet: globals.quiet || globals.json,
        same_place,
    };
    let output = Output {
        json: globals.json,
        quiet: globals.quiet,
        style: Style::choose(globals.color, &io::stdout()),
        error_style: Style::choose(globals.color, &io::stderr()),
        same_place: session.same_place.as_ref(),
    };
    if let Err(error) = cli.command.check_root(&session.context) {
        return output.error(&error);
    }
    let confinement = match cli.command.confine(&session) {
        Ok(confinement) => confinement,
        Err(error) => return output.error(&error),
    };
    let report: Result<Box<dyn Report>> = match cli.command {
        Command::Setup(arguments) => setup::run(&session, &arguments, globals.json || globals.dry_run),
        Command::Ceremony(command) => ceremony::run(&session, command),
        Command::Keys(command) => keys::run(&session, command),
        Command::Enroll(command) => enroll::run(&session, command),
        Command::Sign(command) => sign::run(&session, command),
        Command::Grub(command) => grub::run(&session, command),
        Command::Status(arguments) => status::run(&session, &arguments, confinement),
        Command::Audit(arguments) => audit::run(&session, &arguments),
        Command::Verify(arguments) => verify::run(&session, &arguments),
        Command::Hook(command) => hook::run(&session, command),
        Command::Ledger(arguments) => ledger::run(&session, &arguments),
        Command::Config(command) => config::run(&session, &command),
        Command::Completions(arguments) => Ok(completions::run(&arguments, Cli::command())),
        Command::Man(arguments) => man::run(&session, &arguments, Cli::command()),
        Command::KernelConfig(arguments) => kernel_config::run(&session, &arguments),
        Command::Demo(arguments) => demo::run(&session, &arguments),
    };
    match report {
        Ok(report) => output.report(report.as_ref()),
        Err(error) => output.error(&error),
    }
}

/// Help and version are results, the rest are usage errors; clap knows which stream each takes.
fn usage(error: &clap::Error) -> u8 {
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let message: Vec<&str> = text
            .lines()
            .map(str::trim)
            .take_while(|line| !line.is_empty())
            .collect();
        let message = message.join(" ");
        let message = message.strip_prefix("error: ").unwrap_or(&message);
        return Output::json().error(&Error::usage(message).hint("bootseal help"));
    }
    let text = error.to_string();
    // When the stream is closed, nobody reads what could be said about that.
    let _ = if error.use_stderr() && std::env::args_os().any(|argument| has_hidden(&argument)) {
        let render = |out: &mut dyn Write| out.write_all(text.as_bytes());
        render_guarded(render).and_then(|text| io::stderr().lock().write_all(&text))
    } else {
        error.print()
    };
    u8::try_from(error.exit_code()).unwrap_or(2)
}

/// True if an argument cannot be printed as it is: a shell puts names of files there.
fn has_hidden(argument: &OsStr) -> bool {
    argument.to_str().is_none_or(|text| text.contains(is_hidden))
}
