//! The checks of the machine before keys are made on it.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::error::{Error, Explain, Result};
use crate::finding::Status;
use crate::formats::crypto::hash::HashAlgorithm;
use crate::formats::firmware::guid::Guid;
use crate::formats::text::Shown;
use crate::system::{self, Context};

use super::clock;
use super::places;
use super::spec::{MachineCheck, Spec};
use super::transcript::Looked;

/// Largest file of `/proc` or `/sys` that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Carrier state of a network interface that leads somewhere.
const UP: &str = "up";

/// A check that ran, with its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The check.
    pub id: MachineCheck,
    /// The answer: pass, warn, or could not run.
    #[serde(rename = "outcome", serialize_with = "name_of")]
    pub status: Status,
    /// The reason, for people.
    pub reason: String,
    /// The command or step that mends it; `None` if it passed.
    pub remedy: Option<String>,
}

impl Check {
    pub(super) fn record(&self) -> Looked {
        Looked {
            id: self.id.name().to_owned(),
            outcome: match self.status {
                // As transcripts have always had it.
                Status::CouldNotRun => "could not run".to_owned(),
                other => other.name().to_owned(),
            },
            reason: self.reason.clone(),
        }
    }
}

// The form that serde calls.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn name_of<S: Serializer>(status: &Status, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(status.name())
}

/// The answer of a check, its reason, and the remedy.
type Seen = (Status, String, Cow<'static, str>);

/// Runs all checks.
#[must_use]
pub fn look(context: &Context, spec: &Spec) -> Vec<Check> {
    MachineCheck::ALL.map(|id| run(context, spec, id)).into()
}

fn run(context: &Context, spec: &Spec, id: MachineCheck) -> Check {
    let seen = match id {
        MachineCheck::Network => network(context),
        MachineCheck::Swap => swap(context),
        MachineCheck::CoreDumps => Ok(core_dumps()),
        MachineCheck::WorkSpace => spec.work_directory().and_then(|path| work_space(&path)),
        MachineCheck::Clock => plausible_clock(context),
        MachineCheck::Randomness => Ok(randomness()),
        MachineCheck::Places => apart(context, spec),
        MachineCheck::Program => program().map(|digest| program_is(&digest, spec.program.as_deref())),
        MachineCheck::SecureBoot => secure_boot(context),
    };
    let (status, reason, remedy) = seen.unwrap_or_else(|error| {
        let remedy = error.hints().first().copied().map(str::to_owned);
        let remedy = remedy.unwrap_or_else(|| "run the ceremony as root on the machine itself".to_owned());
        (Status::CouldNotRun, error.in_one_line(), Cow::Owned(remedy))
    });
    Check {
        id,
        status,
        reason,
        remedy: (status != Status::Pass).then(|| remedy.into_owned()),
    }
}

/// Refuses where a check that must pass did not.
pub(super) fn insist(spec: &Spec, checks: &[Check]) -> Result<()> {
    // OpenPGP's and X.509's dates end, and keys without randomness are none: no specification can wave these through.
    let must = |id| spec.fatal.contains(&id) || matches!(id, MachineCheck::Randomness);
    let failed = checks
        .iter()
        .find(|check| check.status != Status::Pass && must(check.id));
    match failed {
        None => Ok(()),
        Some(check) => {
            let refused = Error::refused(format!(
                "the check {} must pass, and did not: {}",
                check.id.name(),
                check.reason
            ));
            Err(match &check.remedy {
                Some(remedy) => refused.hint(remedy),
                None => refused,
            })
        }
    }
}

fn passed(reason: impl Into<String>) -> Seen {
    (Status::Pass, reason.into(), Cow::Borrowed(""))
}

fn warning(reason: impl Into<String>, remedy: &'static str) -> Seen {
    (Status::Warn, reason.into(), Cow::Borrowed(remedy))
}

fn text(path: &Path) -> Result<String> {
    let bytes = system::read_prefix(path, Some(MAX_FILE))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn network(context: &Context) -> Result<Seen> {
    let mut up = Vec::new();
    for interface in system::list_directory(&context.path("/sys/class/net"))? {
        let name = interface
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let Some(name) = name.filter(|name| name != "lo" && interface.path.join("operstate").exists()) else {
            continue;
        };
        // Tunnels and the like never know, and say "unknown" while they are up.
        let state = text(&interface.path.join("operstate"))?;
        let has_carrier = text(&interface.path.join("carrier")).is_ok_and(|carrier| carrier.trim() == "1");
        if state.trim() == UP || has_carrier {
            up.push(name);
        }
    }
    Ok(if up.is_empty() {
        passed("no network interface is up")
    } else {
        let reason = format!("the network is up: {}", up.join(", "));
        warning(reason, "pull the cable, or: ip link set INTERFACE down")
    })
}

fn swap(context: &Context) -> Result<Seen> {
    let table = text(&context.path("/proc/swaps"))?;
    let mut clear = Vec::new();
    for line in table.lines().skip(1) {
        let Some(device) = line.split_whitespace().next() else {
            continue;
        };
        let name = device.strip_prefix("/dev/").unwrap_or(device);
        let uuid = context.path("/sys/block").join(name).join("dm/uuid");
        let is_encrypted = text(&uuid).is_ok_and(|uuid| uuid.starts_with("CRYPT-"));
        if !name.starts_with("zram") && !is_encrypted {
            clear.push(device.to_owned());
        }
    }
    Ok(if clear.is_empty() {
        passed("no swap, or none in clear")
    } else {
        let reason = format!("memory may be written in clear to {}", clear.join(", "));
        warning(reason, "swapoff -a")
    })
}

fn core_dumps() -> Seen {
    use rustix::process::{DumpableBehavior, dumpable_behavior};
    match dumpable_behavior() {
        Ok(DumpableBehavior::NotDumpable) => passed("this process leaves no core"),
        _ => warning(
            "this process may leave its memory in a core file",
            "ulimit -c 0, and /proc/sys/kernel/core_pattern must not begin with |",
        ),
    }
}

fn work_space(work: &Path) -> Result<Seen> {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of `linux/magic.h`.
    const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
    let directory = system::nearest_directory(work);
    let statfs = rustix::fs::statfs(&directory).or_could_not_run(|| format!("cannot look at {}", directory.shown()))?;
    Ok(
        if IN_MEMORY
            .iter()
            .any(|magic| u128::try_from(statfs.f_type).ok() == Some(u128::from(*magic)))
        {
            passed(format!("{} is in memory", directory.shown()))
        } else {
            let reason = format!(
                "{} is on a disk: unencrypted keys leave traces there that nobody can remove for sure",
                directory.shown()
            );
            warning(
                reason,
                "name a directory in memory in the specification: work = \"/run/bootseal-ceremony\"",
            )
        },
    )
}

fn plausible_clock(context: &Context) -> Result<Seen> {
    Ok(match clock::implausible(context, &[])? {
        None => passed(format!("the clock says {}", context.date_time()?)),
        Some(doubt) => warning(doubt.reason, clock::SET),
    })
}

fn randomness() -> Seen {
    use rustix::rand::{GetRandomFlags, getrandom};
    let mut bytes = [0_u8; 32];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(32) if bytes != [0; 32] => passed("the kernel's generator is seeded"),
        Ok(_) | Err(_) => warning(
            "the kernel's generator is not seeded yet",
            "wait a minute, type on the keyboard, and run the command again",
        ),
    }
}

fn apart(context: &Context, spec: &Spec) -> Result<Seen> {
    Ok(match places::slip(context, spec)? {
        Some(slip) => (Status::Warn, slip.reason, Cow::Owned(slip.remedy)),
        None if places::is_trial(spec) => passed("all of it lies among passing files, as a trial"),
        None if spec.offline.is_none() && spec.backup.is_none() => passed("nothing is to be kept apart"),
        None => passed("offline keys and backup are apart from the disk of this system"),
    })
}

/// SHA-256 of the running program, lower-case hex.
pub(super) fn program() -> Result<String> {
    program_at(Path::new("/proc/self/exe"))
}

fn program_at(path: &Path) -> Result<String> {
    let bytes = system::read(path).map_err(|error| match error.io_kind() {
        // Every process has this link, where /proc is mounted.
        Some(ErrorKind::NotFound) => error.hint("mount -t proc proc /proc"),
        _ => error,
    })?;
    Ok(HashAlgorithm::Sha256.digest(&[&bytes]).to_hex())
}

fn program_is(digest: &str, expected: Option<&str>) -> Seen {
    match expected {
        Some(expected) if expected != digest => warning(
            format!("this program has the SHA-256 {digest}, and {expected} is expected"),
            "use the program that was reviewed, or correct preflight.program in the specification",
        ),
        Some(_) => passed(format!("this program is the one expected, {digest}")),
        None => passed(format!("this program has the SHA-256 {digest}")),
    }
}

fn secure_boot(context: &Context) -> Result<Seen> {
    let name = format!("/sys/firmware/efi/efivars/SecureBoot-{}", Guid::GLOBAL);
    let bytes = system::read_prefix(&context.path(name), Some(16))?;
    Ok(if bytes.last() == Some(&1) && bytes.len() == 5 {
        passed("Secure Boot is on")
    } else {
        warning(
            "Secure Boot is off: nobody has verified the programs that run here",
            "start from a medium that you trust; on a machine of yours with Secure Boot on, best",
        )
    })
}

#[cfg(test)]
mod tests;
