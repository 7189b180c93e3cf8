//! The firmware's event log of the last start, in the kernel's copy: everything that the TPM was told.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Error, Explain, Result};
use crate::formats::firmware::event_log::EventLog;
use crate::formats::text::Shown;

use super::context::Context;
use super::files::read_prefix;

/// The directory in which the kernel lists TPMs.
const TPMS: &str = "/sys/class/tpm";
/// The mount point of securityfs.
const SECURITYFS: &str = "/sys/kernel/security";
/// The log of the first TPM, below securityfs.
const LOG: &str = "tpm0/binary_bios_measurements";
/// Largest log that is read, in bytes; firmware reserves 64 KiB to a few hundred.
const MAX_LOG: u64 = 16 << 20;

/// The machine's own event log, or the one in `file`.
pub fn event_log(context: &Context, file: Option<&Path>) -> Result<EventLog> {
    let path = match file {
        Some(file) => file.to_path_buf(),
        None => own_log(context)?,
    };
    let bytes = read_prefix(&path, Some(MAX_LOG))?;
    EventLog::parse(&bytes).or_could_not_run(|| format!("{} is no event log", path.shown()))
}

fn own_log(context: &Context) -> Result<PathBuf> {
    let path = context.path(SECURITYFS).join(LOG);
    match fs::metadata(&path) {
        Ok(_) => return Ok(path),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(Error::could_not_run(format!("cannot read {}", path.shown())).hint("run the command as root"));
        }
        Err(_) => {}
    }
    let is_empty =
        |directory: &str| fs::read_dir(context.path(directory)).map_or(true, |mut entries| entries.next().is_none());
    if is_empty(TPMS) {
        return Err(Error::could_not_run(
            "this machine has no TPM, or it is switched off in the firmware's setup",
        ));
    }
    if is_empty(SECURITYFS) {
        return Err(
            Error::could_not_run(format!("securityfs is not mounted at {SECURITYFS}"))
                .hint(format!("mount -t securityfs securityfs {SECURITYFS}")),
        );
    }
    Err(Error::could_not_run("the firmware left no event log for the kernel"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_for_there_being_no_log_is_told_apart() {
        let root = tempfile::tempdir().unwrap();
        let context = Context::host().with_root(root.path());
        let refusal = || event_log(&context, None).unwrap_err().to_string();
        let make = |path: &str| fs::create_dir_all(context.path(path)).unwrap();
        assert!(refusal().contains("has no TPM"));
        make("/sys/class/tpm/tpm0");
        assert!(refusal().contains("securityfs is not mounted"));
        make("/sys/kernel/security/lockdown");
        assert!(refusal().contains("left no event log"));
        make("/sys/kernel/security/tpm0");
        let log = context.path(SECURITYFS).join(LOG);
        fs::write(&log, b"nonsense").unwrap();
        assert!(refusal().contains("is no event log"));
        let sample = include_bytes!("../../tests/golden/data/tpm/ovmf-swtpm-eventlog.bin");
        fs::write(&log, sample).unwrap();
        assert_eq!(event_log(&context, None).unwrap(), EventLog::parse(sample).unwrap());
        assert_eq!(
            event_log(&Context::host(), Some(&log)).unwrap(),
            EventLog::parse(sample).unwrap()
        );
    }
}
