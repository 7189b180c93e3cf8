//! Programs of other projects, run to their end, without a terminal, in the language C.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Explain, Result};
use crate::formats::text::Shown;

/// Runs a program, looked for on PATH unless it is a path; returns its standard output.
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
