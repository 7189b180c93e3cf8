//! A program that prints a secret: systemd-creds, `tpm2_unseal`, clevis. It is started without a shell, a terminal or the
//! environment of the caller, and its output is in no message.

use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process_group};
use zeroize::Zeroizing;

use crate::error::{Error, Explain, Result};
use crate::formats::text::{Shown, printable};

use super::context::Context;
use super::ownership::check_ours;

/// Most that is taken of the output, in bytes.
const MAX_SECRET: usize = 4096;
/// Most that is told of what it said on its standard error, in bytes.
const MAX_SAID: usize = 2048;
/// The time that it has, in seconds: a TPM takes some, and there is no one to wait for.
const SECONDS: u64 = 60;
/// Longest wait between two looks at whether this process was told to end.
const PAUSE: Duration = Duration::from_millis(100);
/// The directories that the program finds others in.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a program, which must be ours alone, to its end; returns what it printed, at most 4096 bytes. It has a minute.
pub fn secret_of(context: &Context, program: &Path, arguments: &[String]) -> Result<Zeroizing<Vec<u8>>> {
    within(context, program, arguments, Duration::from_secs(SECONDS))
}

fn within(context: &Context, program: &Path, arguments: &[String], time: Duration) -> Result<Zeroizing<Vec<u8>>> {
    let shown = program.shown();
    if !program.is_absolute() {
        return Err(Error::usage(format!("{shown} is no path from / on")));
    }
    check_ours(program)?;
    let child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .or_could_not_run(|| format!("cannot run {shown}"))?;
    let mut running = Running(child);
    let deadline = Instant::now() + time;
    let mut said = Vec::new();
    let printed = running.read(context, deadline, &mut said);
    let told = |error: Error| {
        let said = String::from_utf8_lossy(&said);
        match said.trim() {
            "" => error,
            said => error.caused_by(printable(said)),
        }
    };
    let failed = |reason: String| told(Error::could_not_run(format!("{shown} {reason}")));
    let printed = match printed {
        Ok(printed) => printed,
        Err(Stopped::Late) => return Err(failed(format!("did not end within {} s", time.as_secs_f32()))),
        Err(Stopped::Long) => {
            return Err(failed(format!(
                "printed more than {MAX_SECRET} bytes, so no passphrase"
            )));
        }
        Err(Stopped::Other(error)) => return Err(error),
    };
    match running.end(context, deadline)? {
        None => Err(failed(format!("did not end within {} s", time.as_secs_f32()))),
        Some(status) if !status.success() => Err(failed(format!("failed: it ended with {status}"))),
        Some(_) => Ok(printed),
    }
}

/// The reasons for which no output is taken.
enum Stopped {
    Late,
    Long,
    Other(Error),
}

/// A program that is ended, with all that it started, when nobody waits for it any more.
struct Running(Child);

impl Running {
    /// Reads both of its outputs to their ends.
    fn read(
        &mut self,
        context: &Context,
        deadline: Instant,
        said: &mut Vec<u8>,
    ) -> std::result::Result<Zeroizing<Vec<u8>>, Stopped> {
        let cannot = |error: std::io::Error| {
            Stopped::Other(Error::could_not_run("cannot read what the program prints").caused_by(error))
        };
        let (mut output, mut errors) = (self.0.stdout.take(), self.0.stderr.take());
        // Room for all of it from the start: a buffer that grows leaves copies behind.
        let mut printed = Zeroizing::new(Vec::with_capacity(MAX_SECRET));
        let mut piece = Zeroizing::new([0_u8; 512]);
        while output.is_some() || errors.is_some() {
            context.check_interrupted().map_err(Stopped::Other)?;
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Stopped::Late);
            }
            let (from_output, from_errors) =
                ready(output.as_ref(), errors.as_ref(), left.min(PAUSE)).map_err(|errno| cannot(errno.into()))?;
            if let Some(pipe) = output.as_mut().filter(|_| from_output) {
                let count = pipe.read(piece.as_mut_slice()).map_err(cannot)?;
                let taken = piece.get(..count).unwrap_or_default();
                if printed.len() + count > MAX_SECRET {
                    return Err(Stopped::Long);
                }
                printed.extend_from_slice(taken);
                if count == 0 {
                    output = None;
                }
            }
            if let Some(pipe) = errors.as_mut().filter(|_| from_errors) {
                let count = pipe.read(piece.as_mut_slice()).map_err(cannot)?;
                let room = MAX_SAID.saturating_sub(said.len()).min(count);
                said.extend_from_slice(piece.get(..room).unwrap_or_default());
                if count == 0 {
                    errors = None;
                }
            }
        }
        Ok(printed)
    }

    /// Waits for its end; none if that is too late.
    fn end(&mut self, context: &Context, deadline: Instant) -> Result<Option<ExitStatus>> {
        loop {
            let status = self.0.try_wait();
            let status = status.or_could_not_run(|| "cannot wait for the program".to_owned())?;
            if status.is_some() || Instant::now() >= deadline {
                return Ok(status);
            }
            context.check_interrupted()?;
            std::thread::sleep(PAUSE / 10);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The leader is not waited for before all of its group have the signal: until then its number is nobody else's.
        if let Ok(None) = self.0.try_wait()
            && let Some(group) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw)
        {
            // It may have ended just now, and nobody is left to tell.
            let _ = kill_process_group(group, Signal::KILL);
            let _ = self.0.wait();
        }
    }
}

/// Waits until one of the two can be read, or is at its end.
fn ready(output: Option<&impl AsFd>, errors: Option<&impl AsFd>, time: Duration) -> rustix::io::Result<(bool, bool)> {
    let mut polled = Vec::new();
    polled.extend(output.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
    polled.extend(errors.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
    let time = Timespec {
        tv_sec: 0,
        tv_nsec: time.subsec_nanos().into(),
    };
    match poll(&mut polled, Some(&time)) {
        Ok(_) => {}
        Err(Errno::INTR) => return Ok((false, false)),
        Err(errno) => return Err(errno),
    }
    let mut is_ready = polled.iter().map(|pipe| !pipe.revents().is_empty());
    let from_output = output.is_some() && is_ready.next().unwrap_or_default();
    Ok((from_output, errors.is_some() && is_ready.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, time: Duration) -> Result<Zeroizing<Vec<u8>>> {
        within(
            &Context::host(),
            Path::new("/bin/sh"),
            &["-c".into(), script.into()],
            time,
        )
    }

    #[test]
    fn the_output_is_taken_and_the_environment_is_bare() {
        let printed = shell(
            "printf '%s ' hunter2; env | sed 's/=.*//' | sort | tr '\\n' ' '; pwd",
            Duration::from_secs(20),
        );
        // What the shell itself sets is not from us.
        let printed = String::from_utf8(printed.unwrap().to_vec()).unwrap();
        assert_eq!(printed, "hunter2 LC_ALL PATH PWD /\n");
    }

    #[test]
    fn a_failure_tells_what_was_said_and_never_the_output() {
        let started = Instant::now();
        for (script, reason) in [
            (
                "echo hunter2; echo no TPM >&2; exit 3",
                "failed: it ended with exit status: 3",
            ),
            ("echo hunter2; echo no TPM >&2; sleep 60", "did not end within 0.5 s"),
            (
                "echo hunter2; echo no TPM >&2; exec >&- 2>&-; sleep 60",
                "did not end within 0.5 s",
            ),
            ("echo no TPM >&2; yes hunter2", "printed more than 4096 bytes"),
        ] {
            let error = shell(script, Duration::from_millis(500)).err().unwrap();
            let all = format!("{error:?} {error} {:?} {:?}", error.causes(), error.hints());
            assert!(error.to_string().contains(reason), "{all}");
            assert!(error.causes().iter().any(|cause| cause == "no TPM"), "{all}");
            assert!(!all.contains("hunter2"), "{all}");
        }
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn all_that_it_started_ends_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("alive");
        let script = format!("(sleep 2; touch {}) & sleep 60", file.display());
        assert!(shell(&script, Duration::from_millis(300)).is_err());
        std::thread::sleep(Duration::from_secs(3));
        assert!(!file.exists());
    }

    #[test]
    fn a_program_that_others_can_change_is_not_started() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        std::fs::write(&program, "#!/bin/sh\necho hunter2\n").unwrap();
        let run = |mode| {
            std::fs::set_permissions(&program, std::fs::Permissions::from_mode(mode)).unwrap();
            secret_of(&Context::host(), &program, &[])
        };
        assert_eq!(run(0o755).unwrap().as_slice(), b"hunter2\n");
        assert!(run(0o775).is_err());
        assert!(run(0o757).is_err());
        assert!(secret_of(&Context::host(), Path::new("sh"), &[]).is_err());
    }
}
