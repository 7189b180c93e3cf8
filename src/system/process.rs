//! Programs of other projects, run to their end, without a terminal, in the language C.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;

/// The programs that bootseal starts, all of them GRUB's, by their names.
pub const PROGRAMS: [&str; 4] = [GRUB_MKIMAGE, GRUB2_MKIMAGE, GRUB_PROBE, GRUB_MKRELPATH];
/// It makes core images.
pub const GRUB_MKIMAGE: &str = "grub-mkimage";
/// The same, as distributions have it that had GRUB Legacy beside it.
pub const GRUB2_MKIMAGE: &str = "grub2-mkimage";
/// It finds the file system and the devices below a directory.
pub const GRUB_PROBE: &str = "grub-probe";
/// It finds a directory's path on its file system.
pub const GRUB_MKRELPATH: &str = "grub-mkrelpath";

/// Runs one of [`PROGRAMS`], looked for on PATH, or one at a path in its place; returns its standard output.
pub fn output<I: AsRef<OsStr>>(program: &Path, arguments: impl IntoIterator<Item = I>) -> Result<String> {
    let cannot = || format!("cannot run {}", program.shown());
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output();
    let output = match output {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Error::could_not_run(format!("there is no program {}", program.shown())));
        }
        output => output.or_could_not_run(cannot)?,
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim();
        let ended = format!("it ended with {}", output.status);
        let reason = if said.is_empty() {
            ended
        } else {
            format!("{ended}: {said}")
        };
        return Err(Error::could_not_run(format!("{} failed", program.shown())).caused_by(reason));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The place of what a typed command says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The terminal, to which it also has access for questions.
    Terminal,
    /// The result; of standard output alone.
    Kept,
}

/// The end of a typed command.
#[derive(Debug)]
pub struct Ended {
    /// True if it ended with 0.
    pub success: bool,
    /// Its standard output, where that is kept.
    pub text: String,
}

/// Runs a command as a person types it, by sh(1), in which `bootseal` is the running program. It has all powers of this process.
pub fn run_typed(command: &str, said: Said) -> Result<Ended> {
    let cannot = || format!("cannot run {command}");
    let program = std::env::current_exe().or_could_not_run(cannot)?;
    let mut shell = Command::new("/bin/sh");
    shell
        .arg("-c")
        .arg(format!("bootseal() {{ \"$0\" \"$@\"; }}\n{command}"))
        .arg(program);
    if said == Said::Terminal {
        let status = shell.status().or_could_not_run(cannot)?;
        return Ok(Ended {
            success: status.success(),
            text: String::new(),
        });
    }
    let output = shell.stdin(Stdio::null()).output().or_could_not_run(cannot)?;
    Ok(Ended {
        success: output.status.success(),
        text: String::from_utf8_lossy(&output.stdout).into_owned(),
    })
}
